# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and sessions of the lab's account: who may call what, as AWS decides it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lab.permissions.policy import Ask, allows
from tests.lab.control.world import REGION, World

ACCOUNT = "123456789012"
SERVICE = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/main/app"
READ = {"Effect": "Allow", "Action": "ecs:DescribeServices", "Resource": SERVICE}


def allow(action: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.mark.parametrize(
    "statements, allowed",
    [
        ([allow("ecs:UpdateService")], True),
        ([allow("ECS:updateservice")], True),
        ([allow("ecs:Update*")], True),
        ([allow("ecs:Updat?Service")], True),
        ([allow("*")], True),
        ([], False),
        ([allow("ecs:UpdateServices")], False),
        ([allow("ecs.UpdateService")], False),
        ([allow("ecs:UpdateService", SERVICE)], True),
        ([allow("ecs:UpdateService", SERVICE[:-3] + "*")], True),
        ([allow("ecs:UpdateService", SERVICE + "s")], False),
        ([allow("ecs:UpdateService", SERVICE.upper())], False),
        ([allow("ecs:UpdateService"), {**allow("ecs:*"), "Effect": "Deny"}], False),
        ([allow("ecs:UpdateService", Condition={"ArnEquals": {"ecs:cluster": "arn:*:cluster/main"}})], True),
        ([allow("ecs:UpdateService", Condition={"ArnEquals": {"ecs:cluster": "arn:*:cluster/other"}})], False),
        ([allow("ecs:UpdateService", Condition={"StringEquals": {"ecs:cluster": "arn:*:cluster/main"}})], False),
        ([allow("ecs:UpdateService", Condition={"StringLike": {"ecs:task": "*"}})], False),
    ],
)
def test_what_statements_allow(statements: list[dict[str, Any]], allowed: bool) -> None:
    ask = Ask("ecs:UpdateService", SERVICE, {"ecs:cluster": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/main"})
    assert allows([{"Version": "2012-10-17", "Statement": statements}], ask) is allowed


def test_a_condition_that_the_lab_cannot_judge_is_no_quiet_yes_or_no() -> None:
    statement = allow("ecs:UpdateService", Condition={"IpAddress": {"aws:SourceIp": "127.0.0.1"}})
    with pytest.raises(NotImplementedError, match="IpAddress"):
        allows([{"Statement": statement}], Ask("ecs:UpdateService"))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World()
    made.ecs.create_cluster(clusterName="main")
    yield made
    made.cloud.stop()


def signed(world: World, service: str, key: str, secret: str, token: str | None = None) -> Any:
    make: Any = boto3.client
    return make(
        service,
        region_name=REGION,
        endpoint_url=world.endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
    )


@pytest.fixture(scope="module")
def key(world: World) -> dict[str, str]:
    """A user who may look at one service, and send target groups away."""
    iam = world.client("iam")
    iam.create_user(UserName="looker")
    statements = [READ, allow("elasticloadbalancing:DescribeTargetGroups"), allow("ecs:ListTasks")]
    iam.put_user_policy(UserName="looker", PolicyName="own", PolicyDocument=document(*statements))
    return dict(iam.create_access_key(UserName="looker")["AccessKey"])


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def test_a_user_may_do_what_the_policy_says_and_nothing_else(world: World, key: dict[str, str]) -> None:
    ecs = signed(world, "ecs", key["AccessKeyId"], key["SecretAccessKey"])
    elb = signed(world, "elbv2", key["AccessKeyId"], key["SecretAccessKey"])
    assert ecs.describe_services(cluster="main", services=["app"])["failures"]
    assert elb.describe_target_groups()["TargetGroups"] == []
    code, text = refusal(ecs.describe_services, cluster="main", services=["app", "other"])
    assert code == "AccessDeniedException"
    assert "ecs:DescribeServices on resource" in text and text.count("service/main/other") == 1
    assert refusal(ecs.update_service, cluster="main", service="app")[0] == "AccessDeniedException"
    code, text = refusal(elb.describe_load_balancers)
    assert (code, "user/looker" in text) == ("AccessDenied", True)
    ec2 = signed(world, "ec2", key["AccessKeyId"], key["SecretAccessKey"])
    assert refusal(ec2.describe_vpcs)[0] == "UnauthorizedOperation"


def test_a_refused_call_has_no_effect_and_is_in_the_log(world: World, key: dict[str, str]) -> None:
    ecs = signed(world, "ecs", key["AccessKeyId"], key["SecretAccessKey"])
    refusal(ecs.create_cluster, clusterName="theirs")
    assert world.ecs.describe_clusters(clusters=["theirs"])["clusters"] == []
    call = next(call for call in reversed(world.cloud.calls.since()) if call.operation == "CreateCluster")
    assert (call.status, call.mutating) == (403, True)


@pytest.mark.parametrize(
    "service, codes",
    [
        ("elbv2", ("InvalidClientTokenId", "SignatureDoesNotMatch")),
        ("ecs", ("UnrecognizedClientException", "InvalidSignatureException")),
        ("ec2", ("AuthFailure", "AuthFailure")),
    ],
)
def test_an_unknown_key_and_a_wrong_secret_are_refused(
    world: World, key: dict[str, str], service: str, codes: tuple[str, str]
) -> None:
    calls = {"elbv2": "describe_load_balancers", "ecs": "list_clusters", "ec2": "describe_vpcs"}
    unknown = signed(world, service, "AKIAQQQQQQQQQQQQQQQQ", key["SecretAccessKey"])
    forged = signed(world, service, key["AccessKeyId"], "wrong")
    assert (refusal(getattr(unknown, calls[service]))[0], refusal(getattr(forged, calls[service]))[0]) == codes


def test_a_change_set_that_is_named_alone_is_one_of_its_stack(world: World) -> None:
    iam, admin = world.client("iam"), world.client("cloudformation")
    iam.create_user(UserName="stacker")
    mine = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/mine/*"
    iam.put_user_policy(UserName="stacker", PolicyName="own", PolicyDocument=document(allow("cloudformation:*", mine)))
    key = iam.create_access_key(UserName="stacker")["AccessKey"]
    user = signed(world, "cloudformation", key["AccessKeyId"], key["SecretAccessKey"])
    template = json.dumps({"Resources": {"Log": {"Type": "AWS::Logs::LogGroup"}}})
    sets = [
        admin.create_change_set(StackName=name, ChangeSetName="new", ChangeSetType="CREATE", TemplateBody=template)[
            "Id"
        ]
        for name in ("mine", "theirs")
    ]
    assert user.describe_change_set(ChangeSetName=sets[0])["StackName"] == "mine"
    assert refusal(user.describe_change_set, ChangeSetName=sets[1])[0] == "AccessDenied"


def test_who_registers_a_task_definition_with_tags_may_tag_it_then(world: World) -> None:
    iam = world.client("iam")
    iam.create_user(UserName="releaser")
    key = iam.create_access_key(UserName="releaser")["AccessKey"]
    user = signed(world, "ecs", key["AccessKeyId"], key["SecretAccessKey"])
    register, definition = allow("ecs:RegisterTaskDefinition"), f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/app:*"
    container = {"name": "app", "image": "app:v1", "memory": 128}
    asked: dict[str, Any] = {"family": "app", "containerDefinitions": [container]}
    tagged = {**asked, "tags": [{"key": "team", "value": "shop"}]}
    iam.put_user_policy(UserName="releaser", PolicyName="own", PolicyDocument=document(register))
    user.register_task_definition(**asked)
    assert f"ecs:TagResource on resource: {definition}" in refusal(user.register_task_definition, **tagged)[1]
    for action, allowed in (("RegisterTaskDefinition", True), ("CreateService", False)):
        condition = {"StringEquals": {"ecs:CreateAction": action}}
        policy = document(register, allow("ecs:TagResource", definition, Condition=condition))
        iam.put_user_policy(UserName="releaser", PolicyName="own", PolicyDocument=policy)
        if allowed:
            user.register_task_definition(**tagged)
        else:
            refusal(user.register_task_definition, **tagged)


def session(world: World, seconds: int) -> dict[str, str]:
    """The credentials of a role that may read, for so many seconds: AWS gives no session of less than 900."""
    iam = world.client("iam")
    name = f"reader{seconds}"
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(READ))
    sts = boto3.client(
        "sts",
        region_name=REGION,
        endpoint_url=world.endpoint,
        aws_access_key_id="lab",
        aws_secret_access_key="lab",
        config=Config(parameter_validation=False),
    )
    given = sts.assume_role(RoleArn=arn, RoleSessionName="here", DurationSeconds=seconds)["Credentials"]
    return {"key": given["AccessKeyId"], "secret": given["SecretAccessKey"], "token": given["SessionToken"]}


def test_a_session_has_its_roles_policies_until_it_ends(world: World) -> None:
    lasting, ended = session(world, 900), session(world, -1)
    asked = {"cluster": "main", "services": ["app"]}
    assert signed(world, "ecs", **lasting).describe_services(**asked)["failures"]
    assert refusal(signed(world, "ecs", **ended).describe_services, **asked)[0] == "ExpiredTokenException"
    forged = {**lasting, "token": "forged"}
    assert refusal(signed(world, "ecs", **forged).describe_services, **asked)[0] == "UnrecognizedClientException"
    assert "assumed-role/reader900/here" in refusal(signed(world, "ecs", **lasting).list_clusters)[1]
