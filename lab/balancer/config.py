# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Envoy configuration of one load balancer, from the control plane's views. Pure.

Envoy reads its dynamic configuration from files and applies a file when another is moved in its place
(https://www.envoyproxy.io/docs/envoy/latest/start/quick-start/configuration-dynamic-filesystem). One file holds the
listeners, one each listener's routes, one the clusters, one each cluster's endpoints: a new weight touches routes
only, a new target endpoints only, and neither closes a connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lab.balancer.actions import Ports, cluster_name, routes_of, weights_of
from lab.balancer.conditions import SOURCE_HEADER, match
from lab.control.views import Listener, LoadBalancer, Target, TargetGroup
from lab.metrics import requests

Document = dict[str, Any]

TYPES = "type.googleapis.com/envoy"
LISTENERS = "listeners.json"
CLUSTERS = "clusters.json"
ADMIN_SOCKET = "admin.sock"
REQUESTS = "requests.pipe"

# What the ALB answers when a target cannot be reached, or breaks off
# (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html).
TARGET_FAILED = ["UF", "UC", "UR", "UPE"]

ACCESS_LOG_FIELDS = [
    "%START_TIME%",
    "%RESPONSE_CODE%",
    "%RESPONSE_FLAGS%",
    "%RESPONSE_CODE_DETAILS%",
    "%UPSTREAM_CLUSTER%",
    "%UPSTREAM_HOST%",
    "%DURATION%ms",
    "%REQ(:PATH)%",
]


@dataclass(frozen=True)
class Certificate:
    """A certificate and its private key, in PEM."""

    chain: str
    key: str


def usable_targets(group: TargetGroup) -> list[Target]:
    """The targets of a group that get requests.

    These are the healthy ones; where there is none, the group fails open to every target that is registered and not
    draining. A group without any answers 503.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    """
    healthy = [target for target in group.targets if target.state == "healthy"]
    return healthy or [target for target in group.targets if target.state in ("initial", "unhealthy")]


def forwarded_groups(balancers: Iterable[LoadBalancer]) -> set[str]:
    """The ARNs of the target groups that any rule of ``balancers`` forwards to."""
    rules = (rule for balancer in balancers for listener in balancer.listeners for rule in listener.rules)
    forwards = (action for rule in rules for action in rule.actions if action["Type"] == "forward")
    return {arn for action in forwards for arn in weights_of(action)}


def _source(path: str) -> Document:
    """Where Envoy finds a piece of its configuration."""
    return {"resource_api_version": "V3", "path_config_source": {"path": path}}


def _response(resources: list[Document]) -> Document:
    """A file of dynamic configuration."""
    return {"resources": resources}


def bootstrap(name: str, directory: str) -> Document:
    """The static configuration: who this is, where the rest is, and an admin interface on a Unix socket."""
    return {
        "node": {"id": name, "cluster": "canary-ecs-lab"},
        "admin": {"address": {"pipe": {"path": f"{directory}/{ADMIN_SOCKET}", "mode": 0o600}}},
        "dynamic_resources": {
            "lds_config": _source(f"{directory}/{LISTENERS}"),
            "cds_config": _source(f"{directory}/{CLUSTERS}"),
        },
    }


def endpoints_file(target_group_arn: str) -> str:
    """The file with the endpoints of a target group."""
    return f"endpoints-{cluster_name(target_group_arn)}.json"


def endpoints(target_group_arn: str, group: TargetGroup | None) -> Document:
    """Where a target group's requests go; nowhere when the group is gone."""
    targets = usable_targets(group) if group else []
    hosts = [
        {"endpoint": {"address": {"socket_address": {"address": target.id, "port_value": target.port}}}}
        for target in sorted(targets, key=lambda target: (target.id, target.port))
    ]
    name = cluster_name(target_group_arn)
    kind = f"{TYPES}.config.endpoint.v3.ClusterLoadAssignment"
    return _response([{"@type": kind, "cluster_name": name, "endpoints": [{"lb_endpoints": hosts}] if hosts else []}])


def clusters(target_group_arns: Iterable[str], directory: str) -> Document:
    """One cluster per target group, its endpoints in a file of their own."""
    return _response(
        [
            {
                "@type": f"{TYPES}.config.cluster.v3.Cluster",
                "name": cluster_name(arn),
                "type": "EDS",
                "connect_timeout": "5s",
                "lb_policy": "ROUND_ROBIN",
                "eds_cluster_config": {"eds_config": _source(f"{directory}/{endpoints_file(arn)}")},
                # The lab is one small client of its tasks: never the reason for an error of its own.
                "circuit_breakers": {"thresholds": [_limits()]},
            }
            for arn in sorted(target_group_arns)
        ]
    )


def _limits() -> dict[str, int]:
    """Limits that a lab does not reach."""
    return dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), 65536)


def routes_file(listener: Listener) -> str:
    """The file with a listener's routes."""
    return f"routes-{listener.port}.json"


