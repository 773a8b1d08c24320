# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on the API, as boto3 meets them."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from botocore.exceptions import ConnectionError as BotoConnectionError

from lab.control.calls import Request
from lab.faults.fault_set import Fault, FaultSet, fault_of
from tests.lab.control.world import SESSION, Pair

ONCE = Config(retries={"total_max_attempts": 1})


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A running cloud whose clients try each call once."""
    world = Pair()
    given = {"endpoint_url": world.endpoint, "region_name": "eu-central-1", "config": ONCE}
    make: Any = SESSION.client
    keys = {"aws_access_key_id": "lab", "aws_secret_access_key": "lab"}
    world.ecs, world.elb = make("ecs", **given, **keys), make("elbv2", **given, **keys)
    yield world
    world.cloud.stop()


def code(call: Any, **given: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**given)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def weights(pair: Pair) -> list[int]:
    action = pair.elb.describe_rules(RuleArns=[pair.rule])["Rules"][0]["Actions"][0]
    return sorted(group["Weight"] for group in action["ForwardConfig"]["TargetGroups"])


def shift(pair: Pair) -> None:
    pair.elb.modify_rule(RuleArn=pair.rule, Actions=[pair.forward(75, 25)])


def test_each_service_throttles_with_its_own_code(pair: Pair) -> None:
    pair.cloud.faults.add(Fault("throttle"))
    assert code(pair.elb.describe_rules, RuleArns=[pair.rule]) == ("Throttling", 400)
    assert code(pair.ecs.describe_clusters) == ("ThrottlingException", 400)


def test_an_error_has_no_effect(pair: Pair) -> None:
    pair.cloud.faults.add(Fault("error", operation="Modify*", calls=(1,)))
    assert code(pair.elb.modify_rule, RuleArn=pair.rule, Actions=[pair.forward(75, 25)])[1] == 500
    assert weights(pair) == [0, 100]
    shift(pair)
    assert weights(pair) == [25, 75]


@pytest.mark.parametrize(("kind", "after"), [("reset-before", [0, 100]), ("reset-after", [25, 75])])
def test_a_reset_comes_before_or_after_the_effect(pair: Pair, kind: str, after: list[int]) -> None:
    pair.cloud.faults.add(Fault(kind, operation="ModifyRule"))
    with pytest.raises((ConnectionClosedError, BotoConnectionError)):
        shift(pair)
    assert weights(pair) == after


def test_a_stale_answer_is_the_one_before(pair: Pair) -> None:
    assert weights(pair) == [0, 100]
    pair.cloud.faults.add(Fault("stale", operation="DescribeRules", calls=(1,)))
    shift(pair)
    assert weights(pair) == [0, 100]
    assert weights(pair) == [25, 75]


def test_latency_delays(pair: Pair) -> None:
    pair.cloud.faults.add(Fault("latency", service="ecs", seconds=0.3))
    begun = time.monotonic()
    pair.ecs.describe_clusters()
    assert time.monotonic() - begun >= 0.3


@pytest.mark.parametrize(("kind", "during"), [("hold-before", [0, 100]), ("hold-after", [25, 75])])
def test_a_held_call_waits_before_or_after_the_effect(pair: Pair, kind: str, during: list[int]) -> None:
    pair.cloud.faults.add(Fault(kind, operation="ModifyRule"))
    with ThreadPoolExecutor() as pool:
        shifting = pool.submit(shift, pair)
        soon(pair, held=1)
        assert weights(pair) == during
        assert not shifting.done()
        pair.cloud.faults.clear()
        shifting.result(timeout=30)
    assert weights(pair) == [25, 75]


def test_a_held_call_whose_client_is_gone_takes_no_effect(pair: Pair) -> None:
    """As when the client is killed: its call is let go of, and no later call is."""
    pair.cloud.faults.add(Fault("hold-before", operation="ModifyRule", calls=(1,)))
    impatient = pair.client("elbv2", config=ONCE.merge(Config(read_timeout=0.3)))
    with pytest.raises(ReadTimeoutError):
        impatient.modify_rule(RuleArn=pair.rule, Actions=[pair.forward(75, 25)])
    # The lab may be slower with it than its client is with giving up.
    soon(pair, hits=1)
    soon(pair, held=0)
    assert weights(pair) == [0, 100]
    shift(pair)
    assert weights(pair) == [25, 75]


def soon(pair: Pair, **counts: int) -> None:
    """Wait until the fault has hit, or holds, as many calls."""
    deadline = time.monotonic() + 30
    while not counts.items() <= pair.cloud.faults.facts()[0].items():
        assert time.monotonic() < deadline, pair.cloud.faults.facts()
        time.sleep(0.01)


def test_faults_are_set_and_taken_away_over_http(pair: Pair) -> None:
    def ask(method: str, data: dict[str, Any] | None = None) -> Any:
        body = json.dumps(data).encode() if data else None
        request = urllib.request.Request(f"{pair.endpoint}/_lab/faults", body, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    assert ask("POST", {"kind": "throttle", "operation": "DescribeRules", "calls": [2]})[0]["calls"] == [2]
    assert weights(pair) == [0, 100]
    assert code(pair.elb.describe_rules, RuleArns=[pair.rule])[0] == "Throttling"
    assert ask("DELETE") == []
    assert weights(pair) == [0, 100]


@pytest.mark.parametrize("data", [{"kind": "flood"}, {"kind": "error", "share": 2}, {"kind": "error", "colour": 1}, {}])
def test_what_is_no_fault_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        fault_of(data)


def test_a_share_is_about_that_share() -> None:
    faults = FaultSet()
    faults.add(Fault("throttle", share=0.3))
    hits = sum(faults.choose(Request(number, "ecs", "ListTasks", mutating=False)) is not None for number in range(2000))
    assert 500 < hits < 700
