# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The AWS CLI, which knows nothing of ours, reads the same as the lab shows."""

from __future__ import annotations

from lab.status import describe
from tests.application import Application


def test_the_aws_cli_agrees_with_what_the_lab_shows(application: Application) -> None:
    outputs, shown = application.outputs, describe(application.lab)
    stack = application.aws("cloudformation", "describe-stacks", "--stack-name", str(application.common["stack_name"]))
    assert stack["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    assert outputs["Url"] in shown
    names = [outputs["StableService"], outputs["CanaryService"]]
    services = application.aws("ecs", "describe-services", "--cluster", outputs["Cluster"], "--services", *names)
    targets = application.aws("application-autoscaling", "describe-scalable-targets", "--service-namespace", "ecs")
    bounds = {
        target["ResourceId"]: (target["MinCapacity"], target["MaxCapacity"]) for target in targets["ScalableTargets"]
    }
    for which, service in zip(("Stable", "Canary"), services["services"], strict=True):
        assert service["serviceName"] in shown
        assert service["runningCount"] == service["desiredCount"] == application.healthy(which)
        low, high = bounds[f"service/{outputs['Cluster']}/{service['serviceName']}"]
        assert (low, service["desiredCount"], high) == application.capacity(which)
        group = outputs[f"{which}TargetGroupArn"]
        health = application.aws("elbv2", "describe-target-health", "--target-group-arn", group)
        for target in health["TargetHealthDescriptions"]:
            assert target["TargetHealth"]["State"] == "healthy"
            assert target["Target"]["Id"] in shown
    rules = application.aws("elbv2", "describe-rules", "--listener-arn", outputs["ListenerArn"])["Rules"]
    forward = next(rule for rule in rules if rule["RuleArn"] == outputs["RuleArn"])["Actions"][0]["ForwardConfig"]
    weights = {group["TargetGroupArn"]: group["Weight"] for group in forward["TargetGroups"]}
    assert weights == {outputs["StableTargetGroupArn"]: 95, outputs["CanaryTargetGroupArn"]: 5}
    assert "95" in shown
