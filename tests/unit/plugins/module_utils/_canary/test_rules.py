# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rules split between the groups, what a shift makes of them, and what became of it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.rules import (
    Action,
    Groups,
    Rule,
    described,
    is_now,
    is_still,
    lingering_seconds,
    loads,
    matching,
    others,
    pair_of,
    plan,
    refuse_elsewhere,
    refuse_third_groups,
    rising,
    sendable,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.split import Split
from hypothesis import given
from hypothesis import strategies as st

BASE = "arn:aws:elasticloadbalancing:eu-west-1:123456789012"
STABLE, CANARY, THIRD = (f"{BASE}:targetgroup/{name}/1" for name in ("cart", "cart-canary", "cart-canary-v2"))
GROUPS = Groups(STABLE, CANARY)
LISTENER = f"{BASE}:listener/app/shop/1/2"

WEIGHTS = st.integers(0, 999)
STICKY = st.sampled_from([0, 1, 3600, 604800])
ARNS = st.sampled_from([STABLE, CANARY, THIRD, f"{BASE}:targetgroup/other/1"])
SPLITS = st.builds(Split, WEIGHTS, WEIGHTS).filter(lambda split: split.share is not None)
BEFORE_FORWARD: list[list[Action]] = [
    [],
    [{"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": {"Issuer": "i", "ClientId": "c"}}],
    [{"Type": "authenticate-cognito", "Order": 1, "AuthenticateCognitoConfig": {"UserPoolArn": "p"}}],
    [{"Type": "jwt-validation", "Order": 1, "JwtValidationConfig": {"Issuer": "i"}}],
]


def forward(weights: dict[str, int], sticky: int = 0) -> Action:
    config: Action = {"TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]}
    config["TargetGroupStickinessConfig"] = {"Enabled": bool(sticky), **({"DurationSeconds": sticky} if sticky else {})}
    return {"Type": "forward", "Order": 2, "ForwardConfig": config}


def rule(*actions: Action, priority: int | None = 10, name: str = "r") -> Rule:
    return Rule(
        arn=f"{BASE}:listener-rule/app/shop/1/2/{name}", listener_arn=LISTENER, priority=priority, actions=actions
    )


def both(stable: int, canary: int, sticky: int = 0, **kwargs: Any) -> Rule:
    return rule(forward({STABLE: stable, CANARY: canary}, sticky), **kwargs)


FORWARDS = st.builds(
    lambda first, weights, sticky: rule(*copy.deepcopy(first), forward(weights, sticky)),
    st.sampled_from(BEFORE_FORWARD),
    st.dictionaries(ARNS, WEIGHTS, min_size=1, max_size=4),
    STICKY,
)
FIXED = st.sampled_from(
    [rule({"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}), rule({"Type": "redirect"}), rule()]
)
RULES = st.lists(st.one_of(FORWARDS, FIXED), max_size=6).map(
    lambda rules: [Rule(f"{each.arn}{number}", LISTENER, number, each.actions) for number, each in enumerate(rules)]
)


@given(RULES)
def test_the_rules_that_match_are_those_that_forward_to_both(rules: list[Rule]) -> None:
    found = matching(rules, GROUPS)
    assert [each.arn for each in found] == sorted(each.arn for each in rules if {STABLE, CANARY} <= set(each.weights))


def test_rules_come_in_the_same_order_to_everybody() -> None:
    """Two shifts at once can only tell who wins when both write in one order."""
    rules = [both(1, 0, name=name) for name in "cab"]
    assert [each.arn[-1] for each in matching(rules, GROUPS)] == ["a", "b", "c"]


def test_a_rule_read_twice_counts_once() -> None:
    assert len(matching([both(1, 0), both(1, 0)], GROUPS)) == 1


@given(FORWARDS, SPLITS, st.booleans())
def test_a_shift_changes_the_two_weights_and_stickiness_alone(before: Rule, wanted: Split, off: bool) -> None:
    original = copy.deepcopy(before)
    for change in plan([before], GROUPS, wanted, stickiness_off=off):
        after = Rule(before.arn, before.listener_arn, before.priority, change.actions)
        assert before == original
        assert after.split(GROUPS) is not None
        assert change.after.same_as(wanted)
        assert after.split(GROUPS) == change.after
        assert after.sticky_seconds == (0 if off else before.sticky_seconds) == change.sticky_after
        assert {arn: after.weights[arn] for arn in others(after, GROUPS)} == {
            arn: before.weights[arn] for arn in others(before, GROUPS)
        }
        assert list(change.actions[:-1]) == list(sendable(before.actions[:-1]))
        assert change.actions[-1]["Order"] == 2


@given(st.lists(FORWARDS, max_size=4), SPLITS, st.booleans())
def test_what_a_shift_made_needs_no_second_one(rules: list[Rule], wanted: Split, off: bool) -> None:
    made = [
        Rule(change.rule.arn, LISTENER, 1, change.actions) for change in plan(rules, GROUPS, wanted, stickiness_off=off)
    ]
    assert not any(change.changed for change in plan(made, GROUPS, wanted, stickiness_off=off))


@given(FORWARDS, SPLITS)
def test_what_was_written_reads_back_in_any_order_of_groups(before: Rule, wanted: Split) -> None:
    for change in plan([before], GROUPS, wanted, stickiness_off=False):
        actions = copy.deepcopy(change.actions)
        actions[-1]["ForwardConfig"]["TargetGroups"].reverse()
        live = Rule(before.arn, before.listener_arn, before.priority, actions)
        assert is_now(change, live, GROUPS) == (not others(before, GROUPS))


@given(FORWARDS)
def test_putting_back_gives_what_was_there(before: Rule) -> None:
    for change in plan([before], GROUPS, Split(1, 998), stickiness_off=True):
        again = copy.deepcopy(sendable(before.actions))
        again[-1]["ForwardConfig"]["TargetGroups"].reverse()
        assert is_still(change, Rule(before.arn, LISTENER, 1, again))
        assert is_still(change, Rule(before.arn, LISTENER, 1, change.actions)) == (not change.changed)


def test_the_numbers_stay_where_the_ratio_is_right() -> None:
    (change,) = plan([both(500, 500)], GROUPS, Split(50, 50), stickiness_off=False)
    assert (change.changed, change.after) == (False, Split(500, 500))


def test_stickiness_alone_is_a_change() -> None:
    (change,) = plan([both(500, 500, sticky=60)], GROUPS, Split(50, 50), stickiness_off=True)
    assert (change.changed, change.sticky_before, change.sticky_after) == (True, 60, 0)
    assert change.actions[-1]["ForwardConfig"]["TargetGroupStickinessConfig"] == {"Enabled": False}


@pytest.mark.parametrize("off", [True, False])
def test_stickiness_that_is_off_is_sent_as_it_was(off: bool) -> None:
    (change,) = plan([both(1, 0)], GROUPS, Split(1, 1), stickiness_off=off)
    assert change.actions[-1]["ForwardConfig"]["TargetGroupStickinessConfig"] == {"Enabled": False}


# What AWS shows is not what it takes


def test_a_forward_to_one_group_is_sent_in_one_form() -> None:
    shown = {
        "Type": "forward",
        "TargetGroupArn": STABLE,
        "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": STABLE}]},
    }
    alone = {"Type": "forward", "TargetGroupArn": STABLE}
    wanted = ({"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": STABLE}]}},)
    assert sendable([shown]) == sendable([alone]) == wanted
    assert rule(alone).weights == rule(shown).weights == {STABLE: 1}


