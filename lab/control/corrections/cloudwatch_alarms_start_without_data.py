# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new alarm has insufficient data until it has looked at its metric; an alarm that is updated keeps its state.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.cloudwatch.models import CloudWatchBackend

from lab.control.patches import Patches
from lab.metrics.alarm import INSUFFICIENT

if TYPE_CHECKING:
    from lab.control.cloud import Cloud


def correct(cloud: Cloud, moto: Patches) -> None:
    """Give the state that was there, or the first one; moto says OK."""

    def put(original: Any, backend: CloudWatchBackend, *args: Any, **kwargs: Any) -> Any:
        before = backend.alarms.get(kwargs["name"])
        alarm = original(backend, *args, **kwargs)
        alarm.state_value = before.state_value if before else INSUFFICIENT
        if before:
            alarm.state_reason, alarm.history = before.state_reason, before.history
            alarm.state_updated_timestamp = before.state_updated_timestamp
        return alarm

    moto.wrap(CloudWatchBackend, "put_metric_alarm", put)
