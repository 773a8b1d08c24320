# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudWatch of a running lab: what the AWS CLI reads of it is what the lab's clients saw."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError

import pytest

from lab import lifecycle
from lab.playbooks import BINARIES, environment
from lab.state import Lab
from lab.status import client_of
from lab.traffic import Report
from lab.traffic.generator import Generator
from lab.traffic.report import Sample, summarise
from tests.application import until
from tests.lab.control.world import Pair
from tests.lab.handmade_pair import HandmadePair

PERIOD = 5


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with lifecycle.own("metrics", metrics_period=PERIOD, propagation_delay=0) as found:
        yield found


class Watch:
    """One stack, its clients, and the AWS CLI."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.stack = HandmadePair(lab, canary="v2-errors")
        self.balancer = f"Name=LoadBalancer,Value={self.stack.balancer.partition(':loadbalancer/')[2]}"
        self.begin = datetime.now(UTC)

    def dimensions(self, group: str | None) -> list[str]:
        """Those of a target group, or of the load balancer as a whole."""
        return [self.balancer, *([f"Name=TargetGroup,Value={group.rpartition(':')[2]}"] if group else [])]

    def aws(self, *words: str) -> Any:
        done = subprocess.run(
            [BINARIES / "aws", "cloudwatch", *words, "--output", "json"],
            env=environment(self.lab), capture_output=True, text=True, check=True,
        )  # fmt: skip
        return json.loads(done.stdout or "null")

    def statistic(self, metric: str, group: str | None, name: str) -> list[float]:
        """A statistic of the minutes since the beginning."""
        kind = "--extended-statistics" if name.startswith("p") else "--statistics"
        found = self.aws(
            "get-metric-statistics", "--namespace", "AWS/ApplicationELB", "--metric-name", metric, "--period", "3600",
            "--start-time", self.begin.isoformat(), "--end-time", datetime.now(UTC).isoformat(), kind, name,
            "--dimensions", *self.dimensions(group),
        )  # fmt: skip
        return [(point.get("ExtendedStatistics") or point)[name] for point in found["Datapoints"]]

    def requests(self, seconds: float) -> Report:
        """Clients for some seconds: every one of their requests."""
        samples: list[Sample] = []
        generator = Generator(self.stack.url, rate=200, timeout=10, note=samples.append)
        since = time.monotonic()
        asyncio.run(generator.run(seconds))
        return summarise(samples, since=since, until=time.monotonic())

    def until_published(self, metric: str, total: int) -> None:
        """Wait until all requests are: those of a period come at once, each of their metrics."""
        until(lambda: self.statistic(metric, None, "Sum") == [total], seconds=40, what=f"{metric} is {total}")

    def ask(self) -> int:
        """The status of one request."""
        try:
            with urllib.request.urlopen(self.stack.url) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code


@pytest.fixture(scope="module")
def watch(lab: Lab) -> Watch:
    return Watch(lab)


def test_the_aws_cli_reads_what_clients_saw(watch: Watch) -> None:
    stack = watch.stack
    alarm = ("--alarm-name", "canary-fails")
    watch.aws(
        "put-metric-alarm", *alarm, "--namespace", "AWS/ApplicationELB", "--metric-name", "HTTPCode_Target_5XX_Count",
        "--dimensions", *watch.dimensions(stack.canary), "--statistic", "Sum", "--period", "10", "--threshold", "0",
        "--comparison-operator", "GreaterThanThreshold", "--evaluation-periods", "1",
    )  # fmt: skip

    def state() -> str:
        return str(watch.aws("describe-alarms", "--alarm-names", alarm[1])["MetricAlarms"][0]["StateValue"])

    assert state() == "INSUFFICIENT_DATA"
    stack.shift(50, 50)
    seen = watch.requests(6)
    until(lambda: state() == "ALARM", seconds=40, what="the alarm is in ALARM")
    watch.until_published("RequestCount", seen.requests)
    versions = {name: seen.versions[name] for name in ("v1", "v2-errors")}
    for group, version in ((stack.stable, versions["v1"]), (stack.canary, versions["v2-errors"])):
        assert watch.statistic("RequestCount", group, "Sum") == [version.requests]
        failed = [version.failed] if version.failed else []
        assert watch.statistic("HTTPCode_Target_5XX_Count", group, "Sum") == failed
        assert watch.statistic("HTTPCode_Target_2XX_Count", group, "Sum") == [version.requests - version.failed]
        (middle,) = watch.statistic("TargetResponseTime", group, "p50")
        assert 0 < middle <= version.p50
    assert watch.statistic("HealthyHostCount", stack.canary, "Maximum") == [1]
    assert watch.statistic("HTTPCode_ELB_503_Count", None, "Sum") == []


def test_a_group_without_targets_counts_for_the_load_balancer_alone(watch: Watch) -> None:
    empty = watch.stack.target_group("empty")
    before = sum(watch.statistic("RequestCount", None, "Sum"))
    watch.stack.send_to({empty: 1})
    asked: list[int] = []

    def refused() -> bool:
        asked.append(watch.ask())
        return asked[-1] == 503

    until(refused, seconds=10, what="the empty group answers")
    seen = watch.requests(2)
    assert seen.failed == seen.requests > 0
    watch.until_published("HTTPCode_ELB_503_Count", 1 + seen.requests)
    assert watch.statistic("HTTPCode_ELB_503_Count", empty, "Sum") == []
    assert watch.statistic("RequestCount", empty, "Sum") == []
    assert sum(watch.statistic("RequestCount", None, "Sum")) == before + len(asked) - 1


def test_metric_data_carries_math_and_the_metrics_are_listed(watch: Watch) -> None:
    scope = [
        {"Name": pair.split(",")[0][5:], "Value": pair.split("Value=")[1]}
        for pair in watch.dimensions(watch.stack.canary)
    ]

    def query(name: str, metric: str) -> dict[str, Any]:
        found = {"Namespace": "AWS/ApplicationELB", "MetricName": metric, "Dimensions": scope}
        return {"Id": name, "MetricStat": {"Metric": found, "Period": 3600, "Stat": "Sum"}, "ReturnData": False}

    found = client_of(watch.lab, "cloudwatch").get_metric_data(
        StartTime=watch.begin,
        EndTime=datetime.now(UTC),
        MetricDataQueries=[
            query("errors", "HTTPCode_Target_5XX_Count"),
            query("requests", "RequestCount"),
            {"Id": "rate", "Expression": "100 * FILL(errors, 0) / requests"},
        ],
    )["MetricDataResults"]
    assert [result["Id"] for result in found] == ["rate"]
    assert found[0]["Values"] == [pytest.approx(50, abs=10)]
    listed = watch.aws("list-metrics", "--namespace", "AWS/ApplicationELB")["Metrics"]
    assert {"RequestCount", "HealthyHostCount", "HTTPCode_ELB_503_Count"} <= {metric["MetricName"] for metric in listed}


def test_a_metric_is_its_dimensions_and_an_updated_alarm_keeps_its_state() -> None:
    world = Pair()
    try:
        cloudwatch = world.client("cloudwatch")
        for dimensions, value in (([], 1.0), ([{"Name": "A", "Value": "1"}], 10.0)):
            datum = {"MetricName": "M", "Value": value, "Dimensions": dimensions}
            cloudwatch.put_metric_data(Namespace="Own", MetricData=[datum])
        now = datetime.now(UTC).timestamp()
        window = {"StartTime": now - 60, "EndTime": now + 60, "Period": 3600, "Statistics": ["Sum"]}
        answer = cloudwatch.get_metric_statistics(Namespace="Own", MetricName="M", **window)
        assert [point["Sum"] for point in answer["Datapoints"]] == [1]
        alarm = {
            "AlarmName": "own", "Namespace": "Own", "MetricName": "M", "Period": 60, "EvaluationPeriods": 1,
            "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum",
        }  # fmt: skip
        states = []
        for change in ({}, {"Threshold": 5}):
            cloudwatch.put_metric_alarm(**{**alarm, **change})
            states.append(cloudwatch.describe_alarms()["MetricAlarms"][0]["StateValue"])
            cloudwatch.set_alarm_state(AlarmName="own", StateValue="ALARM", StateReason="a rehearsal")
        assert states == ["INSUFFICIENT_DATA", "ALARM"]
    finally:
        world.cloud.stop()
