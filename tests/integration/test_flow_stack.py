# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack that CloudFormation does not bring to where it was to be: nothing is said to be done that is not."""

from __future__ import annotations

import json

from lab.state import Lab
from tests.application import SETTINGS, Application, until
from tests.integration.faulty import faulty

TEMPLATE = {
    "Description": "canary.ecs: a test",
    "Resources": {"Network": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.7.0.0/16"}}},
    "Outputs": {"Network": {"Value": {"Ref": "Network"}}},
}


def stuck(lab: Lab, name: str) -> Application:
    """A stack of a network, with something in it that is not the stack's: CloudFormation tries, and gives up."""
    made = Application(lab, {"stack_name": name, **SETTINGS})
    cloudformation = made.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(TEMPLATE))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    made.client("ec2").create_route_table(VpcId=made.outputs["Network"])
    return made


def status(application: Application) -> str:
    name = str(application.common["stack_name"])
    return str(application.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


def test_a_stack_that_cannot_be_removed_says_what_is_in_the_way(lab: Lab) -> None:
    application = stuck(lab, "stuck")
    played = " ".join(application.fail("destroy.yml").output.split())
    assert "Stack stuck: Stack DELETE failed. " in played
    assert "has dependencies and cannot be deleted" in played
    assert status(application) == "DELETE_FAILED"


def test_a_stack_is_not_said_to_be_removed_because_nobody_could_look(lab: Lab) -> None:
    """The first look that amazon.aws takes while it waits breaks, with all that botocore makes of it."""
    application = stuck(lab, "unseen")
    breaks = {"kind": "reset-before", "operation": "DescribeStacks", "calls": [4, 5, 6, 7, 8]}
    with faulty(application, breaks) as calls:
        played = " ".join(application.fail("destroy.yml").output.split())
    assert sum(call["status"] == 0 for call in calls) == 5
    assert "Stack unseen: it is DELETE_" in played, "in progress yet, or failed by now"
    until(lambda: status(application) == "DELETE_FAILED", seconds=60, what="CloudFormation gives up")


def test_a_stack_that_was_not_rolled_back_is_deployed_again(application: Application) -> None:
    """As the first part of a deployment leaves it that failed."""
    cloudformation, name = application.client("cloudformation"), application.common["stack_name"]
    recorded = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["Parameters"]
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in recorded} | {"CanaryImage": "shop:v3-crash"}
    cloudformation.update_stack(
        StackName=name,
        UsePreviousTemplate=True,
        DisableRollback=True,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    until(lambda: status(application) == "UPDATE_FAILED", seconds=120, what="the update fails")
    application.succeed("deploy.yml", canary_image="shop:v3")
    assert status(application) == "UPDATE_COMPLETE"
    assert application.image("Canary") == "shop:v3"
    assert application.split() == (95, 5)
