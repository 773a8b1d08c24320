# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of bad input: what is given to which module, and the words that its one error must have.

``{name}`` in an option stands for what the cloud has of that name. ``says`` has the option or the resource, and the way
out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SERVICES = {"cluster": "shop", "stable_service": "cart", "canary_service": "cart-canary"}
GROUPS = {"stable_target_group": "{stable}", "canary_target_group": "{canary}"}
CART = {"cluster": "shop", "service": "cart"}
OTHER_REGION = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/canary/0123456789abcdef"
NETWORK = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/net/pipes/0123456789abcdef/0123456789abcdef"
OTHER_PARTITION = "arn:aws-cn:elasticloadbalancing:eu-central-1:123456789012:targetgroup/canary/0123456789abcdef"


@dataclass(frozen=True)
class Bad:
    """One row: the options, the words of the error, and what differs in the environment (None: not set there).

    ``caller`` is a role of the cloud, or a word for credentials that AWS does not take.
    """

    options: dict[str, Any]
    says: tuple[str, ...]
    caller: str = ""
    environment: dict[str, str | None] = field(default_factory=dict)


def without(options: dict[str, Any], *names: str) -> dict[str, Any]:
    """The options but some."""
    return {name: value for name, value in options.items() if name not in names}


WEIGHTS = [
    # How much.
    Bad(SERVICES, ("percent", "weights", "one of the following is required")),
    Bad(
        {**SERVICES, "percent": 25, "weights": {"stable": 3, "canary": 1}}, ("percent", "weights", "mutually exclusive")
    ),
    Bad({**SERVICES, "percent": 150}, ("percent is 150", "from 0 to 100")),
    Bad({**SERVICES, "percent": -5}, ("percent is -5", "from 0 to 100")),
    Bad({**SERVICES, "percent": 12.34}, ("percent is 12.34", "steps of 0.1")),
    Bad({**SERVICES, "percent": "many"}, ("percent", "convert", "float")),
    Bad({**SERVICES, "percent": "nan"}, ("percent is nan", "from 0 to 100")),
    Bad({**SERVICES, "percent": "inf"}, ("percent is inf", "from 0 to 100")),
    Bad({**SERVICES, "percent": ""}, ("percent", "float")),
    Bad({**SERVICES, "percent": None}, ("percent", "empty")),
    Bad({**SERVICES, "percent": True}, ("percent is true", "give a number")),
    Bad({**SERVICES, "percent": [25]}, ("percent", "float")),
    Bad({**SERVICES, "weights": {"stable": 0, "canary": 0}}, ("weights are both 0", "Give one of them a weight")),
    Bad({**SERVICES, "weights": {"stable": 1000, "canary": 1}}, ("weights.stable is 1000", "from 0 to 999")),
    Bad({**SERVICES, "weights": {"stable": 110, "canary": -10}}, ("weights.canary is -10", "from 0 to 999")),
    Bad({**SERVICES, "weights": {"stable": 1.5, "canary": 1}}, ("stable", "weights", "int")),
    Bad({**SERVICES, "weights": {"stable": 1}}, ("canary", "weights", "missing required")),
    Bad({**SERVICES, "weights": {"stable": 1, "canary": 1, "third": 1}}, ("third", "weights", "Unsupported")),
    Bad({**SERVICES, "weights": "25"}, ("dictionary requested", "key=value")),
    Bad({**SERVICES, "weights": {"stable": True, "canary": 1}}, ("weights.stable is true", "give a number")),
    Bad({**SERVICES, "percent": 25, "from_percent": 101}, ("from_percent is 101", "from 0 to 100")),
    Bad({**SERVICES, "percent": 25, "from_percent": 0.25}, ("from_percent is 0.25", "steps of 0.1")),
    Bad({**SERVICES, "percent": 25, "from_percent": 10}, ("from_percent is 10", "is at", "Nothing was changed")),
    Bad({**SERVICES, "percent": 25, "wait_timeout": -1}, ("wait_timeout is -1", "0 or more")),
    Bad({**SERVICES, "percent": 25, "stickiness": "off"}, ("stickiness", "preserve, disable", "off")),
    Bad({**SERVICES, "percent": 25, "on_partial_failure": "ask"}, ("on_partial_failure", "put_back, leave", "ask")),
    Bad({**SERVICES, "percent": 25, "percnt": 5}, ("percnt", "Unsupported")),
    # Of what.
    Bad({"percent": 25}, ("stable_service", "stable_target_group", "one of the following is required")),
    Bad({**SERVICES, **GROUPS, "percent": 25}, ("stable_service", "stable_target_group", "mutually exclusive")),
    Bad({**without(SERVICES, "cluster"), "percent": 25}, ("cluster", "required together")),
    Bad({**without(SERVICES, "canary_service"), "percent": 25}, ("canary_service", "required together")),
    Bad({**without(GROUPS, "canary_target_group"), "percent": 25}, ("canary_target_group", "required together")),
    Bad({**SERVICES, "cluster": "", "percent": 25}, ("cluster is empty", "name or its ARN")),
    Bad({**SERVICES, "canary_service": "  ", "percent": 25}, ("canary_service is empty", "name or its ARN")),
    Bad({**SERVICES, "canary_service": None, "percent": 25}, ("canary_service", "empty")),
    Bad({**SERVICES, "canary_service": "cart", "percent": 25}, ("both cart", "a service of its own")),
    Bad({**SERVICES, "cluster": "shpo", "percent": 25}, ("shpo", "Check that it exists, and the region")),
    Bad({**SERVICES, "canary_service": "cart-canry", "percent": 25}, ("cart-canry", "does not exist", "Check")),
    Bad({**SERVICES, "canary_service": "cart-can", "percent": 25}, ("cart-can", "does not exist", "Check")),
    Bad({**SERVICES, "canary_service": "gone", "percent": 25}, ("gone", "INACTIVE", "Name one that runs")),
    Bad(
        {**SERVICES, "canary_service": ["cart-canary", "x"], "percent": 25},
        ("'cart-canary', 'x'", "does not exist", "Check"),
    ),
    Bad({**SERVICES, "canary_service": "same-group", "percent": 25}, ("same target group", "one of its own")),
    Bad({**SERVICES, "canary_service": "no-balancer", "percent": 25}, ("no target group", "Give it a load balancer")),
    Bad(
        {**SERVICES, "canary_service": "other-group", "percent": 25}, ("No listener rule forwards to both", "Searched")
    ),
    Bad({**GROUPS, "canary_target_group": "{stable}", "percent": 25}, ("both", "a target group of its own")),
    Bad({**GROUPS, "canary_target_group": "canry", "percent": 25}, ("canry", "TargetGroupNotFound", "Check")),
    Bad({**GROUPS, "canary_target_group": "{unused}", "percent": 25}, ("No listener rule", "unused", "Add both")),
    Bad(
        {**GROUPS, "canary_target_group": "{listener}", "percent": 25}, ("canary_target_group", "ARN of a targetgroup")
    ),
    Bad(
        {**GROUPS, "canary_target_group": "{canary}/x", "percent": 25}, ("canary_target_group", "ARN of a targetgroup")
    ),
    Bad(
        {**GROUPS, "canary_target_group": "arn:aws:nonsense", "percent": 25},
        ("arn:aws:nonsense", "ARN of a targetgroup"),
    ),
    Bad({**GROUPS, "canary_target_group": OTHER_REGION, "percent": 25}, ("us-east-1", "{region}", "Set region")),
    Bad({**GROUPS, "canary_target_group": OTHER_PARTITION, "percent": 25}, ("aws-cn", "partition")),
    Bad({**GROUPS, "region": "eu-west-1", "percent": 25}, ("eu-west-1", "{region}", "Set region")),
    Bad({**GROUPS, "rules": [NETWORK], "percent": 25}, ("rules", "not of an Application Load Balancer")),
    Bad({**GROUPS, "rules": ["{redirect}"], "percent": 25}, ("No listener rule", "{redirect}")),
    Bad({**GROUPS, "rules": ["{login_rule}", "{redirect}"], "percent": 25}, ("{redirect}", "Take it out of rules")),
    Bad({**GROUPS, "rules": ["{stable}"], "percent": 25}, ("rules", "listener or listener-rule")),
    Bad({**GROUPS, "rules": ["10"], "percent": 25}, ("rules", "'10'", "listener or listener-rule")),
    Bad({**GROUPS, "rules": ["{login_rule}0"], "percent": 25}, ("{login_rule}0", "RuleNotFound", "Check")),
    Bad({**GROUPS, "rules": {"arn": "x"}, "percent": 25}, ("rules", "list")),
    Bad({**GROUPS, "rules": [], "percent": 25}, ("rules is empty", "leave it out")),
    Bad(
        {"stable_target_group": "left", "canary_target_group": "right", "percent": 25},
        ("third target group", "third", "Take it out"),
    ),
    Bad(
        {
            "stable_target_group": "sticky-left",
            "canary_target_group": "sticky-right",
            "percent": 0,
            "stickiness": "disable",
        },
        ("stickiness is disable", "sticky-left", "stickiness.enabled"),
    ),
    Bad({**SERVICES, "percent": 100, "wait_timeout": 0}, ("canary", "0 healthy", "nothing was changed")),
]

