# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small AWX: its REST API as far as awx.awx uses it to make job templates, surveys, credentials and workflows.

It keeps what is sent and gives it back, and refuses what AWX refuses: references to what is not there, playbooks that
the project does not have, surveys and answers against the rules. It never shows a secret.
https://docs.ansible.com/projects/awx/en/latest/rest_api/
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from lab.checkout import CHECKOUT
from tests.awx import surveys
from tests.awx.jobs import Job

Thing = dict[str, Any]

TOKEN = "a-token-of-the-test"
HIDDEN = "$encrypted$"
SECRETS = ("password", "security_token")
# What AWX calls one of each kind.
KINDS = {
    "organizations": "organization",
    "projects": "project",
    "execution_environments": "execution_environment",
    "inventories": "inventory",
    "hosts": "host",
    "credential_types": "credential_type",
    "credentials": "credential",
    "job_templates": "job_template",
    "workflow_job_templates": "workflow_job_template",
    "workflow_job_template_nodes": "workflow_job_template_node",
    "workflow_approval_templates": "workflow_approval_template",
}
UNIFIED = ("job_templates", "workflow_job_templates", "projects", "workflow_approval_templates")
LINKS = ("success_nodes", "failure_nodes", "always_nodes", "credentials")
# A new AWX has these, among others. The types are its own: nobody can make or change them.
SEEDS: list[tuple[str, Thing]] = [
    ("organizations", {"name": "Default"}),
    ("credential_types", {"name": "Machine", "kind": "ssh", "managed": True}),
    ("credential_types", {"name": "Source Control", "kind": "scm", "managed": True}),
    ("credential_types", {"name": "Amazon Web Services", "kind": "cloud", "managed": True}),
]