def test_an_oidc_action_keeps_the_secret_that_aws_has() -> None:
    shown = {"Type": "authenticate-oidc", "AuthenticateOidcConfig": {"ClientId": "c", "ClientSecret": ""}}
    assert sendable([shown]) == (
        {"Type": "authenticate-oidc", "AuthenticateOidcConfig": {"ClientId": "c", "UseExistingClientSecret": True}},
    )


# Refusals


def test_a_third_group_is_named() -> None:
    with pytest.raises(CanaryError, match=r"Rule 10 .*third target group.*: cart-canary-v2\. ") as caught:
        refuse_third_groups([rule(forward({STABLE: 1, CANARY: 1, THIRD: 0}))], GROUPS)
    assert caught.value.facts["target_groups"] == [THIRD]
    refuse_third_groups([both(1, 1)], GROUPS)


@pytest.mark.parametrize(
    ("live", "passes"), [((90, 10), True), ((75, 25), True), ((750, 250), True), ((50, 50), False), ((0, 0), False)]
)
def test_a_conditional_shift(live: tuple[int, int], passes: bool) -> None:
    rules = [both(90, 10, name="a"), both(*live, name="b")]
    if passes:
        refuse_elsewhere(rules, GROUPS, percent=10, wanted=Split(75, 25))
        return
    with pytest.raises(CanaryError, match=f"from_percent is 10, but rule 10 .*{live[0]}/{live[1]}") as caught:
        refuse_elsewhere(rules, GROUPS, percent=10, wanted=Split(75, 25))
    assert [each["rule_arn"][-1] for each in caught.value.facts["splits"]] == ["b"]


