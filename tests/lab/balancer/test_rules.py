# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules as a real Envoy follows them: conditions, redirects, fixed responses, HTTPS."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from lab.addresses import Network, claim
from lab.balancer.fleet import Fleet
from lab.control.views import Listener, LoadBalancer, Rule
from tests.application import until


def fixed(body: str, status: int = 200) -> dict[str, Any]:
    """An action that tells which rule was followed."""
    response = {"StatusCode": str(status), "MessageBody": body, "ContentType": "text/plain"}
    return {"Type": "fixed-response", "FixedResponseConfig": response}


def redirect(**config: str) -> dict[str, Any]:
    """A redirect as DescribeRules returns it: what was not given is its placeholder."""
    kept = {"Protocol": "#{protocol}", "Host": "#{host}", "Port": "#{port}", "Path": "/#{path}", "Query": "#{query}"}
    return {"Type": "redirect", "RedirectConfig": {**kept, "StatusCode": "HTTP_301", **config}}


def condition(field: str, config: str, **values: Any) -> dict[str, Any]:
    return {"Field": field, config: values}


def path(*values: str) -> dict[str, Any]:
    return condition("path-pattern", "PathPatternConfig", Values=list(values))


RULES: list[tuple[list[dict[str, Any]], dict[str, Any]]] = [
    ([path("/img/*", "/v?/x.png")], fixed("path")),
    ([condition("host-header", "HostHeaderConfig", Values=["*.example.com"])], fixed("host")),
    (
        [condition("http-header", "HttpHeaderConfig", HttpHeaderName="X-Canary", Values=["always", "y*"])],
        fixed("header"),
    ),
    ([condition("http-request-method", "HttpRequestMethodConfig", Values=["PUT", "DELETE"])], fixed("method")),
    (
        [condition("query-string", "QueryStringConfig", Values=[{"Key": "v", "Value": "2*"}, {"Value": "any"}])],
        fixed("query"),
    ),
    ([condition("source-ip", "SourceIpConfig", Values=["127.77.0.0/16"])], fixed("source")),
    ([path("/both/*"), condition("http-request-method", "HttpRequestMethodConfig", Values=["POST"])], fixed("both")),
    ([path("/both/*")], fixed("path after both")),
    ([path("/secure*")], redirect(Protocol="HTTPS", Port="443")),
    ([path("/moved/*")], redirect(Path="/new/#{path}", StatusCode="HTTP_302")),
    ([path("/away")], redirect(Host="example.org", Path="/there", Query="from=here")),
    ([path("/teapot")], fixed("100% tea\n", 418)),
    ([], {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "a/gone/1", "Weight": 1}]}}),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A load balancer with `RULES` on port 8080 and again, by TLS, on 443, which is bound to 8443."""
    held = claim()
    network = Network(held.number)
    last = len(RULES)
    rules = tuple(
        Rule(f"rule{number}", None if number == last else number, tuple(conditions), (action,))
        for number, (conditions, action) in enumerate(RULES, 1)
    )
    listeners = (Listener("plain", 8080, "HTTP", rules), Listener("tls", 443, "HTTPS", rules))
    balancer = LoadBalancer("lb", "web", network.next_load_balancer(), listeners)
    with TemporaryDirectory(prefix="lab-") as directory:
        fleet = Fleet(Path(directory) / "balancers", propagation_delay=0, low_ports=False)
        try:
            fleet.update([balancer], {}, time.monotonic())
            yield balancer.address
        finally:
            fleet.stop()
            held.release()


def ask(
    connection: http.client.HTTPConnection, method: str, target: str, headers: dict[str, str]
) -> tuple[int, str, str]:
    """Status, body and Location of one request."""
    try:
        connection.request(method, target, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode(), response.getheader("Location", "")
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        ("GET", "/img/a/b.png", {}, "path"),
        ("GET", "/v1/x.png?img=1", {}, "path"),
        ("GET", "/IMG/a", {}, None),
        ("GET", "/v12/x.png", {}, None),
        ("GET", "/", {"Host": "WWW.Example.com"}, "host"),
        ("GET", "/", {"Host": "www.example.com:8080"}, "host"),
        ("GET", "/", {"Host": "example.com"}, None),
        ("GET", "/", {"x-canary": "Yes"}, "header"),
        ("GET", "/", {"x-canary": "no"}, None),
        ("DELETE", "/", {}, "method"),
        ("GET", "/?a=b&V=2.1&c=d", {}, "query"),
        ("GET", "/?v=1", {}, None),
        ("GET", "/?v=1&x=2", {}, None),
        ("GET", "/?x=any", {}, "query"),
        ("GET", "/any", {}, None),
        ("POST", "/both/x", {}, "both"),
        ("GET", "/both/x", {}, "path after both"),
        ("GET", "/", {"x-lab-source-ip": "127.77.0.1"}, None),
    ],
)
def test_conditions(address: str, method: str, target: str, headers: dict[str, str], body: str | None) -> None:
    """Where no rule but the default one holds, its empty group answers 503."""
    found = ask(http.client.HTTPConnection(address, 8080, timeout=5), method, target, headers)
    assert found[:2] == ((200, body) if body else (503, "503 Service Temporarily Unavailable\n"))


def test_source_address(address: str) -> None:
    connection = http.client.HTTPConnection(address, 8080, timeout=5, source_address=("127.77.3.4", 0))
    assert ask(connection, "GET", "/", {})[1] == "source"


@pytest.mark.parametrize(
    ("target", "status", "location"),
    [
        # Port 443 is not the lab's to bind: it listens 8000 higher, and its redirects say so.
        ("/secure?a=b", 301, "https://HOST:8443/secure?a=b"),
        ("/moved/x?a=b", 302, "http://HOST:8080/new/moved/x?a=b"),
        ("/away?a=b", 301, "http://example.org:8080/there?from=here"),
    ],
)
def test_redirects(address: str, target: str, status: int, location: str) -> None:
    found = ask(http.client.HTTPConnection(address, 8080, timeout=5), "GET", target, {})
    assert (found[0], found[2]) == (status, location.replace("HOST", address))


def test_a_fixed_response_is_sent_as_it_is(address: str) -> None:
    assert ask(http.client.HTTPConnection(address, 8080, timeout=5), "GET", "/teapot", {})[:2] == (418, "100% tea\n")


def answering(address: str, port: int) -> str:
    """The body of the answer at a port, or nothing while nobody listens there."""
    try:
        return ask(http.client.HTTPConnection(address, port, timeout=5), "GET", "/", {})[1]
    except OSError:
        return ""


def test_a_low_port_moves_out_of_the_way_of_a_listener_that_comes_later() -> None:
    held = claim()
    low, high = (
        Listener(str(port), port, "HTTP", (Rule("rule", None, (), (fixed(f"listener {port}"),)),))
        for port in (80, 8080)
    )
    here = Network(held.number).next_load_balancer()
    with TemporaryDirectory(prefix="lab-") as directory:
        fleet = Fleet(Path(directory) / "balancers", propagation_delay=0, low_ports=False)
        try:
            fleet.update([LoadBalancer("lb", "web", here, (low,))], {}, time.monotonic())
            assert answering(here, 8080) == "listener 80"
            fleet.update([LoadBalancer("lb", "web", here, (high, low))], {}, time.monotonic())
            until(lambda: answering(here, 8080) == "listener 8080", seconds=10, what="the new listener has its port")
            until(lambda: answering(here, 16080) == "listener 80", seconds=10, what="the low port has moved")
        finally:
            fleet.stop()
            held.release()


def test_https_with_a_self_signed_certificate(address: str) -> None:
    pem = ssl.get_server_certificate((address, 8443))
    trusted = ssl.create_default_context(cadata=pem)
    connection = http.client.HTTPSConnection(address, 8443, timeout=5, context=trusted)
    assert ask(connection, "GET", "/img/", {})[:2] == (200, "path")