class Refused(Exception):
    """An answer of AWX that is not a success."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(body)
        self.status, self.body = status, body


class Controller:
    """The API on a port of its own, for as long as the context lasts; ``things`` are by kind and id."""

    def __init__(self) -> None:
        self.things: dict[str, dict[int, Thing]] = {kind: {} for kind in KINDS}
        self.surveys: dict[int, Thing] = {}
        self.links: dict[tuple[int, str], list[int]] = {}
        self.writes: list[str] = []
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        for kind, fields in SEEDS:
            self._add(kind, dict(fields))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables by which awx.awx finds it."""
        return {
            "CONTROLLER_HOST": f"http://127.0.0.1:{self._server.server_port}",
            "CONTROLLER_OAUTH_TOKEN": TOKEN,
        }

    def named(self, kind: str, name: str) -> Thing:
        """The one thing of a kind with a name, secrets and all."""
        return next(thing for thing in self.things[kind].values() if thing["name"] == name)

    def names(self, kind: str) -> set[str]:
        """The names of a kind."""
        return {thing["name"] for thing in self.things[kind].values()}

    def questions(self, template: Thing) -> list[Thing]:
        """The survey of a template, empty where it asks nothing."""
        enabled = template.get("survey_enabled")
        return list(self.surveys.get(template["id"], {}).get("spec", [])) if enabled else []

    def launched(self, name: str, *runtime: Mapping[str, Any]) -> Job:
        """The job of a job template. Each of ``runtime`` outranks those before it: what a node of a workflow has, what
        the jobs before it passed on, what was answered.

        https://docs.ansible.com/projects/awx/en/latest/userguide/workflow_templates.html#extra-variables
        """
        template = self.named("job_templates", name)
        questions = self.questions(template)
        settings = json.loads(template["extra_vars"])
        variables = settings | surveys.defaults(questions)
        for given in runtime:
            variables |= given
        credentials = [self.things["credentials"][number] for number in self.links[template["id"], "credentials"]]
        hosts = self.things["hosts"].values()
        return Job(
            playbook=template["playbook"],
            variables=variables,
            trusted=settings,
            environment=dict(pair for credential in credentials for pair in self._injected(credential)),
            hosts={
                host["name"]: json.loads(host["variables"])
                for host in hosts
                if host["inventory"] == template["inventory"]
            },
        )

    def answered(self, name: str, answers: Mapping[str, Any]) -> dict[str, Any]:
        """What the launch dialog of a job template sends, as far as AWX takes it."""
        questions = self.questions(self.named("job_templates", name))
        sent = surveys.filled_in(questions, answers)
        if problems := surveys.unanswerable(questions, sent):
            raise Refused(400, {"variables_needed_to_start": problems})
        return sent

    def _injected(self, credential: Thing) -> Iterator[tuple[str, str]]:
        """The environment variables that a credential of AWX's AWS type becomes."""
        assert self.things["credential_types"][credential["credential_type"]]["name"] == "Amazon Web Services"
        inputs = credential["inputs"]
        yield "AWS_ACCESS_KEY_ID", inputs["username"]
        yield "AWS_SECRET_ACCESS_KEY", inputs["password"]
        if token := inputs.get("security_token"):
            yield "AWS_SESSION_TOKEN", token

    def answer(self, method: str, target: str, body: Thing) -> tuple[int, object]:
        """One request."""
        parts = urlsplit(target)
        words = parts.path.removeprefix("/api/v2/").strip("/").split("/")
        with self._lock:
            if method != "GET":
                self.writes.append(f"{method} {parts.path}")
            if len(words) == 1:
                return self._of_kind(method, words[0], dict(parse_qsl(parts.query)), body)
            kind, thing = words[0], self._find(words[0], int(words[1]))
            if len(words) == 2:
                return self._of_thing(method, kind, thing, body)
            return self._of_part(method, thing, words[2], body)

    def _of_kind(self, method: str, kind: str, filters: Mapping[str, str], body: Thing) -> tuple[int, object]:
        if method == "POST":
            return 201, self._shown(kind, self._add(kind, body))
        kinds = UNIFIED if kind == "unified_job_templates" else (kind,)
        found = [(each, thing) for each in kinds for thing in self.things[each].values()]
        shown = [self._shown(each, thing) for each, thing in found if _fits(self._shown(each, thing), filters)]
        return 200, {"count": len(shown), "next": None, "previous": None, "results": shown}

    def _of_thing(self, method: str, kind: str, thing: Thing, body: Thing) -> tuple[int, object]:
        if method == "PATCH":
            self._check(kind, {**thing, **body})
            thing.update(body)
        return 200, self._shown(kind, thing)

    def _of_part(self, method: str, thing: Thing, part: str, body: Thing) -> tuple[int, object]:
        if part == "survey_spec":
            return self._survey(method, thing, body)
        if part == "create_approval_template" and method == "POST":
            template = self._add("workflow_approval_templates", body)
            thing["unified_job_template"] = template["id"]
            return 201, self._shown("workflow_approval_templates", template)
        if part not in LINKS:
            raise Refused(404, {"detail": "Not found."})
        linked = self.links.setdefault((thing["id"], part), [])
        if method == "GET":
            return 200, {"count": len(linked), "next": None, "results": [{"id": number} for number in linked]}
        (linked.remove if body.get("disassociate") else linked.append)(body["id"])
        return 204, None

    def _survey(self, method: str, thing: Thing, body: Thing) -> tuple[int, object]:
        if method == "POST":
            if problems := surveys.refused(body):
                raise Refused(400, {"error": "; ".join(problems)})
            self.surveys[thing["id"]] = body
        elif method == "DELETE":
            self.surveys.pop(thing["id"], None)
        return 200, self.surveys.get(thing["id"], {})

    def _add(self, kind: str, fields: Thing) -> Thing:
        self._check(kind, fields)
        thing = {"id": next(self._ids), **fields}
        self.things[kind][thing["id"]] = thing
        return thing

    def _find(self, kind: str, number: int) -> Thing:
        if kind not in self.things or number not in self.things[kind]:
            raise Refused(404, {"detail": "Not found."})
        return self.things[kind][number]

    def _check(self, kind: str, fields: Thing) -> None:
        """Refuse what AWX would."""
        for kind_of_other, name in KINDS.items():
            if name in fields and fields[name] not in self.things[kind_of_other]:
                raise Refused(400, {name: [f'Invalid pk "{fields[name]}" - object does not exist.']})
        if kind == "job_templates" and not (CHECKOUT / fields["playbook"]).is_file():
            raise Refused(400, {"playbook": ["Playbook not found for project."]})
        if kind == "workflow_job_template_nodes" and fields.get("extra_data"):
            template = self.things["job_templates"][fields["unified_job_template"]]
            problems = surveys.unanswerable(self.questions(template), fields["extra_data"], whole=False)
            if problems:
                raise Refused(400, {"extra_data": problems})

    def _shown(self, kind: str, thing: Thing) -> Thing:
        """A thing as the API shows it."""
        url = f"/api/v2/{kind}/{thing['id']}/"
        related = {"survey_spec": f"{url}survey_spec/"}
        for other in UNIFIED:
            if thing.get("unified_job_template") in self.things[other]:
                related["unified_job_template"] = f"/api/v2/{other}/{thing['unified_job_template']}/"
        shown = {**thing, "type": KINDS[kind], "url": url, "related": related, "summary_fields": {}}
        if kind == "credentials":
            shown["inputs"] = {
                name: HIDDEN if name in SECRETS and value else value for name, value in thing["inputs"].items()
            }
        return shown if kind != "projects" else {**shown, "scm_revision": ""}


def _fits(thing: Thing, filters: Mapping[str, str]) -> bool:
    """Whether a thing is one of those asked for; filters that begin with ``or__`` are one condition."""
    either = {name.removeprefix("or__"): value for name, value in filters.items() if name.startswith("or__")}
    plain = {name: value for name, value in filters.items() if not name.startswith("or__")}
    return all(str(thing.get(name)) == value for name, value in plain.items()) and (
        not either or any(str(thing.get(name)) == value for name, value in either.items())
    )


def _handler(controller: Controller) -> type[BaseHTTPRequestHandler]:
    """The door of a controller."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._send(401, {"detail": "Authentication credentials were not provided."})
                return
            try:
                self._send(*controller.answer(self.command, self.path, body))
            except Refused as refusal:
                self._send(refusal.status, refusal.body)

        def _send(self, status: int, body: object) -> None:
            text = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.send_header("X-API-Product-Name", "AWX")
            self.send_header("X-API-Product-Version", "24.6.1")
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer

        def log_message(self, format: str, *words: object) -> None:
            """Say nothing."""

    return Handler
