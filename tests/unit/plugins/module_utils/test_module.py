# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules' clients repeat, and what they do not, down to the bytes that AWS answers."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from typing import Any

import botocore
import pytest
from ansible_collections.canary.ecs.plugins.module_utils._aws.calls import pages
from ansible_collections.canary.ecs.plugins.module_utils._module import CanaryModule, run
from ansible_collections.canary.ecs.tests.unit.plugins.run_module import run_module
from botocore.awsrequest import AWSResponse

XML = 'xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"'
READS = {
    "elbv2": ("describe_rules", "Rules", {"RuleArns": ["arn"]}),
    "ecs": ("list_clusters", "clusterArns", {}),
    "application-autoscaling": ("describe_scalable_targets", "ScalableTargets", {"ServiceNamespace": "ecs"}),
}


class Raw(io.BytesIO):
    """The body of an answer, as botocore reads it."""

    def stream(self, *_amount: int, **_options: Any) -> Iterator[bytes]:
        yield self.read()


def body_of(service: str, code: str) -> str:
    """An error, or an answer with nothing in it, in the service's own protocol."""
    if service == "elbv2":
        error = f"<ErrorResponse {XML}><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
        return error if code else f"<DescribeRulesResponse {XML}><DescribeRulesResult/></DescribeRulesResponse>"
    return json.dumps({"__type": code, "message": "no"} if code else {})


def read(service: str, *answers: tuple[int, str], once: bool = False) -> tuple[dict[str, Any], int]:
    """Read from a service that answers so, and then well: what the module returned, and how often it asked."""
    left, asked = [*answers, (200, "")], 0

    def send(**_: Any) -> AWSResponse:
        nonlocal asked
        asked += 1
        status, code = left.pop(0)
        return AWSResponse("https://aws.example", status, {}, Raw(body_of(service, code).encode()))

    def work(module: CanaryModule) -> dict[str, Any]:
        client = (module.client_of_once if once else module.client_of)(service)
        client.client.meta.events.register("before-send", send)
        operation, key, options = READS[service]
        return {"found": list(pages(client, operation, key, on="it", **options))}

    def main() -> None:
        run(CanaryModule({}), work)

    return run_module(main, region="eu-west-1", access_key="none", secret_key="none"), asked


@pytest.fixture(autouse=True)
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("elbv2", "Throttling"),
        ("ecs", "ThrottlingException"),
        ("application-autoscaling", "ThrottlingException"),
        ("application-autoscaling", "ConcurrentUpdateException"),
    ],
)
@pytest.mark.parametrize("once", [False, True])
def test_what_aws_refuses_for_now_is_repeated_more_often_than_botocore_does(
    service: str, code: str, once: bool
) -> None:
    """Botocore gives up after three times; amazon.aws by itself knows the code of elbv2 alone."""
    result, asked = read(service, *[(400, code)] * 8, once=once)
    assert (result.get("found"), asked) == ([], 9)


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("elbv2", "ServiceUnavailable"),
        ("ecs", "ServerException"),
        ("application-autoscaling", "InternalServiceException"),
    ],
)
def test_an_error_of_the_server_is_repeated_where_that_does_no_harm(service: str, code: str) -> None:
    result, asked = read(service, *[(500, code)] * 8)
    assert (result.get("found"), asked) == ([], 9)


@pytest.mark.parametrize("status", [500, 503])
def test_a_call_to_be_made_once_is_not_repeated_where_it_may_have_taken_effect(status: int) -> None:
    result, asked = read("ecs", (status, "ServerException"), once=True)
    assert (result["failed"], result["error"]["code"], asked) == (True, "ServerException", 1)


@pytest.mark.parametrize("once", [False, True])
def test_a_refusal_is_not_repeated(once: bool) -> None:
    result, asked = read("ecs", (400, "AccessDeniedException"), once=once)
    assert (result["failed"], asked) == (True, 1)


def test_without_an_end_to_the_throttling_there_is_an_end_to_the_calls() -> None:
    result, asked = read("ecs", *[(400, "ThrottlingException")] * 200)
    assert "ListClusters on it failed: ThrottlingException" in result["msg"]
    assert asked < 100


def test_a_library_that_would_hide_how_ecs_deploys_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore, "__version__", "1.39.17")
    result, asked = read("ecs")
    assert "botocore>=1.40.0" in result["msg"]
    assert asked == 0