CAPACITY = [
    Bad(CART, ("desired", "min", "max", "like", "one of the following is required")),
    Bad({"cluster": "shop", "desired": 2}, ("service", "missing required")),
    Bad({"service": "cart", "desired": 2}, ("cluster", "missing required")),
    Bad({**CART, "desired": -1}, ("desired is -1", "zero tasks or more")),
    Bad({**CART, "desired": 2.5}, ("desired", "int")),
    Bad({**CART, "desired": "two"}, ("desired", "convert", "int")),
    Bad({**CART, "desired": True}, ("desired is true", "give a number")),
    Bad({**CART, "desired": None}, ("desired, min, max, like, hold are empty", "give one of them")),
    Bad({**CART, "desired": 9}, ("desired 9", "min 1 and max 4", "Give a count within them")),
    Bad({**CART, "min": 5}, ("min 5 is above max 4",)),
    Bad({**CART, "max": -1, "min": -2}, ("min is -2", "0 or more")),
    Bad({**CART, "desired": 2, "wait_timeout": -1}, ("wait_timeout is -1", "0 or more")),
    Bad({**CART, "desired": 2, "wait": "perhaps"}, ("wait", "perhaps", "boolean")),
    Bad({"cluster": "shop", "service": "cart-canary", "min": 2}, ("no scalable target", "give max too")),
    Bad({**CART, "desired": 2, "like": {"service": "cart-canary", "percent": 5}}, ("like", "desired", "mutually")),
    Bad({**CART, "like": {"service": "cart", "percent": 5}}, ("cart", "like itself", "name another one")),
    Bad({**CART, "like": {"service": "cart-canary", "percent": 101}}, ("like.percent is 101", "from 0 to 100")),
    Bad({**CART, "like": {"service": "cart-canary"}}, ("percent", "like", "missing required")),
    Bad({**CART, "like": {"service": "nobody", "percent": 5}}, ("nobody", "does not exist", "Check")),
    Bad(
        {**CART, "like": {"service": "cart-canary", "percent": 5, "at_least": {"desired": -1}}},
        ("like.at_least.desired is -1", "0 or more"),
    ),
    Bad({"cluster": "shop", "service": "", "desired": 2}, ("service is empty", "name or its ARN")),
    Bad({"cluster": "", "service": "cart", "desired": 2}, ("cluster is empty", "name or its ARN")),
    Bad({"cluster": "shpo", "service": "cart", "desired": 2}, ("shpo", "Check that it exists, and the region")),
    Bad({"cluster": "shop", "service": "daemon", "desired": 2}, ("daemon", "DAEMON", "Name a REPLICA service")),
    Bad({"cluster": "shop", "service": "gone", "desired": 2}, ("gone", "INACTIVE", "Name one that runs")),
]

