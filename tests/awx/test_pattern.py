# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of the pattern: surveys that AWX takes and the playbooks know, and a workflow with a way back."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
import yaml

from lab.checkout import CHECKOUT
from tests.awx import surveys
from tests.awx.pattern import META, PATTERN, TEMPLATES, WORKFLOW, names_of_the_playbooks, options_of

ASKED = [(template, question) for template in TEMPLATES for question in template["survey"]["spec"]]
IDS = [f"{template['name']}: {question['variable']}" for template, question in ASKED]
QUESTIONS = [pytest.param(asked[1], id=name) for asked, name in zip(ASKED, IDS, strict=True)]
# How a survey asks for what the role takes.
KINDS = {"str": "text", "int": "integer", "float": "float", "bool": "multiplechoice"}
# What a catalog of patterns reads, as their specification demands it, and AWX has no use for.
FOR_CATALOGS = {"schema_version", "title", "description", "short_description", "tags"}
FOR_CATALOGS_OF_A_TEMPLATE = {"primary", "ask_credential_on_launch", "ask_inventory_on_launch"}
NODES = {node["identifier"]: node for node in WORKFLOW["nodes"]}
BY_NAME = {template["name"]: template for template in TEMPLATES}
MOVES = ("Shift", "Promote")


def path() -> list[dict[str, Any]]:
    """The nodes of a release in which all goes well."""
    nodes = [WORKFLOW["nodes"][0]]
    while following := nodes[-1].get("success"):
        nodes.append(NODES[following[0]])
    return nodes


def test_awx_gets_all_that_is_not_for_a_catalog_of_patterns() -> None:
    apply = (PATTERN / "playbooks" / "apply.yml").read_text(encoding="utf-8")
    apply += (PATTERN / "playbooks" / "vars" / "application.yml").read_text(encoding="utf-8")
    resources = META["aap_resources"]
    wanted = {f"awx_pattern.{name}" for name in META.keys() - FOR_CATALOGS}
    wanted |= {f"awx_resources.{kind}" for kind in resources}
    for kind in ("controller_project", "controller_execution_environment"):
        wanted |= {f"awx_resources.{kind}.{name}" for name in resources[kind]}
    for template in TEMPLATES:
        wanted |= {f"item.{name}" for name in template.keys() - FOR_CATALOGS_OF_A_TEMPLATE}
    assert {name for name in wanted if not re.search(rf"\b{re.escape(name)}\b", apply)} == set()


def test_it_is_laid_out_as_ansible_patterns_are() -> None:
    """https://github.com/ansible/pattern-service/blob/main/specifications/pattern_specification.md"""
    assert META["name"] == PATTERN.name
    assert len(META["title"]) <= 64 and not META["short_description"].endswith(".")
    asked = [question for template in TEMPLATES for question in template["survey"]["spec"]]
    assert all(isinstance(question.get("default", ""), str) for question in asked)
    assert (PATTERN / "README.md").is_file()
    assert len(list((PATTERN / "execution_environments").iterdir())) == 1
    assert sum(template.get("primary", False) for template in TEMPLATES) == 1
    environment = META["aap_resources"]["controller_execution_environment"]["name"]
    assert {template["execution_environment"] for template in TEMPLATES} == {environment}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: str(template["name"]))
def test_a_job_template_runs_the_playbook_of_the_collection(template: dict[str, Any]) -> None:
    plays = yaml.safe_load((PATTERN / "playbooks" / template["playbook"]).read_text(encoding="utf-8"))
    name = template["playbook"].removesuffix(".yml")
    assert [play["ansible.builtin.import_playbook"] for play in plays] == [f"canary.ecs.{name}"]
    assert (CHECKOUT / "playbooks" / template["playbook"]).is_file()


def test_each_playbook_has_a_job_template() -> None:
    playbooks = {path.name for path in (CHECKOUT / "playbooks").glob("*.yml")}
    assert sorted(template["playbook"] for template in TEMPLATES) == sorted(playbooks)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: str(template["name"]))
