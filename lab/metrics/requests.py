# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Envoy says of a request, and what the ALB counts of it. Pure.

Which metric counts what, and with which dimensions:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

NAMESPACE = "AWS/ApplicationELB"

# https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
FIELDS = (
    "%START_TIME(%s.%3f)%",
    "%DURATION%",
    "%RESPONSE_CODE%",
    "%RESPONSE_FLAGS%",
    "%RESPONSE_CODE_DETAILS%",
    "%UPSTREAM_CLUSTER%",
    "%UPSTREAM_HOST%",
    "%COMMON_DURATION(US_TX_END:US_RX_BEG:us)%",
    "%ROUTE_NAME%",
)
LINE = "\t".join(FIELDS) + "\n"
NONE = "-"

UNAVAILABLE_ROUTE = "unavailable"
"""The name of the routes on which the load balancer itself answers 503, as it does where all weights are 0."""

ANSWERED_BY_TARGET = "via_upstream"
UNREACHABLE = "UF"


@dataclass(frozen=True)
class Request:
    """One request. ``ended`` is in seconds since the epoch; ``target_seconds`` is None where no target answered.

    ``cluster`` and ``target`` are empty where none was chosen; ``elb`` tells that the load balancer itself failed.
    """

    ended: float
    status: int
    cluster: str
    target: str
    target_seconds: float | None
    connection_failed: bool
    elb: bool


@dataclass(frozen=True)
class Count:
    """One value of one metric. ``by_group``: also counted for the target group, not for the load balancer alone."""

    metric: str
    value: float
    unit: str = "Count"
    by_group: bool = True


def parse(line: str) -> Request:
    """Read a line written by `LINE`."""
    start, milliseconds, status, flags, details, cluster, target, microseconds, route = line.split("\t")
    answered = details == ANSWERED_BY_TARGET
    own_answer = details == "direct_response" and route != UNAVAILABLE_ROUTE
    return Request(
        ended=float(start) + float(milliseconds) / 1000,
        status=int(status),
        cluster="" if cluster == NONE else cluster,
        target="" if target == NONE else target,
        target_seconds=max(0.0, float(microseconds) / 1e6) if answered and microseconds != NONE else None,
        connection_failed=UNREACHABLE in flags.split(","),
        elb=not answered and not own_answer,
    )


def counts(request: Request) -> Iterator[Count]:
    """What the ALB counts of a request. A count that is zero is not there at all."""
    if request.target:
        yield Count("RequestCount", 1)
    if request.connection_failed:
        yield Count("TargetConnectionErrorCount", 1)
    if request.target_seconds is not None:
        yield Count(f"HTTPCode_Target_{request.status // 100}XX_Count", 1)
        yield Count("TargetResponseTime", request.target_seconds, "Seconds")
    elif request.elb and request.status >= 500:
        yield Count("HTTPCode_ELB_5XX_Count", 1, by_group=False)
        if request.status in (500, 502, 503, 504):
            yield Count(f"HTTPCode_ELB_{request.status}_Count", 1, by_group=False)
