# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Describe returns a single-target forward in both forms, groups in an order of its own, and no client secret.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Action.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AuthenticateOidcActionConfig.html
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.models import ELBv2Backend, FakeAction

from lab.control.patches import Patches

if TYPE_CHECKING:
    from lab.control.cloud import Cloud

DEFAULTS = {
    "fixed-response": ("FixedResponseConfig", {}),
    "redirect": (
        "RedirectConfig",
        {"Protocol": "#{protocol}", "Port": "#{port}", "Host": "#{host}", "Path": "/#{path}", "Query": "#{query}"},
    ),
}


def correct(cloud: Cloud, moto: Patches) -> None:
    """Bring each action into the form that it is read back in, when it is written."""

    def init(original: Any, action: FakeAction, data: dict[str, Any]) -> None:
        original(action, as_returned(data))

    moto.wrap(FakeAction, "__init__", init)
    moto.wrap(ELBv2Backend, "modify_rule", _with_secret("rule_arn"))
    moto.wrap(ELBv2Backend, "modify_listener", _with_secret("arn"))


def as_returned(data: dict[str, Any]) -> dict[str, Any]:
    """An action as sent, in the form that Describe returns."""
    action = deepcopy(data)
    if "Order" in action:
        action["Order"] = int(action["Order"])
    if action.get("Type") == "forward":
        _forward(action)
    config, defaults = DEFAULTS.get(str(action.get("Type")), ("", {}))
    if config in action:
        action[config] = defaults | action[config]
    oidc = action.get("AuthenticateOidcConfig")
    if oidc:
        oidc.pop("ClientSecret", None)
        oidc.pop("UseExistingClientSecret", None)
    return action


def _forward(action: dict[str, Any]) -> None:
    """Both forms for one group, ForwardConfig alone for several; weights are numbers."""
    config = action.get("ForwardConfig") or {}
    groups = config.get("TargetGroups") or []
    if not groups and action.get("TargetGroupArn"):
        groups = [{"TargetGroupArn": action["TargetGroupArn"], "Weight": 1}]
    groups = [{"Weight": 1, **group} for group in groups]
    for group in groups:
        group["Weight"] = int(group["Weight"])
    sticky = dict(config.get("TargetGroupStickinessConfig") or {})
    sticky["Enabled"] = str(sticky.get("Enabled")).lower() == "true"
    if "DurationSeconds" in sticky:
        sticky["DurationSeconds"] = int(sticky["DurationSeconds"])
    action["ForwardConfig"] = {
        "TargetGroups": sorted(groups, key=lambda group: str(group["TargetGroupArn"])),
        "TargetGroupStickinessConfig": sticky,
    }
    action.pop("TargetGroupArn", None)
    if len(groups) == 1:
        action["TargetGroupArn"] = groups[0]["TargetGroupArn"]


def _with_secret(name: str) -> Any:
    """An authenticate-oidc action brings its client secret, or says that the one known already is to be used."""

    def modify(original: Any, backend: ELBv2Backend, *args: Any, **kwargs: Any) -> Any:
        arn = kwargs.get(name) or args[0]
        given = kwargs.get("actions") or (args[-1] if args and isinstance(args[-1], list) else [])
        for action in given:
            oidc = action.get("AuthenticateOidcConfig")
            if oidc and not oidc.get("ClientSecret") and not _known(backend, arn, oidc):
                raise ELBClientError("InvalidLoadBalancerAction", "A client secret must be specified")
        return original(backend, *args, **kwargs)

    return modify


def _known(backend: ELBv2Backend, arn: str, oidc: dict[str, Any]) -> bool:
    """Whether the existing secret is asked for, and the rule or listener has one."""
    if str(oidc.get("UseExistingClientSecret")).lower() != "true":
        return False
    holders: list[Any] = (
        backend.describe_rules(None, [arn]) if ":listener-rule/" in arn else backend.describe_listeners(None, [arn])
    )
    actions = holders[0].default_actions if hasattr(holders[0], "default_actions") else holders[0].actions
    return any("AuthenticateOidcConfig" in action.data for action in actions)
