# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stack engine reads out of a template."""

from __future__ import annotations

from lab.control.stacks.case import camel
from lab.control.stacks.order import creation_order, dependencies


def test_every_kind_of_reference_is_a_dependency() -> None:
    resources = {
        "Ref": {"Properties": {"A": {"Ref": "Base"}}},
        "Att": {"Properties": {"A": {"Fn::GetAtt": ["Base", "Arn"]}}},
        "Sub": {"Properties": {"A": {"Fn::Sub": "x/${Base.Name}/${!Literal}/${AWS::Region}"}}},
        "SubList": {"Properties": {"A": {"Fn::Sub": ["${X}", {"X": {"Ref": "Base"}}]}}},
        "Nested": {"Properties": {"A": [{"Fn::If": ["Condition", {"Ref": "Base"}, "no"]}]}},
        "Depends": {"DependsOn": ["Base", "Absent"]},
        "Base": {},
    }
    needs = dependencies(resources, set(resources))
    assert needs.pop("Base") == set()
    assert all(found == {"Base"} for found in needs.values()), needs


def test_what_does_not_exist_is_not_waited_for() -> None:
    resources = {"A": {"DependsOn": "B"}, "B": {}}
    assert dependencies(resources, {"A"}) == {"A": set()}


def test_each_comes_after_what_it_needs() -> None:
    order = creation_order({"c": {"b"}, "a": set(), "b": {"a"}})
    assert order == ["a", "b", "c"]


def test_the_users_own_keys_keep_their_case() -> None:
    given = {
        "LogConfiguration": {"LogDriver": "awslogs", "Options": {"Awslogs-Group": "G"}},
        "DockerLabels": {"Team": "A"},
    }
    assert camel(given) == {
        "logConfiguration": {"logDriver": "awslogs", "options": {"Awslogs-Group": "G"}},
        "dockerLabels": {"Team": "A"},
    }