PROMOTE = [
    Bad(without(SERVICES, "canary_service"), ("canary_service", "missing required")),
    Bad({**SERVICES, "canary_service": "cart"}, ("both cart", "a service of its own")),
    Bad({**SERVICES, "canary_service": ""}, ("canary_service is empty", "name or its ARN")),
    Bad({**SERVICES, "canary_service": "gone"}, ("gone", "INACTIVE", "Name one that runs")),
    Bad({**SERVICES, "stable_service": "daemon"}, ("DAEMON", "Name a REPLICA service")),
    Bad({**SERVICES, "stable_service": "codedeploy"}, ("codedeploy", "CODE_DEPLOY", "with the controller ECS")),
    Bad({**SERVICES, "take": "everything"}, ("take", "task_definition, image", "everything")),
    Bad({**SERVICES, "require_full_traffic": "maybe"}, ("require_full_traffic", "maybe", "boolean")),
    Bad({**SERVICES, "wait_timeout": -1}, ("wait_timeout is -1", "0 or more")),
    Bad({**SERVICES, "rules": ["{stable}"]}, ("rules", "listener or listener-rule")),
    Bad({**SERVICES, "take": "previous"}, ("does not remember a release", "Deploy the one that you want")),
    Bad(SERVICES, ("does not hold all traffic", "Shift to 100 percent first")),
]

