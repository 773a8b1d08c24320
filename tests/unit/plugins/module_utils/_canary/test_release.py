# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
from typing import Any

import botocore.session
import pytest
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.release import (
    READ_ONLY,
    UNORDERED,
    images,
    refuse_unlike_containers,
    same_release,
    with_images,
)
from hypothesis import given
from hypothesis import strategies as st

MODEL = botocore.session.get_session().get_service_model("ecs")
REGISTERED = MODEL.operation_model("RegisterTaskDefinition").input_shape
DESCRIBED = MODEL.shape_for("TaskDefinition")

words = st.text("abAB_-. ", min_size=1, max_size=6)
user_maps = st.dictionaries(words, words, max_size=3)
named = st.fixed_dictionaries({"name": words, "value": words})
containers = st.lists(
    st.fixed_dictionaries(
        {"name": words, "image": words},
        optional={
            "dockerLabels": user_maps,
            "environment": st.lists(named, max_size=3, unique_by=lambda each: each["name"]),
            "command": st.lists(words, max_size=3),
            "environmentFiles": st.lists(st.fixed_dictionaries({"value": words, "type": st.just("s3")}), max_size=3),
            "logConfiguration": st.fixed_dictionaries({"logDriver": words, "options": user_maps}),
        },
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda container: container["name"],
)
definitions = st.fixed_dictionaries({"family": words, "containerDefinitions": containers})


def described(definition: dict[str, Any]) -> dict[str, Any]:
    """The task definition as ECS describes it: with fields of its own."""
    return {**copy.deepcopy(definition), "revision": 7, "status": "ACTIVE", "taskDefinitionArn": "arn:...:7"}


def test_what_ecs_describes_is_what_it_registers_but_for_the_read_only_fields() -> None:
    assert set(DESCRIBED.members) - set(REGISTERED.members) <= READ_ONLY


def test_the_unordered_lists_are_lists_of_the_model() -> None:
    lists: set[str] = set()

    def walk(shape: Any, seen: frozenset[str]) -> None:
        if shape.type_name == "list":
            walk(shape.member, seen)
        if shape.type_name == "structure" and shape.name not in seen:
            for name, member in shape.members.items():
                lists.update({name} if member.type_name == "list" else ())
                walk(member, seen | {shape.name})

    walk(REGISTERED, frozenset())
    assert lists >= UNORDERED


@given(definitions)
def test_taking_ones_own_images_is_the_same_release(definition: dict[str, Any]) -> None:
    taken = with_images(described(definition), images(definition))
    assert taken == definition
    assert same_release(described(definition), taken)


@given(definitions, words)
def test_another_image_is_the_only_difference(definition: dict[str, Any], image: str) -> None:
    before = copy.deepcopy(definition)
    name = definition["containerDefinitions"][0]["name"]
    taken = with_images(described(definition), {**images(definition), name: image})
    assert definition == before
    assert images(taken) == {**images(definition), name: image}
    assert same_release(taken, definition) is (images(definition)[name] == image)
    taken["containerDefinitions"][0]["image"] = images(definition)[name]
    assert taken == definition


@given(definitions, st.randoms(use_true_random=False))
def test_order_that_says_nothing_is_not_compared(definition: dict[str, Any], random: Any) -> None:
    shuffled = described(definition)
    random.shuffle(shuffled["containerDefinitions"])
    for container in shuffled["containerDefinitions"]:
        random.shuffle(container.setdefault("environment", []))
    assert same_release(definition, shuffled)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({"command": ["a", "b"]}, {"command": ["b", "a"]}, id="the words of a command"),
        pytest.param(
            {"environmentFiles": [{"value": "a"}, {"value": "b"}]},
            {"environmentFiles": [{"value": "b"}, {"value": "a"}]},
            id="environment files: the first value of a variable wins",
        ),
        pytest.param({"dockerLabels": {"a_b": "1"}}, {"dockerLabels": {"aB": "1"}}, id="a label's key"),
        pytest.param({"dockerLabels": {"a": ""}}, {}, id="an empty label"),
        pytest.param({"essential": False}, {}, id="a false"),
        pytest.param({"memory": 0}, {}, id="a zero"),
        pytest.param(
            {"logConfiguration": {"logDriver": "awslogs", "options": {"secrets": "x"}}},
            {"logConfiguration": {"logDriver": "awslogs", "options": {}}},
            id="a log option named like a field",
        ),
    ],
)
def test_what_differs_is_another_release(one: dict[str, Any], other: dict[str, Any]) -> None:
    def of(settings: dict[str, Any]) -> dict[str, Any]:
        return {"family": "cart", "containerDefinitions": [{"name": "app", "image": "cart:v1", **settings}]}

    assert not same_release(of(one), of(other))
    assert same_release(of(one), of(copy.deepcopy(one)))


def test_empty_lists_are_as_good_as_none() -> None:
    one: dict[str, Any] = {"family": "cart", "containerDefinitions": [{"name": "app", "image": "cart:v1"}]}
    other = copy.deepcopy({**one, "volumes": []})
    other["containerDefinitions"][0]["mountPoints"] = []
    assert same_release(one, other)


def test_tags_of_aws_itself_are_left_out_and_those_of_the_user_compared() -> None:
    one = {
        "family": "cart",
        "containerDefinitions": [{"name": "app", "image": "cart:v1"}],
        "tags": [{"key": "aws:cloudformation:stack-name", "value": "shop"}, {"key": "Team", "value": "cart"}],
    }
    assert with_images(one, {"app": "cart:v2"})["tags"] == [{"key": "Team", "value": "cart"}]
    assert same_release(one, {**one, "tags": [{"key": "Team", "value": "cart"}]})
    assert not same_release(one, {**one, "tags": []})
    assert "tags" not in with_images({**one, "tags": one["tags"][:1]}, {"app": "cart:v2"})


@pytest.mark.parametrize(
    ("stable", "canary", "says"),
    [
        ({"app": "a", "proxy": "p"}, {"app": "a"}, "only stable has proxy"),
        ({"app": "a"}, {"app": "a", "agent": "x", "b": "y"}, "only canary has agent, b"),
        ({"app": "a"}, {"web": "a"}, "only stable has app; only canary has web"),
    ],
)
def test_containers_of_only_one_side_are_refused_by_name(
    stable: dict[str, str], canary: dict[str, str], says: str
) -> None:
    with pytest.raises(CanaryError, match=says):
        refuse_unlike_containers(stable, canary)


def test_the_same_containers_in_another_order_are_taken() -> None:
    refuse_unlike_containers({"app": "a", "proxy": "p"}, {"proxy": "q", "app": "b"})
