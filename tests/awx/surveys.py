# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX makes of a survey: which ones it takes, which answers, and what its launch dialog sends.

https://docs.ansible.com/projects/awx/en/latest/userguide/job_templates.html#surveys
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Question = Mapping[str, Any]

TEXTS = ("text", "textarea", "password")
CHOICES = ("multiplechoice", "multiselect")
NUMBERS = {"integer": (int,), "float": (int, float)}
TYPES = (*TEXTS, *CHOICES, *NUMBERS)


def refused(survey: Mapping[str, Any]) -> list[str]:
    """Why AWX does not take a survey."""
    problems = [f"{name} is missing" for name in ("name", "description", "spec") if name not in survey]
    questions = survey.get("spec") or []
    if not questions:
        problems.append("it has no question")
    variables = [question.get("variable") for question in questions]
    problems += [f"{name} is asked for twice" for name in {name for name in variables if variables.count(name) > 1}]
    return problems + [problem for question in questions for problem in _problems_of(question)]


def _problems_of(question: Question) -> Iterator[str]:
    """Why AWX does not take a question."""
    where = question.get("variable", "a question")
    for name, kind in (("type", str), ("question_name", str), ("variable", str), ("required", bool)):
        if not isinstance(question.get(name), kind):
            yield f"{where}: {name} is not of type {kind.__name__}"
    if question.get("type") not in TYPES:
        yield f"{where}: no question is of type {question.get('type')}"
    for limit in ("min", "max"):
        # Of a float, too.
        if not isinstance(question.get(limit), int | None):
            yield f"{where}: {limit} is not a whole number"
    if question.get("type") in CHOICES and not question.get("choices"):
        yield f"{where}: it has no choices"
    if question.get("default", "") != "":
        yield from (f"{where}: the default is refused: {problem}" for problem in wrong(question, question["default"]))


def wrong(question: Question, answer: Any) -> Iterator[str]:
    """Why AWX does not take an answer."""
    kind, low, high = question["type"], question.get("min"), question.get("max")
    if kind in CHOICES:
        if answer not in question["choices"]:
            yield f"{answer!r} is not among {question['choices']}"
        return
    if isinstance(answer, bool) or not isinstance(answer, str if kind in TEXTS else NUMBERS[kind]):
        yield f"{answer!r} is not of type {kind}"
        return
    size = len(answer) if isinstance(answer, str) else answer
    if low is not None and size < low:
        yield f"{answer!r} is below {low}"
    if high is not None and size > high:
        yield f"{answer!r} is above {high}"


def unanswerable(questions: Sequence[Question], answers: Mapping[str, Any], *, whole: bool = True) -> list[str]:
    """Why AWX does not start a job with these answers; unless ``whole``, more may come later."""
    asked = {question["variable"]: question for question in questions}
    problems = [f"{name} is not asked for" for name in answers if name not in asked]
    for name, question in asked.items():
        if name in answers:
            problems += [f"{name}: {problem}" for problem in wrong(question, answers[name])]
        elif question["required"] and whole:
            problems.append(f"{name} is missing")
    return problems


def filled_in(questions: Sequence[Question], answers: Mapping[str, Any]) -> dict[str, Any]:
    """What the launch dialog sends when somebody answers only some questions: a text that was left blank is empty."""
    blank = {question["variable"]: "" for question in questions if question["type"] in TEXTS}
    return blank | defaults(questions) | dict(answers)


def defaults(questions: Sequence[Question]) -> dict[str, Any]:
    """The answers that AWX itself fills in."""
    return {question["variable"]: question["default"] for question in questions if "default" in question}