INFO = [
    Bad({}, ("stable_service", "stable_target_group", "one of the following is required")),
    Bad({**SERVICES, "canary_service": "cart-canry"}, ("cart-canry", "does not exist", "Check")),
    Bad({**GROUPS, "canary_target_group": OTHER_REGION}, ("us-east-1", "{region}", "Set region")),
    Bad({**GROUPS, "rules": [""]}, ("rules", "listener or listener-rule")),
    Bad({**GROUPS, "wait_for": "healthy"}, ("wait_for is healthy", "name them with cluster")),
    Bad({**SERVICES, "wait_for": "ready"}, ("wait_for", "healthy, drained", "ready")),
    Bad({**SERVICES, "wait_for": "healthy", "wait_timeout": -1}, ("wait_timeout is -1", "0 or more")),
]

# Who asks, and where. The same for all modules, so that each is tried with some.
ASKING: dict[str, list[Bad]] = {
    "ecs_canary_info": [
        Bad(SERVICES, ("no AWS credentials were found", "AWS_PROFILE"), caller="none"),
        Bad({**SERVICES, "profile": "nosuch"}, ("nosuch", "profile"), caller="none"),
        Bad({**SERVICES, "region": "eu central"}, ("eu central", "region_name")),
        Bad(
            SERVICES,
            ("requires a region", "environment variables"),
            environment={"AWS_REGION": None, "AWS_DEFAULT_REGION": None},
        ),
        Bad(
            SERVICES,
            ("endpoint could not be reached", "AWS_ENDPOINT_URL"),
            environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"},
        ),
    ],
    "ecs_canary_weights": [
        Bad({**SERVICES, "percent": 25}, ("not accept the credentials", "check the access key"), caller="unknown"),
        Bad({**GROUPS, "percent": 25}, ("not accept the credentials", "check the access key"), caller="forged"),
        Bad({**SERVICES, "percent": 25}, ("have expired", "log in again"), caller="ended"),
        Bad({**SERVICES, "percent": 25}, ("permission denied", "allow ecs:DescribeServices"), caller="nobody"),
        Bad(
            {**SERVICES, "percent": 0},
            ("permission denied", "allow elasticloadbalancing:ModifyRule", "{login_rule}"),
            caller="reader",
        ),
    ],
    "ecs_service_capacity": [
        Bad({**CART, "desired": 2}, ("have expired", "log in again"), caller="ended"),
        Bad({**CART, "desired": 2}, ("permission denied", "allow ecs:UpdateService", "cart"), caller="reader"),
        Bad(
            {**CART, "max": 8},
            ("permission denied", "allow application-autoscaling:RegisterScalableTarget", "service/shop/cart"),
            caller="reader",
        ),
    ],
    "ecs_canary_promote": [
        Bad(
            {**SERVICES, "require_full_traffic": False},
            ("permission denied", "allow ecs:TagResource", "cart"),
            caller="reader",
        ),
    ],
    "ecs_canary_stack_info": [
        Bad({"stack_name": "shop"}, ("have expired", "log in again"), caller="ended"),
        Bad({"stack_name": "shop"}, ("permission denied", "allow cloudformation:DescribeStackEvents"), caller="nobody"),
        Bad(
            {"stack_name": "shop"},
            ("requires a region", "environment variables"),
            environment={"AWS_REGION": None, "AWS_DEFAULT_REGION": None},
        ),
    ],
}
STACK_INFO = [
    Bad({}, ("stack_name", "missing")),
    Bad({"stack_name": "shop", "wait_timeout": -1}, ("wait_timeout is -1", "0 or more")),
    Bad({"stack_name": "shop", "wait_timeout": "long"}, ("wait_timeout", "int")),
    Bad({"stack_name": "shop", "job": "/no/such/file"}, ("/no/such/file", "results_file")),
]