# The pair


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], None),
        ([rule(forward({STABLE: 1}))], None),
        ([rule(forward({STABLE: 1}), name="a"), rule(forward({CANARY: 1}), name="b")], None),
        ([both(1, 0)], GROUPS),
        ([both(1, 0, name="a"), both(0, 1, name="b"), rule(forward({THIRD: 1}))], GROUPS),
    ],
)
def test_the_pair_that_rules_forward_to(rules: list[Rule], expected: Groups | None) -> None:
    assert pair_of(rules, [STABLE, f"{BASE}:targetgroup/unused/1"], [CANARY]) == expected


def test_two_pairs_are_ambiguous() -> None:
    rules = [both(1, 0, name="a"), rule(forward({STABLE: 1, THIRD: 0}), name="b")]
    with pytest.raises(CanaryError, match="more than one pair") as caught:
        pair_of(rules, [STABLE], [CANARY, THIRD])
    assert len(caught.value.facts["pairs"]) == 2


def test_a_group_is_no_pair_with_itself() -> None:
    assert pair_of([rule(forward({STABLE: 1}))], [STABLE], [STABLE]) is None


# Who gets more


@pytest.mark.parametrize(
    ("live", "wanted", "expected"),
    [
        ((100, 0), (75, 25), [CANARY]),
        ((75, 25), (100, 0), [STABLE]),
        ((50, 50), (500, 500), []),
        ((0, 0), (100, 0), [STABLE]),
        ((0, 0), (1, 1), [STABLE, CANARY]),
        ((0, 0), (0, 1), [CANARY]),
    ],
)
def test_the_groups_whose_share_rises(live: tuple[int, int], wanted: tuple[int, int], expected: list[str]) -> None:
    assert rising(plan([both(*live)], GROUPS, Split(*wanted), stickiness_off=False), GROUPS) == expected


def test_rules_that_start_apart_may_raise_both() -> None:
    changes = plan([both(1, 0, name="a"), both(0, 1, name="b")], GROUPS, Split(1, 1), stickiness_off=False)
    assert rising(changes, GROUPS) == [STABLE, CANARY]


@given(SPLITS, SPLITS)
def test_what_one_group_gains_the_other_loses(live: Split, wanted: Split) -> None:
    changes = plan([both(live.stable, live.canary)], GROUPS, wanted, stickiness_off=False)
    assert len(rising(changes, GROUPS)) == (0 if live.same_as(wanted) else 1)


@pytest.mark.parametrize(
    ("wanted", "off", "seconds"), [((1, 0), False, 60), ((0, 1), False, 60), ((1, 1), False, 0), ((1, 0), True, 0)]
)
def test_how_long_an_emptied_group_may_see_clients(wanted: tuple[int, int], off: bool, seconds: int) -> None:
    assert lingering_seconds(plan([both(2, 1, sticky=60)], GROUPS, Split(*wanted), stickiness_off=off)) == seconds


# Read back


@pytest.mark.parametrize(
    ("live", "now", "words"),
    [
        (both(75, 25), True, "25 % canary (75/25)"),
        (both(3, 1), True, "25 % canary (3/1)"),
        (both(40, 60), False, "60 % canary (40/60)"),
        (both(75, 25, sticky=60), False, "sticky for 60 s"),
        (rule(forward({STABLE: 75, CANARY: 25, THIRD: 1})), False, "third group (cart-canary-v2)"),
        (rule(forward({STABLE: 1})), False, "no longer forwarding"),
        (None, False, "gone"),
    ],
)
def test_what_became_of_a_change(live: Rule | None, now: bool, words: str) -> None:
    (change,) = plan([both(100, 0)], GROUPS, Split(75, 25), stickiness_off=False)
    assert is_now(change, live, GROUPS) is now
    assert not is_still(change, live)
    assert words in described(live, GROUPS)


def test_a_default_rule_has_no_priority() -> None:
    default = both(1, 0, priority=None)
    assert default.default
    assert str(default).startswith("default rule (")
    assert not both(1, 0, priority=7).default


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        ({STABLE: 1, CANARY: 3}, True),
        ({STABLE: 1, CANARY: 0}, False),
        ({CANARY: 1}, False),
        ({STABLE: 1}, False),
        # Both services are in that group, so that its requests cannot be told apart.
        ({THIRD: 1}, False),
        ({THIRD: 1, CANARY: 1}, True),
    ],
)
def test_a_rule_loads_the_canary_where_it_shares_its_requests_between_both(
    weights: dict[str, int], shares: bool
) -> None:
    assert loads(rule(forward(weights)), [STABLE, THIRD], [CANARY, THIRD]) is shares
