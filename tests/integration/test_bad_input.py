# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: one clear error that names the option, the resource and the way out, and nothing changed."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.playbooks import PLAYBOOKS as FOLDER
from lab.playbooks import command_line, environment
from lab.state import Lab
from tests.integration.bad_input import PLAYBOOKS, SERVICES, TABLE, Bad
from tests.integration.bad_input_cloud import SECRET, BadInputCloud
from tests.unit.plugins.run_module import run_module

ROWS = [(module, row) for module, rows in TABLE.items() for row in rows]


@pytest.fixture(scope="module")
def cloud() -> Iterator[BadInputCloud]:
    """A cloud in this process: bad input needs no traffic."""
    made = BadInputCloud()
    yield made
    made.cloud.stop()


@pytest.fixture(scope="module")
def callers(cloud: BadInputCloud) -> dict[str, dict[str, str | None]]:
    """The environment of each caller that the table knows."""
    known = cloud.session("reader")
    nothing: dict[str, str | None] = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    return {
        "": {},
        "none": nothing,
        "unknown": {**known, "AWS_ACCESS_KEY_ID": "ASIAQQQQQQQQQQQQQQQQ"},
        "forged": {**known, "AWS_SECRET_ACCESS_KEY": "wrong"},
        "ended": {**cloud.session("reader", seconds=-1)},
        "nobody": {**cloud.session("nobody")},
        "reader": {**known},
    }


def filled(value: Any, names: dict[str, str]) -> Any:
    """An option with what its names stand for."""
    if isinstance(value, dict):
        return {key: filled(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, names) for one in value]
    return value.format_map(names) if isinstance(value, str) else value


@pytest.fixture
def surroundings(cloud: BadInputCloud, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str | None]], None]:
    """Sets the environment that a module runs in, with nothing in it of who runs the tests."""

    def set_to(differs: dict[str, str | None]) -> None:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        for name, value in {**cloud.environment, **differs}.items():
            if value is not None:
                monkeypatch.setenv(name, value)

    return set_to


def names_of(row: tuple[str, Bad]) -> str:
    """A row's name: the module, and the words of its error."""
    module, bad = row
    return f"{module}: {', '.join(bad.says)}"


def changed(cloud: BadInputCloud, since: int, *, may_ask: bool = False) -> list[str]:
    """The calls after a number that changed something; also those that were refused, for whoever may not ask."""
    return [
        call["operation"] for call in cloud.calls(since) if call["mutating"] and not (may_ask and call["status"] >= 400)
    ]


