# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an alarm goes off: AWS's own tables, and the clock at work."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from moto.cloudwatch.models import CloudWatchBackend, Dimension, Metric, MetricDataQuery, MetricStat

from lab.metrics.alarm import ALARM, INSUFFICIENT, OK, Condition, judge
from lab.metrics.cloudwatch import Metrics, Served

KEPT = "the state before"
SETTINGS = ("missing", "ignore", "breaching", "notBreaching")


# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
# 0 is within the threshold, X beyond it, - missing; the states are those for SETTINGS.
@pytest.mark.parametrize(
    ("needed", "points", "states"),
    [
        (3, "0-X-X", (OK, OK, OK, OK)),
        (3, "0----", (OK, OK, OK, OK)),
        (3, "-----", (INSUFFICIENT, KEPT, ALARM, OK)),
        (3, "0XX-X", (ALARM, ALARM, ALARM, ALARM)),
        (3, "--X--", (ALARM, KEPT, ALARM, OK)),
        (2, "0-X-X", (ALARM, ALARM, ALARM, ALARM)),
        (2, "00X0X", (ALARM, ALARM, ALARM, ALARM)),
        (2, "0-X--", (OK, OK, ALARM, OK)),
        (2, "----0", (OK, OK, ALARM, OK)),
        (2, "---X-", (ALARM, KEPT, ALARM, OK)),
        # A first breaching datapoint is not yet an alarm.
        (2, "----X", (KEPT, KEPT, ALARM, OK)),
        # Older datapoints than it takes do not count.
        (3, "XX000", (OK, OK, OK, OK)),
    ],
)
def test_missing_data_counts_as_the_alarm_is_set_to(needed: int, points: str, states: tuple[str, ...]) -> None:
    values = [{"0": 0.0, "X": 2.0, "-": None}[point] for point in points]
    found = [judge(Condition("GreaterThanThreshold", 1, 3, needed, missing), values, KEPT) for missing in SETTINGS]
    assert tuple(found) == states


@pytest.mark.parametrize(
    ("comparison", "beyond"),
    [
        ("GreaterThanThreshold", [False, False, True]),
        ("GreaterThanOrEqualToThreshold", [False, True, True]),
        ("LessThanThreshold", [True, False, False]),
        ("LessThanOrEqualToThreshold", [True, True, False]),
    ],
)
def test_a_threshold_is_compared_as_named(comparison: str, beyond: list[bool]) -> None:
    condition = Condition(comparison, 5, 1, 1)
    assert [judge(condition, [value], OK) == ALARM for value in (4, 5, 6)] == beyond


MINUTE = 1_800_000_000
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/web/1"
GROUP = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/canary/2"
DIMENSIONS = {"LoadBalancer": "app/web/1", "TargetGroup": "targetgroup/canary/2"}


class Watched:
    """A CloudWatch with a clock that the test moves, a load balancer that answers, and one alarm."""

    def __init__(self) -> None:
        self.now = MINUTE + 30.0
        self.backend = CloudWatchBackend("us-east-1", "123456789012")
        self.metrics = Metrics(lambda: self.backend, now=lambda: self.now)

    def answer(self, status: int, times: int) -> None:
        line = f"{self.now}\t1\t{status}\t-\tvia_upstream\tcanary.2\t127.1.16.1:8000\t900\t-"
        self.metrics.take([Served(BALANCER, {"canary.2": GROUP}, (line,) * times)])

    def minute(self) -> str:
        """One more minute has passed: the state of the alarm."""
        self.now += 60
        self.metrics.tick()
        (alarm,) = self.backend.alarms.values()
        return str(alarm.state_value)

    def alarm(self, **given: Any) -> None:
        common: dict[str, Any] = {
            "name": "canary-fails", "namespace": None, "metric_name": None, "period": None, "statistic": None,
            "comparison_operator": "GreaterThanThreshold", "evaluation_periods": 3, "datapoints_to_alarm": 2,
            "threshold": 5, "description": "", "dimensions": [], "alarm_actions": [],
        }  # fmt: skip
        self.backend.put_metric_alarm(**{**common, **given})
        self.backend.alarms["canary-fails"].state_value = INSUFFICIENT


def query(name: str, metric: str) -> MetricDataQuery:
    """A metric of the group, which the alarm only counts with."""
    unwatched: Any = False  # moto's hint says text
    found = Metric(metric, "AWS/ApplicationELB", [Dimension(*pair) for pair in DIMENSIONS.items()])
    return MetricDataQuery(name, "", "", unwatched, metric_stat=MetricStat(found, "60", "Sum", "Count"))


def math(name: str, expression: str) -> MetricDataQuery:
    """What the alarm watches."""
    watched: Any = True
    return MetricDataQuery(name, "", "", watched, expression=expression)


def test_an_alarm_follows_its_metric_and_what_missing_means() -> None:
    watched = Watched()
    watched.alarm(
        namespace="AWS/ApplicationELB", metric_name="HTTPCode_Target_5XX_Count", period=60, statistic="Sum",
        dimensions=[{"Name": name, "Value": value} for name, value in DIMENSIONS.items()],
        treat_missing_data="notBreaching",
    )  # fmt: skip
    states = []
    for status, times in [(500, 6), (500, 6), (200, 50), (200, 50), (200, 50), (200, 50)]:
        watched.answer(status, times)
        states.append(watched.minute())
    # Datapoints older than those to evaluate stand in for missing ones: the alarm stays two minutes longer.
    assert states == [OK, ALARM, ALARM, ALARM, ALARM, OK]


def test_an_alarm_on_an_error_rate_counts_minutes_without_errors_as_none() -> None:
    watched = Watched()
    rate = math("rate", "100 * FILL(errors, 0) / requests")
    watched.alarm(
        metric_data_queries=[rate, query("errors", "HTTPCode_Target_5XX_Count"), query("requests", "RequestCount")]
    )
    states = []
    for errors in (0, 6, 6, 0, 0):
        watched.answer(200, 100 - errors)
        watched.answer(500, errors)
        states.append(watched.minute())
    assert states == [OK, OK, ALARM, ALARM, OK]
    assert "datapoints GreaterThanThreshold 5" in watched.backend.alarms["canary-fails"].state_reason


def test_a_datapoint_is_published_once_its_period_is_over_and_forgotten_after_three_hours() -> None:
    watched = Watched()
    watched.answer(200, 3)
    watched.now += 30.5
    watched.metrics.tick()
    assert watched.backend.metric_data == []
    watched.now += 0.6
    watched.metrics.tick()
    assert {datum.timestamp.replace(tzinfo=UTC) for datum in watched.backend.metric_data} == {
        datetime.fromtimestamp(MINUTE, UTC)
    }
    watched.now += 3 * 3600
    watched.metrics.tick()
    assert watched.backend.metric_data == []
