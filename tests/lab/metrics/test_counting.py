# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is counted of a request, and the statistics of what was counted."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.metrics.distribution import Distribution, merged
from lab.metrics.expression import Points, evaluate
from lab.metrics.query import Window, statistics
from lab.metrics.requests import UNAVAILABLE_ROUTE, counts, parse

TARGET = "127.1.16.1:8000"


# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
@pytest.mark.parametrize(
    ("line", "group", "balancer"),
    [
        pytest.param(
            f"1800000000.250\t12\t200\t-\tvia_upstream\tcanary.1\t{TARGET}\t9500\t-",
            {"RequestCount": 1, "HTTPCode_Target_2XX_Count": 1, "TargetResponseTime": 0.0095},
            {},
            id="answered",
        ),
        pytest.param(
            f"1800000000.250\t12\t404\t-\tvia_upstream\tcanary.1\t{TARGET}\t1\t-",
            {"RequestCount": 1, "HTTPCode_Target_4XX_Count": 1, "TargetResponseTime": 0.000001},
            {},
            id="refused by the target",
        ),
        pytest.param(
            f"1800000000.250\t12\t503\t-\tvia_upstream\tcanary.1\t{TARGET}\t1000\t-",
            {"RequestCount": 1, "HTTPCode_Target_5XX_Count": 1, "TargetResponseTime": 0.001},
            {},
            id="503 of the target's own",
        ),
        pytest.param(
            "1800000000.250\t0\t503\tUH\tno_healthy_upstream\tcanary.1\t-\t-\t-",
            {},
            {"HTTPCode_ELB_5XX_Count": 1, "HTTPCode_ELB_503_Count": 1},
            id="empty group",
        ),
        pytest.param(
            f"1800000000.250\t0\t503\t-\tdirect_response\t-\t-\t-\t{UNAVAILABLE_ROUTE}",
            {},
            {"HTTPCode_ELB_5XX_Count": 1, "HTTPCode_ELB_503_Count": 1},
            id="all weights 0",
        ),
        pytest.param("1800000000.250\t0\t503\t-\tdirect_response\t-\t-\t-\t-", {}, {}, id="fixed response"),
        pytest.param(
            f"1800000000.250\t0\t502\tUF\tupstream_reset_before_response_started\tcanary.1\t{TARGET}\t-\t-",
            {"RequestCount": 1, "TargetConnectionErrorCount": 1},
            {"HTTPCode_ELB_5XX_Count": 1, "HTTPCode_ELB_502_Count": 1},
            id="unreachable target",
        ),
        pytest.param(
            f"1800000000.250\t60000\t504\tUT\tresponse_timeout\tcanary.1\t{TARGET}\t-\t-",
            {"RequestCount": 1},
            {"HTTPCode_ELB_5XX_Count": 1, "HTTPCode_ELB_504_Count": 1},
            id="target too slow",
        ),
        pytest.param(
            f"1800000000.250\t30\t0\tDC\tdownstream_remote_disconnect\tcanary.1\t{TARGET}\t-\t-",
            {"RequestCount": 1},
            {},
            id="client gone",
        ),
    ],
)
def test_a_request_counts_where_aws_counts_it(line: str, group: dict[str, float], balancer: dict[str, float]) -> None:
    found = list(counts(parse(line)))
    assert {count.metric: count.value for count in found if count.by_group} == group
    assert {count.metric: count.value for count in found if not count.by_group} == balancer


def test_a_request_belongs_to_the_moment_in_which_it_ended() -> None:
    assert parse(f"1800000000.250\t1500\t200\t-\tvia_upstream\tcanary.1\t{TARGET}\t9500\t-").ended == 1800000001.75


def distribution(values: list[float]) -> Distribution:
    found = Distribution()
    for value in values:
        found.add(value)
    return found


numbers = st.lists(st.floats(min_value=1e-6, max_value=1e3), min_size=1, max_size=60)


@given(values=numbers, percent=st.floats(min_value=0, max_value=99.99))
def test_statistics_are_those_of_the_values(values: list[float], percent: float) -> None:
    found = distribution(values)
    assert found.statistic("Sum") == pytest.approx(sum(values))
    assert found.statistic("Average") == pytest.approx(sum(values) / len(values))
    assert (found.statistic("Minimum"), found.statistic("Maximum")) == (min(values), max(values))
    exact = sorted(values)[max(1, math.ceil(len(values) * round(percent, 2) / 100)) - 1]
    assert found.statistic(f"p{percent:.2f}") == pytest.approx(exact, rel=0.01)


@given(parts=st.lists(numbers, min_size=1, max_size=4))
def test_periods_add_up(parts: list[list[float]]) -> None:
    both, once = merged(map(distribution, parts)), distribution([value for part in parts for value in part])
    assert (both.count, both.minimum, both.maximum, both.values) == (
        once.count,
        once.minimum,
        once.maximum,
        once.values,
    )
    assert both.total == pytest.approx(once.total)


def test_a_summary_has_no_percentiles() -> None:
    summary = Distribution(count=2, total=3, minimum=1, maximum=2)
    assert summary.statistic("p50") is None
    assert merged([summary, distribution([5])]).statistic("p50") is None
    assert Distribution(count=2, total=2, minimum=1, maximum=1).statistic("p99") == 1


def test_a_window_begins_at_its_minute_and_a_period_without_values_is_not_there() -> None:
    published = [(600.0 + at, distribution([1])) for at in (0, 59, 60, 185)]
    assert statistics(published, Window(630, 900), 60, "Sum") == {600: 2, 660: 1, 780: 1}
    assert statistics(published, Window(660, 780), 60, "Sum") == {660: 1}
    assert statistics(published, Window(655, 900), 10, "Sum") == {650: 1, 660: 1, 780: 1}


KNOWN: dict[str, Points] = {"m1": {0: 10, 60: 20}, "m2": {0: 5, 120: 1}, "zero": {0: 0}}


@pytest.mark.parametrize(
    ("expression", "points"),
    [
        ("m1 + m2", {0: 15}),
        ("100 * m2 / m1", {0: 50}),
        ("m2 / zero", {}),
        ("FILL(m2, 0) / m1 * 100", {0: 50, 60: 0}),
        ("1 - (m1 - 8) / 2", {0: 0, 60: -5}),
        ("-m1", {0: -10, 60: -20}),
    ],
)
def test_metric_math_does_arithmetic(expression: str, points: Points) -> None:
    assert evaluate(expression, KNOWN) == points


@pytest.mark.parametrize("expression", ["m3", "RATE(m1)", "m1 +", "7", "__import__('os')", "m1 > 5"])
def test_metric_math_says_what_it_does_not_know(expression: str) -> None:
    with pytest.raises(ValueError, match="the lab does not know"):
        evaluate(expression, KNOWN)
