# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same jobs by boto3 alone, as a short script does them: ``bare.py shift|status FACTS PERCENT``.

No read-back, no look at targets' health, no other rule, no retry but boto3's own.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import boto3


def shift(facts: dict[str, Any], percent: int) -> None:
    """Set the weights of the rule, where they differ."""
    elbv2 = boto3.client("elbv2")
    actions = elbv2.describe_rules(RuleArns=[facts["rule"]])["Rules"][0]["Actions"]
    wanted = {facts["stable_target_group"]: 100 - percent, facts["canary_target_group"]: percent}
    groups = actions[-1]["ForwardConfig"]["TargetGroups"]
    if {group["TargetGroupArn"]: group["Weight"] for group in groups} == wanted:
        return
    actions[-1] = {
        "Type": "forward",
        "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": arn, "Weight": each} for arn, each in wanted.items()]},
    }
    elbv2.modify_rule(RuleArn=facts["rule"], Actions=actions)


def status(facts: dict[str, Any], _percent: int) -> None:
    """Read weights, services and targets."""
    elbv2, ecs = boto3.client("elbv2"), boto3.client("ecs")
    print(elbv2.describe_rules(RuleArns=[facts["rule"]])["Rules"])
    services = [facts["stable_service"], facts["canary_service"]]
    print(ecs.describe_services(cluster=facts["cluster"], services=services)["services"])
    for group in ("stable_target_group", "canary_target_group"):
        print(elbv2.describe_target_health(TargetGroupArn=facts[group])["TargetHealthDescriptions"])


if __name__ == "__main__":
    {"shift": shift, "status": status}[sys.argv[1]](json.loads(sys.argv[2]), int(sys.argv[3]))
