# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference that Ansible generates from the modules, the role and the filters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.tools import tracked

MODULES = [name.stem for name in tracked("plugins/modules/*.py")]
FILTERS = [name.stem for name in tracked("plugins/filter/*.yml")]
# The theme's own: the top of a page, and what a script fills in.
GENERATED = {"#"}


class Page(HTMLParser):
    """Where a page of the site leads within the site, pictures and styles too, and what can be led to on it."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()

    @classmethod
    def of(cls, path: Path) -> Page:
        """Read a page."""
        page = cls()
        page.feed(path.read_text(encoding="utf-8"))
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value and not urlsplit(value).scheme and not urlsplit(value).netloc:
                self.links.add(unquote(value.partition("?")[0] or "#"))


@pytest.mark.parametrize(("kind", "names"), [("module", MODULES), ("filter", FILTERS)])
def test_ansible_doc_shows_the_plugins(passes: Callable[..., str], kind: str, names: list[str]) -> None:
    whole = [f"canary.ecs.{name}" for name in names]
    shown = json.loads(passes("ansible-doc", "--json", "--type", kind, *whole))
    assert set(shown) == set(whole)
    for plugin in shown.values():
        assert plugin["doc"]["short_description"]
        assert plugin["examples"].strip()
        assert plugin["return"]


def named_resources(described: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The samples of names and ARNs that stand beside each other in what a module returns."""
    for value in described.values():
        contains = value.get("contains") or {}
        if {"name", "arn"} <= set(contains):
            yield contains["name"]["sample"], contains["arn"]["sample"]
        yield from named_resources(contains)


def test_samples_of_a_name_and_its_arn_are_of_one_resource(passes: Callable[..., str]) -> None:
    shown = json.loads(passes("ansible-doc", "--json", *(f"canary.ecs.{name}" for name in MODULES)))
    pairs = [pair for module in shown.values() for pair in named_resources(module["return"])]
    assert len(pairs) >= 4
    assert [(name, arn) for name, arn in pairs if name not in arn.split("/")] == []


def test_each_filter_says_first_that_it_is_the_role_s_own(passes: Callable[..., str]) -> None:
    """Each has a page of the reference: a reader is not to build on what may change with any release."""
    shown = json.loads(passes("ansible-doc", "--json", "--type", "filter", *(f"canary.ecs.{name}" for name in FILTERS)))
    said = {name: plugin["doc"]["description"][0] for name, plugin in shown.items()}
    assert {text.partition(".")[0] for text in said.values()} == {
        "Used by the role of this collection, and not meant for playbooks"
    }, said


def test_ansible_doc_shows_the_role(passes: Callable[..., str]) -> None:
    shown = json.loads(passes("ansible-doc", "--json", "--type", "role", "canary.ecs.canary"))
    entry_points = shown["canary.ecs.canary"]["entry_points"]
    assert set(entry_points) >= {"deploy", "shift", "rollback", "promote", "status", "destroy"}
    for described in entry_points.values():
        assert described["short_description"]
        assert all(option.get("description") for option in described["options"].values())


def test_antsibull_docs_finds_nothing(passes: Callable[..., str]) -> None:
    strict = [
        "--plugin-docs",
        "--skip-rstcheck",
        "--validate-collection-refs=all",
        "--disallow-unknown-collection-refs",
    ]
    passes("antsibull-docs", "lint-collection-docs", *strict, ".")


@pytest.fixture(scope="module")
def site(passes: Callable[..., str], tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make docs`` makes, of what git tracks; a warning on the way fails it."""
    folder = tmp_path_factory.mktemp("site")
    passes("python", tree / "docs" / "docsite" / "build.py", folder)
    return folder / "html"


def test_the_site_has_every_guide_and_the_reference(site: Path) -> None:
    guides = {site / name.with_suffix(".html") for name in tracked("README.md", ":(glob)docs/*.md")}
    plugins = {f"{name}_module" for name in MODULES} | {f"{name}_filter" for name in FILTERS} | {"canary_role"}
    pages = guides | {site / "reference" / f"{plugin}.html" for plugin in plugins}
    assert [page for page in pages if not page.exists()] == []
    listed = Page.of(site / "index.html").links
    assert [guide for guide in guides if str(guide.relative_to(site)) not in listed] == [], "the menu leads to each"


def test_no_link_within_the_site_is_dead(site: Path) -> None:
    pages = {path: Page.of(path) for path in site.rglob("*.html")}
    dead = []
    for path, page in pages.items():
        for link in page.links - GENERATED:
            file, _hash, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            if not target.exists() or (anchor and target in pages and anchor not in pages[target].anchors):
                dead.append(f"{path.relative_to(site)}: {link}")
    assert len(pages) > 20
    assert dead == []


def test_the_modules_that_the_action_group_names_exist(tree: Path) -> None:
    runtime = (tree / "meta" / "runtime.yml").read_text()
    named = {line.strip("- \n") for line in runtime.splitlines() if line.strip().startswith("- ecs_")}
    assert named == set(MODULES)
