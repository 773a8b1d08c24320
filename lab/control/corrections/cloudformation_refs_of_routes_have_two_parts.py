# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``Ref`` of a route is its primary identifier: its table and its destination, with a bar between them.

The schema of AWS::EC2::Route names RouteTableId and CidrBlock, and Cloud Control joins the parts of an identifier so.
https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/resource-identifier.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.ec2.models.route_tables import Route

from lab.control.patches import Patches

if TYPE_CHECKING:
    from lab.control.cloud import Cloud


def correct(cloud: Cloud, moto: Patches) -> None:
    """moto has an id of its own kind."""
    moto.put(Route, "physical_resource_id", property(_identifier))


def _identifier(route: Route) -> str:
    return f"{route.route_table.id}|{route.destination_cidr_block or route.destination_ipv6_cidr_block}"
