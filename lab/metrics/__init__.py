# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the load balancers counted, as CloudWatch data, and the alarms that watch it.

`requests`, `distribution`, `query`, `expression` and `alarm` are pure. `pipe` reads what Envoy says of each request,
`meter` gathers it by period, `cloudwatch` publishes it and keeps the alarms' states.

What it does not imitate: dimensions by Availability Zone, composite alarms and alarm actions, metric math beyond
arithmetic and ``FILL``, Metrics Insights, anomaly detection, and the minutes that AWS may take to publish.
"""
