# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second listener on the same port of a load balancer is refused.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyListener.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.elbv2.exceptions import DuplicateListenerError
from moto.elbv2.models import ELBv2Backend

from lab.control.patches import Patches

if TYPE_CHECKING:
    from lab.control.cloud import Cloud


def correct(cloud: Cloud, moto: Patches) -> None:
    """Look at ports; moto looks for the port among ARNs."""

    def create(original: Any, backend: ELBv2Backend, *args: Any, **kwargs: Any) -> Any:
        arn = kwargs.get("load_balancer_arn") or args[0]
        port = kwargs.get("port") or args[2]
        balancer = backend.load_balancers.get(arn)
        taken = {str(listener.port) for listener in balancer.listeners.values()} if balancer else set()
        if str(port) in taken:
            raise DuplicateListenerError()
        return original(backend, *args, **kwargs)

    def modify(original: Any, backend: ELBv2Backend, arn: str, port: str | None = None, *args: Any, **more: Any) -> Any:
        balancers = [each for each in backend.load_balancers.values() if arn in each.listeners]
        others = {other for each in balancers for other in each.listeners.values() if other.arn != arn}
        if port is not None and str(port) in {str(other.port) for other in others}:
            raise DuplicateListenerError()
        return original(backend, arn, port, *args, **more)

    moto.wrap(ELBv2Backend, "create_listener", create)
    moto.wrap(ELBv2Backend, "modify_listener", modify)
