# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statistics, percentiles too, are those of the one metric with exactly these dimensions, by period of the window.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue, ValidationError
from moto.cloudwatch.models import CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult

from lab.control.patches import Patches
from lab.metrics.cloudwatch import moment, read, seconds_of
from lab.metrics.query import Window, answers, datapoints

if TYPE_CHECKING:
    from lab.control.cloud import Cloud


def correct(cloud: Cloud, moto: Patches) -> None:
    """Answer from all that was published. Moto mixes metrics whose dimensions overlap, and knows no percentiles."""
    moto.wrap(CloudWatchResponse, "get_metric_statistics", _statistics)
    moto.wrap(CloudWatchBackend, "get_metric_data", _data)


def _statistics(_original: Any, response: CloudWatchResponse) -> ActionResult:
    """GetMetricStatistics."""
    given = response._get_params()
    names, percentiles = given.get("Statistics") or [], given.get("ExtendedStatistics") or []
    if not names and not percentiles:
        raise InvalidParameterCombination("Must specify either Statistics or ExtendedStatistics")
    backend = response.cloudwatch_backend
    window = _window(given["StartTime"], given["EndTime"])
    found = datapoints(read(backend, given, given.get("Unit")), window, int(given["Period"]))
    points: list[dict[str, Any]] = []
    for start, values in found.items():
        point = {"Timestamp": moment(start), "Unit": _unit(backend, given)}
        point |= {name: values.statistic(name) for name in names}
        if percentiles:
            point["ExtendedStatistics"] = {name: values.statistic(name) for name in percentiles}
        points.append(point)
    return ActionResult({"Label": given["MetricName"], "Datapoints": points})


def _data(
    _original: Any,
    backend: CloudWatchBackend,
    queries: list[dict[str, Any]],
    start_time: datetime,
    end_time: datetime,
    scan_by: str = "TimestampDescending",
) -> list[dict[str, Any]]:
    """GetMetricData."""
    try:
        found = answers(queries, _window(start_time, end_time), lambda metric, unit: read(backend, metric, unit))
    except ValueError as error:
        raise ValidationError(str(error)) from error
    return [
        _result(query, found[query["Id"]], backwards=scan_by != "TimestampAscending")
        for query in queries
        if query.get("ReturnData", True)
    ]


def _window(start: datetime, end: datetime) -> Window:
    window = Window(seconds_of(start), seconds_of(end))
    if window.start >= window.end:
        raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
    return window


def _unit(backend: CloudWatchBackend, given: dict[str, Any]) -> str:
    """The unit that a metric was published with."""
    units = [each.unit for each in backend.metric_data if (each.name, each.namespace) == _named(given)]
    return str(given.get("Unit") or next((unit for unit in units if unit), "None"))


def _named(given: dict[str, Any]) -> tuple[str, str]:
    return given["MetricName"], given["Namespace"]


def _result(query: dict[str, Any], points: dict[float, float], *, backwards: bool) -> dict[str, Any]:
    """One MetricDataResult."""
    stat = query.get("MetricStat")
    name = f"{stat['Metric']['MetricName']} {stat['Stat']}" if stat else query["Id"]
    starts = sorted(points, reverse=backwards)
    return {
        "id": query["Id"],
        "label": query.get("Label") or name,
        "timestamps": [moment(start) for start in starts],
        "values": [points[start] for start in starts],
        "status_code": "Complete",
    }