def routes(listener: Listener, bound: Ports) -> Document:
    """The rules of a listener, in the order in which the ALB evaluates them."""
    found = [
        route
        for rule in listener.rules
        for route in routes_of(rule, match(rule.conditions), port=listener.port, bound=bound)
    ]
    kind = f"{TYPES}.config.route.v3.RouteConfiguration"
    return _response(
        [
            {
                "@type": kind,
                "name": f"port-{listener.port}",
                "virtual_hosts": [{"name": "rules", "domains": ["*"], "routes": found}],
                "request_headers_to_remove": [SOURCE_HEADER],
                "request_headers_to_add": [
                    {
                        "header": {"key": "x-forwarded-port", "value": str(listener.port)},
                        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                    }
                ],
            }
        ]
    )


def listeners(balancer: LoadBalancer, *, directory: str, bound: Ports, certificate: Certificate) -> Document:
    """The listeners of a load balancer."""
    return _response(
        [
            _listener(listener, address=balancer.address, directory=directory, bound=bound, certificate=certificate)
            # In the order of their ports: a low port has then moved out of the way of a new one above it.
            for listener in sorted(balancer.listeners, key=lambda listener: listener.port)
        ]
    )


def _listener(listener: Listener, *, address: str, directory: str, bound: Ports, certificate: Certificate) -> Document:
    """One listener. Each has its port to itself: a second process on it must fail, not share it."""
    chain: Document = {"filters": [_connection_manager(listener, directory)]}
    if listener.protocol == "HTTPS":
        chain["transport_socket"] = _tls(certificate)
    return {
        "@type": f"{TYPES}.config.listener.v3.Listener",
        "name": f"port-{listener.port}",
        "address": {"socket_address": {"address": address, "port_value": bound[listener.port]}},
        "enable_reuse_port": False,
        "filter_chains": [chain],
    }


def _connection_manager(listener: Listener, directory: str) -> Document:
    """How requests of a listener are read, routed, answered where no target answers, and written to the log."""
    kind = f"{TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    config: Document = {
        "@type": kind,
        "stat_prefix": f"port-{listener.port}",
        "rds": {
            "route_config_name": f"port-{listener.port}",
            "config_source": _source(f"{directory}/{routes_file(listener)}"),
        },
        "use_remote_address": True,
        "server_name": "awselb/2.0",
        "server_header_transformation": "PASS_THROUGH",
        # The ALB's default idle timeout.
        "common_http_protocol_options": {"idle_timeout": "60s"},
        "early_header_mutation_extensions": [_note_source()],
        "http_filters": [_router()],
        "local_reply_config": {"mappers": [_bad_gateway(), _unavailable()]},
        "access_log": [_access_log(f"{directory}/access.log"), _written_to(f"{directory}/{REQUESTS}", requests.LINE)],
    }
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": config}


def _router() -> Document:
    """The filter that sends requests on, without headers of Envoy's own."""
    kind = f"{TYPES}.extensions.filters.http.router.v3.Router"
    return {"name": "envoy.filters.http.router", "typed_config": {"@type": kind, "suppress_envoy_headers": True}}


def _note_source() -> Document:
    """Notes the client's address in a header before a route is chosen, whatever the client itself put there."""
    value = "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"
    added = {"header": {"key": SOURCE_HEADER, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": f"{TYPES}.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [{"append": added}],
        },
    }


def _bad_gateway() -> Document:
    """502 where Envoy says 503 because a target could not be reached or broke off."""
    return {
        "filter": {"response_flag_filter": {"flags": TARGET_FAILED}},
        "status_code": 502,
        "body": {"inline_string": "502 Bad Gateway\n"},
    }


def _unavailable() -> Document:
    """The text of the ALB's 503 where a group has no target to send a request to."""
    return {
        "filter": {"response_flag_filter": {"flags": ["UH"]}},
        "body": {"inline_string": "503 Service Temporarily Unavailable\n"},
    }


def _access_log(path: str) -> Document:
    """One line for each request that did not end well, and none for the others."""
    line = f"{' '.join(ACCESS_LOG_FIELDS)}\n"
    status = {"comparison": {"op": "GE", "value": {"default_value": 500, "runtime_key": "access_log_from_status"}}}
    failed = {"or_filter": {"filters": [{"status_code_filter": status}, {"response_flag_filter": {}}]}}
    return {**_written_to(path, line), "filter": failed}


def _written_to(path: str, line: str) -> Document:
    """One line for each request."""
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": f"{TYPES}.extensions.access_loggers.file.v3.FileAccessLog",
            "path": path,
            "log_format": {"text_format_source": {"inline_string": line}},
        },
    }


def _tls(certificate: Certificate) -> Document:
    """The TLS side of an HTTPS listener."""
    pair = {
        "certificate_chain": {"inline_string": certificate.chain},
        "private_key": {"inline_string": certificate.key},
    }
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{TYPES}.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {"tls_certificates": [pair], "alpn_protocols": ["h2", "http/1.1"]},
        },
    }