TABLE: dict[str, list[Bad]] = {
    module: rows + ASKING[module]
    for module, rows in {
        "ecs_canary_weights": WEIGHTS,
        "ecs_service_capacity": CAPACITY,
        "ecs_canary_promote": PROMOTE,
        "ecs_canary_info": INFO,
        "ecs_canary_stack_info": STACK_INFO,
    }.items()
}

# What only a playbook can get wrong. The names are those that a user types after ``-e``.
PLAYBOOKS: list[tuple[str, Bad]] = [
    ("deploy.yml", Bad({"stack_name": "new"}, ("A new stack needs stable_image",))),
    ("deploy.yml", Bad({**SERVICES, "stable_image": "shop:v1"}, ("services are named", "stack_name"))),
    (
        "deploy.yml",
        Bad(
            {"stack_name": "new", "stable_image": "shop:v1", "vpc_id": "vpc-1"},
            ("Give vpc_id and subnet_ids, or neither",),
        ),
    ),
    (
        "deploy.yml",
        Bad({"stack_name": "new", "stable_image": "shop:v1", "percent": 101}, ("percent is 101", "0 to 100")),
    ),
    (
        "deploy.yml",
        Bad(
            {"stack_name": "new", "stable_image": "shop:v1", "stable_min": 5, "stable_max": 2},
            ("stable_min is 5", "stable_max is 2", "min is above max"),
        ),
    ),
    ("deploy.yml", Bad({"stack_name": "new", "stable_image": "shop:v1", "cpu": "much"}, ("cpu", "int"))),
    ("canary.yml", Bad({**SERVICES, "percent": "true"}, ("canary_percent", "convert to float"))),
    ("canary.yml", Bad({**SERVICES, "percent": 25, "step": -1}, ("step is -1", "0 to 100"))),
    ("canary.yml", Bad({**SERVICES, "percent": 25, "rules": "[]"}, ("rules", "not the ARN of a listener"))),
    ("canary.yml", Bad({"percent": 25, "stack_name": "no-such"}, ("no stack no-such", "Deploy the stack first"))),
    ("rollback.yml", Bad({"cluster": "shop"}, ("stable_service and canary_service missing", "Name all three"))),
    (
        "rollback.yml",
        Bad({**SERVICES, "restore": True}, ("does not remember a release", "Deploy the one that you want")),
    ),
    ("rollback.yml", Bad({**SERVICES, "restore": "maybe"}, ("restore", "bool"))),
    ("rollback.yml", Bad({**SERVICES, "park_desired": -2}, ("park_desired", "-2", "0 or more"))),
    ("promote.yml", Bad({**SERVICES, "take": "everything"}, ("take", "task_definition, image", "everything"))),
    ("promote.yml", Bad(SERVICES, ("a different share on each rule", "with percent=100"))),
    ("status.yml", Bad({**SERVICES, "format": "xml"}, ("format", "table, json", "xml"))),
    ("status.yml", Bad({**SERVICES, "cluster": "shpo"}, ("shpo", "Check that it exists"))),
    ("destroy.yml", Bad(SERVICES, ("services are named", "stack_name"))),
    ("destroy.yml", Bad({"stack_name": "theirs"}, ("theirs", "not", "canary.ecs"))),
    ("destroy.yml", Bad({"stack_name": "theirs", "confirm": "ours"}, ("confirm", "'ours'", "theirs", "nothing"))),
]
