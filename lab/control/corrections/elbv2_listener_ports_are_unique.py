# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second listener on the same port of a load balancer is refused.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html
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

    moto.wrap(ELBv2Backend, "create_listener", create)
