# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be set about a lab's control plane and scheduler."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

METRICS_PERIOD = 60.0
"""Seconds between two datapoints of a load balancer, as on AWS."""


@dataclass(frozen=True)
class Settings:
    """``clock`` is monotonic, in seconds; everything that waits in the lab reads it, so that tests can move it.

    ``start_seconds`` is how long a task stays PENDING, ``autoscaling_seconds`` how long a desired count may lie outside
    its scalable target before it is moved back, ``load_seconds`` how far behind the load target tracking is (minutes on
    AWS, whose metrics of ECS are of one minute each), ``metrics_period`` how much time one datapoint of a load balancer
    covers. ``wall_clock`` is in seconds since the epoch; metrics are dated by it.
    """

    region: str = "eu-central-1"
    account: str = "123456789012"
    clock: Callable[[], float] = time.monotonic
    start_seconds: float = 1.0
    autoscaling_seconds: float = 5.0
    load_seconds: float = 5.0
    call_log: str | None = None
    metrics_period: float = METRICS_PERIOD
    wall_clock: Callable[[], float] = time.time
