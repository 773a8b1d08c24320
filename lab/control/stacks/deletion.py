# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deletes resources of a stack, users before what they use, over as many ticks as that takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from moto.cloudformation.parsing import ResourceMap

from lab.control.stacks import network
from lab.control.stacks.order import dependencies
from lab.control.stacks.resource import Resource

Json = dict[str, Any]

ATTEMPTS = 40
"""Refusals (something still uses the resource) after which a deletion is given up."""


@dataclass
class Garbage:
    """A resource to delete: its logical name, its template entry, and its type and properties as last applied."""

    name: str
    resource: Any
    entry: Json
    wanted: Json


@dataclass
class Deletion:
    """What is still to go, and of it what is ``going`` since the last step.

    ``refusal`` is the last reason why a resource did not.
    """

    resources: ResourceMap
    garbage: list[Garbage] = field(default_factory=list)
    refusal: str = ""
    going: list[Garbage] = field(default_factory=list)
    _begun: set[int] = field(default_factory=set)
    _attempts: int = 0

    @property
    def done(self) -> bool:
        """Whether all is gone."""
        return not self.garbage

    @property
    def stuck(self) -> bool:
        """Whether a resource has refused to go for too long."""
        return self._attempts > ATTEMPTS

    def step(self) -> list[str]:
        """Begin every deletion that nothing to go stands against, and return the names of what has gone."""
        entries = {one.name: one.entry for one in self.garbage}
        needs = dependencies(entries, set(entries))
        used = set().union(*needs.values()) if needs else set()
        self.going = [one for one in self.garbage if one.name not in used]
        gone = [one for one in self.going if self._gone(one)]
        self.garbage = [one for one in self.garbage if one not in gone]
        return [one.name for one in gone]

    def _gone(self, one: Garbage) -> bool:
        """Begin or watch one deletion; a refusal is tried again with the next step."""
        try:
            if not isinstance(one.resource, Resource):
                self._delete_in_moto(one)
                return True
            if id(one.resource) not in self._begun:
                one.resource.delete()
                self._begun.add(id(one.resource))
            return one.resource.gone()
        except Exception as refusal:
            self._attempts += 1
            self.refusal = f"{one.name}: {refusal}"
            return False

    def _delete_in_moto(self, one: Garbage) -> None:
        account, region = self.resources._account_id, self.resources._region_name
        if not network.delete(account, region, one.resource, one.wanted):
            self.resources._delete_resource(one.resource, one.entry)