def test_awx_takes_the_survey(template: dict[str, Any]) -> None:
    assert surveys.refused(template["survey"]) == []


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_about_something_that_the_playbooks_take(question: dict[str, Any]) -> None:
    assert question["variable"] in names_of_the_playbooks()
    assert question["question_description"].endswith(".")
    if question["type"] in surveys.NUMBERS:
        assert question["min"] < question["max"]


@pytest.mark.parametrize(("template", "question"), ASKED, ids=IDS)
def test_a_question_is_of_the_kind_that_its_playbook_takes(template: dict[str, Any], question: dict[str, Any]) -> None:
    """What it says of an empty answer is what the role does then."""
    option = options_of(template["playbook"])[question["variable"]]
    choices = option.get("choices") or (["false", "true"] if option["type"] == "bool" else None)
    assert question["type"] == ("multiplechoice" if choices else KINDS[option["type"]])
    assert question.get("choices") == choices
    default = str(option.get("default", "")).lower() if choices else option.get("default")
    if choices:
        assert question["default"] == default
    elif default is not None and not question["required"]:
        assert question["question_description"].endswith(f"Empty: {default}.")
    if question["variable"] in ("percent", "step", "return_step"):
        assert (question["type"], question["min"], question["max"]) == ("float", 0, 100)


def test_the_survey_of_a_rollback_asks_for_what_its_guide_gives() -> None:
    guide = (CHECKOUT / "docs" / "rollback.md").read_text(encoding="utf-8")
    given = set(re.findall(r"canary\.ecs\.rollback -e (\w+)=", guide))
    asked = {question["variable"] for question in BY_NAME["Roll back"]["survey"]["spec"]}
    assert {"restore", "stickiness"} <= given <= asked


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_optional_question_may_be_left_alone(question: dict[str, Any]) -> None:
    """AWX refuses an empty text with a least length, and a choice that nobody made and that has no default."""
    if not question["required"]:
        sent = surveys.filled_in([question], {})
        assert surveys.unanswerable([question], sent) == []


def test_the_question_of_a_destruction_must_be_answered() -> None:
    questions = BY_NAME["Destroy"]["survey"]["spec"]
    assert surveys.unanswerable(questions, surveys.filled_in(questions, {})) != []


def test_awx_takes_the_survey_of_the_workflow() -> None:
    survey = WORKFLOW["survey"]
    assert surveys.refused(survey) == []
    asked = {question["variable"] for question in survey["spec"]}
    assert asked <= names_of_the_playbooks()
    fixed = {name for node in WORKFLOW["nodes"] for name in node.get("variables", {})}
    assert asked & fixed == set(), "an answer to the workflow outranks what its nodes have"


@pytest.mark.parametrize("node", WORKFLOW["nodes"], ids=lambda node: str(node["identifier"]))
def test_a_node_leads_somewhere_and_runs_what_there_is(node: dict[str, Any]) -> None:
    assert {*node.get("success", []), *node.get("failure", [])} <= set(NODES)
    assert ("runs" in node) != ("asks" in node)
    if "runs" in node:
        questions = BY_NAME[node["runs"]]["survey"]["spec"]
        assert surveys.unanswerable(questions, node.get("variables", {})) == []


def test_a_person_is_asked_before_each_step_after_the_first() -> None:
    steps = [node.get("runs", "asks") for node in path()]
    assert steps == ["Deploy", "Shift", "asks", "Shift", "asks", "Shift", "asks", "Promote"]
    percents = [node["variables"]["percent"] for node in path() if node.get("runs") == "Shift"]
    assert percents == [5, 25, 100]
    for before, after in pairwise(path()):
        assert "asks" in (after if before.get("runs") in MOVES else before) or before.get("runs") == "Deploy"


def test_what_fails_and_each_no_leads_to_a_rollback() -> None:
    for node in path():
        ways = [NODES[name] for name in node["failure"]]
        if node.get("runs") == "Promote":
            assert [way.get("asks", "") != "" for way in ways] == [True], "a person decides whether to take it back"
            ways = [NODES[name] for name in ways[0]["success"]]
        assert [way.get("runs") for way in ways] == ["Roll back"]
