# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data plane: an Envoy process plays each Application Load Balancer, from the live rules.

`conditions`, `actions` and `config` are pure: they turn the control plane's views into Envoy configuration. `envoy`
runs one process and gives it new configuration without losing a request; `fleet` keeps one process per load balancer.

What it does not imitate: availability zones and cross-zone balancing; slow start; ``least_outstanding_requests`` and
``weighted_random`` (targets take turns); stickiness to one target by AWSALB (to a target group, by AWSALBTG, works);
authenticate actions (they are passed over, nobody is asked to log in); rewriting transforms and regex conditions;
Lambda targets; HTTP/2 and gRPC to targets; mutual TLS and certificates from ACM (every HTTPS listener has a self-signed
one); WAF; the few requests that AWS may still send a target in the first moments of its draining.
"""
