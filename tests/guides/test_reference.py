# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the reference are run, and what it says of results is what the runs returned."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import yaml

from lab import lifecycle
from lab.checkout import CHECKOUT
from lab.playbooks import BINARIES
from tests.application import until
from tests.guides.promises import mismatches
from tests.guides.stage import Desk, Stage
from tests.handmade import forward
from tests.tools import tracked

# One worker runs all of this file: its lab and what the modules returned there are made once.
pytestmark = pytest.mark.xdist_group("reference")

MODULES = [name.stem for name in tracked("plugins/modules/*.py")]
# Of the stack as it is, something that an update would change.
CHANGED = {
    "stack_name": "canary-ecs",
    "template_body": f"{{{{ lookup('ansible.builtin.file', '{CHECKOUT}/roles/canary/files/canary-stack.template') }}}}",
    "template_parameters": "{{ stacks.cloudformation['canary-ecs'].stack_parameters | combine({'CanaryMax': '9'}) }}",
    "capabilities": ["CAPABILITY_IAM"],
}
FILTERS = [name.stem for name in tracked("plugins/filter/*.yml")]
NAMES = {"cluster": "shop", "stable_service": "cart-stable", "canary_service": "cart-canary"}
# The ARNs of the examples, and what the stage has in their place.
ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:"
ARNS = {
    f"{ARN}listener-rule/app/shop/50dc6c49/f2f7dc8e/9683b2d0": "shared_rule",
    f"{ARN}listener/app/shop/50dc6c49/f2f7dc8e": "listener",
    f"{ARN}targetgroup/cart-stable/73e2d6bc": "stable_group",
    f"{ARN}targetgroup/cart-canary/09966783": "canary_group",
}
# What the examples of a module find: the canary's share in percent.
SHARES = {"ecs_canary_promote": 100}
# Returned where two runs meet within a moment: tests/unit has them.
UNSEEN = {f"{name} was returned by no run" for name in ("found", "found.desired", "found.min", "found.max")}

Results = list[dict[str, Any]]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A lab with the services that the examples name."""
    with lifecycle.own("reference") as lab:
        made = Stage(lab)
        made.pair("shop", "cart-stable", "cart-canary")
        yield made


@pytest.fixture(scope="module")
def desk(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Whose playbooks print JSON."""
    return Desk.of(tmp_path_factory.mktemp("desk"), stage.lab, {})


def documentation(kind: str, *names: str) -> dict[str, Any]:
    """What ansible-doc knows of plugins of the collection, by their short names."""
    whole = [f"canary.ecs.{name}" for name in names]
    command = [str(BINARIES / "ansible-doc"), "--json", "--type", kind, *whole]
    shown = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {name: shown[f"canary.ecs.{name}"] for name in names}


def results_of(desk: Desk, play: dict[str, Any]) -> Results:
    """Run the tasks of a play, and return what each returned; one that fails unasked ends it."""
    (desk.folder / "play.json").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, **play}]))
    done = desk.run("ansible-playbook play.json", ANSIBLE_STDOUT_CALLBACK="ansible.posix.json")
    printed = json.loads(done.stdout[done.stdout.index("{\n") :])
    if done.returncode:
        pytest.fail(json.dumps(printed["plays"][-1]["tasks"][-1], indent=1), pytrace=False)
    results = [task["hosts"]["localhost"] for one in printed["plays"] for task in one["tasks"]]
    return [{key: value for key, value in result.items() if not key.startswith("_ansible")} for result in results]


def shared(percent: int) -> dict[str, Any]:
    """A task that gives the canary a share, whatever it has, and whether it is sized for that or not."""
    groups = {"stable_target_group": "cart-stable", "canary_target_group": "cart-canary"}
    return {"name": "Begin", "canary.ecs.ecs_canary_weights": {**groups, "percent": percent}}


@pytest.fixture(scope="module")
def stack(stage: Stage) -> None:
    """The stack that the examples name."""
    cloudformation = stage.client("cloudformation")
    cloudformation.create_stack(
        StackName="canary-ecs",
        TemplateBody=(CHECKOUT / "roles/canary/files/canary-stack.template").read_text(),
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in {"StableImage": "shop:v1", "CanaryImage": "shop:v2", "SubnetIds": ""}.items()
        ],
        Capabilities=["CAPABILITY_IAM"],
    )
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName="canary-ecs", WaiterConfig={"Delay": 1, "MaxAttempts": 300})


@pytest.fixture(scope="module")
def succeeded(stage: Stage, stack: None, desk: Desk) -> dict[str, Results]:
    """What the modules returned in their own examples."""
    found: dict[str, Results] = {}
    # Backwards, so that info finds what promote has left.
    for name, shown in documentation("module", *reversed(MODULES)).items():
        text = str(shown["examples"])
        for arn, word in ARNS.items():
            text = text.replace(arn, stage.names[word])
        played = results_of(desk, {"tasks": [shared(SHARES.get(name, 0)), *yaml.safe_load(text)]})[1:]
        found[name] = [result for result in played if result.get("action") == f"canary.ecs.{name}"]
    found["ecs_canary_info"] += narrowed(stage, desk)
    return found


