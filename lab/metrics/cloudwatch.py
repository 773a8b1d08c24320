# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's CloudWatch: publishes what the load balancers counted, answers for it, and keeps the alarms' states."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import (
    Alarm,
    CloudWatchBackend,
    MetricAggregatedDatum,
    MetricDatum,
    MetricDatumBase,
)

from lab.balancer.config import forwarded_groups
from lab.control.settings import METRICS_PERIOD
from lab.control.views import LoadBalancer, TargetGroup
from lab.metrics.alarm import Condition, judge
from lab.metrics.distribution import Distribution
from lab.metrics.meter import Meter, Series
from lab.metrics.query import Published, Window, answers
from lab.metrics.requests import NAMESPACE, counts, parse

PUBLISHED_AFTER = 1.0
"""Seconds after the end of a period that it is published: by then Envoy has written of all its requests."""

ALARM_LOOKS_AFTER = 1.5
"""Seconds after the end of a period that alarms look at it."""

KEPT = 3 * 3600.0
"""Seconds that a datapoint stays: as long as CloudWatch keeps those of less than a minute."""

HEALTH_INTERVAL = 1.0

Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Served:
    """What a load balancer said of its requests. ``groups`` are target group ARNs by the names of Envoy's clusters."""

    balancer: str
    groups: Mapping[str, str]
    lines: tuple[str, ...]


class Measured(MetricDatumBase):
    """The values of one metric in one period, among the emulator's own records."""

    def __init__(self, start: float, series: Series, values: Distribution) -> None:
        dimensions = [{"Name": name, "Value": value} for name, value in series.dimensions]
        super().__init__(series.namespace, series.metric, dimensions, moment(start), series.unit)
        self.values = values


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as the emulator keeps them: in UTC, and without saying so."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def seconds_of(moment: datetime) -> float:
    """A moment, in UTC where it does not say otherwise, in seconds since the epoch."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def read(backend: CloudWatchBackend, metric: Mapping[str, Any], unit: str | None) -> Iterator[Published]:
    """What was published for a metric. Its dimensions are all of the metric's, not some: others are other metrics.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Dimension
    """
    wanted = {(each["Name"], each["Value"]) for each in metric.get("Dimensions") or []}
    for datum in backend.metric_data:
        if (
            datum.name == metric["MetricName"]
            and datum.namespace == metric["Namespace"]
            and {(each.name, each.value) for each in datum.dimensions} == wanted
            and unit in (None, datum.unit)
        ):
            yield seconds_of(datum.timestamp), _values(datum)


def _values(datum: MetricDatumBase) -> Distribution:
    """The values of a record of the lab's own, or of one that a user has put."""
    if isinstance(datum, Measured):
        return datum.values
    if isinstance(datum, MetricAggregatedDatum):
        return Distribution(datum.sample_count, datum.sum, datum.min, datum.max)
    assert isinstance(datum, MetricDatum)
    values = Distribution()
    values.add(datum.value)
    return values