def test_the_table_has_what_it_must() -> None:
    assert len(ROWS) >= 60
    assert len({names_of(row) + repr(row[1]) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("module, bad", ROWS, ids=map(names_of, ROWS))
def test_bad_input_is_refused_in_words_and_changes_nothing(
    module: str,
    bad: Bad,
    cloud: BadInputCloud,
    callers: dict[str, dict[str, str | None]],
    surroundings: Callable[[dict[str, str | None]], None],
) -> None:
    main = importlib.import_module(f"ansible_collections.canary.ecs.plugins.modules.{module}").main
    surroundings({**callers[bad.caller], **bad.environment})
    since = len(cloud.calls())
    patience = {} if module == "ecs_canary_info" else {"wait_timeout": 1}
    result = run_module(main, **{**patience, **filled(bad.options, cloud.names)})
    assert result.get("failed"), result
    message = result["msg"]
    assert [word for word in filled(list(bad.says), cloud.names) if word not in message] == [], message
    assert "Traceback" not in json.dumps(result)
    # Nobody but AWS knows what a caller may do. All else is known before the first call that changes something.
    assert changed(cloud, since, may_ask=bad.caller == "reader") == []


def play(
    cloud: BadInputCloud,
    playbook: str,
    variables: dict[str, Any],
    *options: str,
    differs: dict[str, str | None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a playbook as its user would, with nothing in its environment of who runs the tests."""
    lab = Lab(name="cloud", number=0, endpoint=cloud.endpoint, propagation_delay=0, low_ports=False)
    wanted = {**cloud.environment, "AWS_CONFIG_FILE": os.devnull, **(differs or {})}
    settings = environment(lab) | {name: value for name, value in wanted.items() if value is not None}
    return subprocess.run(
        command_line(playbook, variables, options),
        cwd=FOLDER,
        env=settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def foreign_stack(cloud: BadInputCloud) -> None:
    """A stack that this collection has not made."""
    template = json.dumps({"Resources": {"Log": {"Type": "AWS::Logs::LogGroup"}}})
    cloud.client("cloudformation").create_stack(StackName="theirs", TemplateBody=template)


@pytest.fixture(scope="module")
def own_stack(cloud: BadInputCloud) -> None:
    """A stack that passes for one of this collection's."""
    template = {"Description": "canary.ecs: a test", "Resources": {"Log": {"Type": "AWS::Logs::LogGroup"}}}
    cloud.client("cloudformation").create_stack(StackName="ours", TemplateBody=json.dumps(template))


@pytest.mark.usefixtures("foreign_stack")
@pytest.mark.parametrize("playbook, bad", PLAYBOOKS, ids=map(names_of, PLAYBOOKS))
def test_a_playbook_refuses_bad_input_in_words_and_changes_nothing(
    cloud: BadInputCloud, playbook: str, bad: Bad
) -> None:
    since = len(cloud.calls())
    played = play(cloud, playbook, bad.options)
    assert played.returncode != 0, played.stdout
    error = played.stdout.rpartition("[ERROR]")[2]
    assert [word for word in bad.says if word not in " ".join(error.split())] == [], played.stdout
    assert "Traceback" not in played.stdout
    assert changed(cloud, since) == []


@pytest.mark.usefixtures("own_stack")
@pytest.mark.parametrize(
    ("playbook", "variables", "denied"),
    [
        ("status.yml", SERVICES, False),
        ("rollback.yml", SERVICES, True),
        ("canary.yml", {**SERVICES, "percent": 100}, True),
        ("promote.yml", SERVICES, False),
        ("deploy.yml", {"stack_name": "new", "stable_image": "shop:v1"}, True),
        ("destroy.yml", {"stack_name": "ours"}, True),
    ],
)
def test_no_secret_is_ever_told(cloud: BadInputCloud, playbook: str, variables: dict[str, Any], denied: bool) -> None:
    """Not in the words of a run that goes well, nor of one that is refused its write, at the highest verbosity."""
    session = cloud.session("reader")
    played = play(cloud, playbook, dict(variables), "-vvvv", "--diff", differs=dict(session))
    assert (played.returncode == 0) is (playbook == "status.yml"), played.stdout
    assert ("denied" in played.stdout.lower()) is denied, played.stdout
    assert cloud.names["login_rule"] in played.stdout or "stack_name" in variables
    told = {SECRET, session["AWS_SECRET_ACCESS_KEY"], session["AWS_SESSION_TOKEN"]}
    assert [secret for secret in told if secret in played.stdout] == []


def test_no_secret_among_a_module_s_options_is_told(cloud: BadInputCloud, tmp_path: Path) -> None:
    session = cloud.session("reader")
    names = {"access_key": "ACCESS_KEY_ID", "secret_key": "SECRET_ACCESS_KEY", "session_token": "SESSION_TOKEN"}
    keys = {option: session[f"AWS_{name}"] for option, name in names.items()}
    tasks = [{"canary.ecs.ecs_canary_weights": {**SERVICES, **keys, "percent": 0}}]
    written = tmp_path / "keys.yml"
    written.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    nobody: dict[str, str | None] = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    played = play(cloud, str(written), {}, "-vvvv", "--diff", differs=nobody)
    assert "permission denied" in played.stdout, played.stdout
    assert [option for option in ("secret_key", "session_token") if keys[option] in played.stdout] == []
