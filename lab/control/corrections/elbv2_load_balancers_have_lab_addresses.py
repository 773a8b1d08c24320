# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A load balancer's DNS name is the loopback address at which this lab serves it.

On AWS it is a host name that resolves to the load balancer's nodes.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.elbv2.models import ELBv2Backend

from lab.control.patches import Patches

if TYPE_CHECKING:
    from lab.control.cloud import Cloud


def correct(cloud: Cloud, moto: Patches) -> None:
    """Give each new load balancer an address; it is active at once."""

    def create(original: Any, backend: ELBv2Backend, *args: Any, **kwargs: Any) -> Any:
        balancer = original(backend, *args, **kwargs)
        if backend.region_name == cloud.settings.region:
            balancer.dns_name = cloud.network.next_load_balancer()
            balancer.activate()
        return balancer

    moto.wrap(ELBv2Backend, "create_load_balancer", create)