def narrowed(stage: Stage, desk: Desk) -> Results:
    """What info returns of one rule, while another one sends the canary requests, too."""
    weights = {stage.names["stable_group"]: 95, stage.names["canary_group"]: 5}
    other = stage.rule(stage.names["listener"], 20, "/other*", forward(weights))
    look = {"name": "Look", "canary.ecs.ecs_canary_info": {**NAMES, "rules": [stage.names["shared_rule"]]}}
    played = results_of(desk, {"tasks": [look]})
    stage.client("elbv2").delete_rule(RuleArn=other)
    return played


def reader(stage: Stage) -> dict[str, str]:
    """The keys of somebody who may only look."""
    iam = stage.client("iam")
    iam.create_user(UserName="reader")
    looks = {"Effect": "Allow", "Action": ["*:Describe*", "*:List*", "*:Get*"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": looks})
    iam.put_user_policy(UserName="reader", PolicyName="looks", PolicyDocument=document)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    return {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}


def steady(stage: Stage, name: str) -> bool:
    """Whether a service has one release, and the last that ECS told of it is that all is well."""
    (service,) = stage.client("ecs").describe_services(cluster="shop", services=[name])["services"]
    return len(service["deployments"]) == 1 and "steady" in service["events"][0]["message"]


def attempts(desk: Desk, *tasks: tuple[str, dict[str, Any]]) -> Results:
    """What modules returned with some options, whether they failed or not."""
    wanted = [{"name": name, f"canary.ecs.{name}": options, "ignore_errors": True} for name, options in tasks]
    return results_of(desk, {"tasks": wanted})


@pytest.fixture(scope="module")
def failed(stage: Stage, desk: Desk, succeeded: dict[str, Results]) -> dict[str, Results]:
    """What they returned in failures: of a write that is not allowed, and of a release that ends as it starts."""
    only = {"cluster": "shop", "service": "cart-canary"}
    # The events of a release that crashes soon tell of nothing but its tasks: of each, one wait ends while all is well.
    for name in ("cart-stable", "cart-canary"):
        until(partial(steady, stage, name), seconds=120, what=f"{name} is steady")
    played = attempts(
        desk,
        ("ecs_service_capacity", {**only, "desired": 5, "max": 8, "wait_timeout": 0}),
        ("ecs_canary_promote", {**NAMES, "take": "previous", "wait_timeout": 0}),
    )
    until(partial(steady, stage, "cart-stable"), seconds=120, what="cart-stable has its release back")
    crashes = stage.release("cart-canary", "cart:v3-crash")
    stage.client("ecs").update_service(cluster="shop", service="cart-canary", taskDefinition=crashes)
    played += attempts(
        desk,
        ("ecs_canary_weights", {**NAMES, **reader(stage), "percent": 30}),
        # More than there are of the release before, which go on.
        ("ecs_service_capacity", {**only, "desired": 8, "max": 8, "wait_timeout": 10}),
        ("ecs_canary_info", {**NAMES, "wait_for": "healthy", "wait_timeout": 0}),
        ("ecs_canary_promote", {**NAMES, "require_full_traffic": False}),
        ("ecs_service_capacity", {**only, "desired": 0, "min": 0}),
        ("ecs_canary_promote", {**NAMES, "require_full_traffic": False, "wait_timeout": 15}),
    )
    assert [result["action"] for result in played if not result.get("failed")] == ["canary.ecs.ecs_service_capacity"]
    return {name: [result for result in played if result["action"] == f"canary.ecs.{name}"] for name in MODULES}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_returns_what_it_says(name: str, succeeded: dict[str, Results], failed: dict[str, Results]) -> None:
    documented = documentation("module", name)[name]["return"]
    wrong = set(mismatches(documented, succeeded[name] + failed[name])) - UNSEEN
    assert not wrong, "\n".join(sorted(wrong))


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_returns_on_success_is_there_each_time(name: str, succeeded: dict[str, Results]) -> None:
    documented = documentation("module", name)[name]["return"]
    always = {key for key, field in documented.items() if field["returned"].startswith("success")}
    assert succeeded[name]
    for result in succeeded[name]:
        assert always - set(result) == set()


def test_the_examples_of_the_filters_run_and_return_their_type(stack: None, desk: Desk) -> None:
    role = CHECKOUT / "roles" / "canary"
    found = [
        {"canary.ecs.ecs_canary_info": NAMES, "register": "live"},
        {"amazon.aws.cloudformation_info": {"stack_name": "canary-ecs", "stack_events": True}, "register": "stacks"},
        {"amazon.aws.cloudformation": CHANGED, "check_mode": True, "register": "stack"},
    ]
    shown = documentation("filter", *FILTERS)
    examples = [task for name in FILTERS for task in yaml.safe_load(shown[name]["examples"])]
    files = [str(role / folder / "main.yml") for folder in ("defaults", "vars")]
    given = {
        "options": "{{ _canary_options }}",
        "asked": "{{ _canary_asked }}",
        "canary_percent": 100,
        # As in a rescue.
        "ansible_failed_result": {"failed": True, "msg": "The stack failed."},
    }
    played = results_of(desk, {"vars_files": files, "vars": given, "tasks": [*found, *examples]})[len(found) :]
    kinds = {"dict": dict, "list": list, "str": str, "bool": bool}
    for name, result in zip(FILTERS, played, strict=True):
        kind = shown[name]["return"]["_value"]["type"]
        assert kind == "raw" or isinstance(result["msg"], kinds[kind]), name
