# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of a load balancer: requests at a fixed rate, and what became of each of them.

`Traffic` runs the generator in a process of its own, so that it never stops while something else works:

    with Traffic("http://127.1.1.1:8080/", rate=200) as traffic:
        begin = traffic.mark()
        ...
        print(traffic.report(since=begin))
"""

from lab.traffic.process import Traffic
from lab.traffic.report import Report, Sample, VersionReport, summarise

__all__ = ["Report", "Sample", "Traffic", "VersionReport", "summarise"]