class Metrics:
    """Metrics and alarms. Call it under the cloud's lock. ``now`` is in seconds since the epoch."""

    def __init__(
        self,
        backend: Callable[[], CloudWatchBackend],
        *,
        period: float = METRICS_PERIOD,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._backend = backend
        self._now = now
        self._meter = Meter(period)
        self._health_at = 0.0
        self._judged: dict[str, tuple[int, float]] = {}

    def take(self, served: Iterable[Served]) -> None:
        """Count requests."""
        for each in served:
            balancer = _balancer_dimension(each.balancer)
            for line in each.lines:
                request = parse(line)
                group = each.groups.get(request.cluster)
                for count in counts(request):
                    scopes: list[Dimensions] = [(balancer,)]
                    if count.by_group and group:
                        scopes.append((_group_dimension(group), balancer))
                    for scope in scopes:
                        self._add(count.metric, scope, count.value, unit=count.unit, at=request.ended)

    def observe(self, balancers: Iterable[LoadBalancer], groups: Mapping[str, TargetGroup]) -> None:
        """Count healthy and unhealthy targets, once a second, of the groups that have any and are in use."""
        now = self._now()
        if now - self._health_at < HEALTH_INTERVAL:
            return
        self._health_at = now
        for balancer in balancers:
            for arn in forwarded_groups([balancer]):
                targets = groups[arn].targets if arn in groups else ()
                scope = (_group_dimension(arn), _balancer_dimension(balancer.arn))
                for metric, state in (("HealthyHostCount", "healthy"), ("UnHealthyHostCount", "unhealthy")):
                    if targets:
                        self._add(metric, scope, sum(target.state == state for target in targets), at=now)

    def tick(self) -> None:
        """Publish the periods that are over, forget old ones, and let the alarms look."""
        now, backend = self._now(), self._backend()
        for start, series, values in self._meter.close(until=now - PUBLISHED_AFTER):
            backend.metric_data.append(Measured(start, series, values))
        oldest = moment(now - KEPT)
        while (
            backend.metric_data
            and isinstance(backend.metric_data[0], Measured)
            and backend.metric_data[0].timestamp < oldest
        ):
            del backend.metric_data[0]
        for alarm in backend.alarms.values():
            if alarm.rule is None:
                self._judge(alarm, now)

    def _add(self, metric: str, scope: Dimensions, value: float, *, at: float, unit: str = "Count") -> None:
        self._meter.add(Series(NAMESPACE, metric, scope, unit), value, at=at)

    def _judge(self, alarm: Alarm, now: float) -> None:
        """Bring one alarm to what its datapoints say, each time that a period of it is over."""
        period = _period_of(alarm)
        end = (now - ALARM_LOOKS_AFTER) // period * period
        if self._judged.get(alarm.name) == (id(alarm), end):
            return
        self._judged[alarm.name] = (id(alarm), end)
        condition = _condition_of(alarm)
        window = Window(end - condition.looked_at * period, end)
        try:
            queries = _queries_of(alarm)
            found = answers(queries, window, lambda metric, unit: read(self._backend(), metric, unit))
        except (ValueError, KeyError) as error:
            alarm.state_reason = f"The lab cannot evaluate this alarm: {error}"
            return
        known = found[_watched(queries)]
        points = [known.get(window.start + number * period) for number in range(condition.looked_at)]
        state = judge(condition, points, alarm.state_value)
        if state != alarm.state_value:
            alarm.update_state(_reason(condition, points, end=end), "{}", state)


def _balancer_dimension(arn: str) -> tuple[str, str]:
    return "LoadBalancer", arn.partition(":loadbalancer/")[2]


def _group_dimension(arn: str) -> tuple[str, str]:
    return "TargetGroup", arn.rpartition(":")[2]


def _period_of(alarm: Alarm) -> int:
    """The seconds of one datapoint of an alarm."""
    periods = [query.metric_stat.period for query in alarm.metric_data_queries if query.metric_stat]
    return int(alarm.period or max(map(int, periods), default=int(METRICS_PERIOD)))


def _condition_of(alarm: Alarm) -> Condition:
    periods = int(alarm.evaluation_periods)
    return Condition(
        comparison=alarm.comparison_operator,
        threshold=float(alarm.threshold),
        periods=periods,
        needed=int(alarm.datapoints_to_alarm or periods),
        missing=alarm.treat_missing_data or "missing",
    )


def _queries_of(alarm: Alarm) -> list[dict[str, Any]]:
    """What an alarm watches, as the queries of GetMetricData."""
    if not alarm.metric_data_queries:
        metric = {
            "Namespace": alarm.namespace,
            "MetricName": alarm.metric_name,
            "Dimensions": [{"Name": each.name, "Value": each.value} for each in alarm.dimensions],
        }
        stat = {"Metric": metric, "Period": alarm.period, "Stat": alarm.statistic or alarm.extended_statistic}
        return [{"Id": "m1", "MetricStat": {**stat, "Unit": alarm.unit}}]
    return [_query(query) for query in alarm.metric_data_queries]


def _query(query: Any) -> dict[str, Any]:
    """One query of an alarm on several metrics."""
    found: dict[str, Any] = {"Id": query.id, "Expression": query.expression, "ReturnData": query.return_data}
    if query.metric_stat:
        metric = query.metric_stat.metric
        named = {
            "Namespace": metric.namespace,
            "MetricName": metric.metric_name,
            "Dimensions": [{"Name": each.name, "Value": each.value} for each in metric.dimensions],
        }
        stat = query.metric_stat
        found["MetricStat"] = {"Metric": named, "Period": stat.period, "Stat": stat.stat, "Unit": stat.unit}
    return found


def _watched(queries: list[dict[str, Any]]) -> str:
    """The id of the one query whose result the alarm compares: the only one that returns data."""
    returned = [query["Id"] for query in queries if query.get("ReturnData") is not False]
    return str(returned[-1])


def _reason(condition: Condition, points: list[float | None], *, end: float) -> str:
    """Why an alarm changed its state."""
    seen = ", ".join("none" if point is None else f"{point:g}" for point in points)
    return (
        f"{condition.needed} of {condition.periods} datapoints {condition.comparison} {condition.threshold:g}; "
        f"missing data is {condition.missing}. The last {len(points)} up to {moment(end):%H:%M:%S} UTC: {seen}."
    )
