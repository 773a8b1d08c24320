# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a resource type of the lab's own has to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from lab.control.cloud import Cloud

Properties = dict[str, Any]


class Resource:
    """One resource of a stack. ``properties`` are those last applied, in the template's own (Pascal) case."""

    cloud: ClassVar[Cloud]
    type: ClassVar[str]
    attributes: ClassVar[tuple[str, ...]] = ()
    logical_resource_id: str
    cf_resource_type: str

    def __init__(self, name: str, properties: Properties) -> None:
        self.name = name
        self.properties = properties
        self.physical_resource_id = self.create()

    def create(self) -> str:
        """Make it, and return its physical id."""
        raise NotImplementedError

    def update(self, properties: Properties) -> bool:
        """Apply changed properties in place; False where the type has to be replaced for them."""
        del properties
        return False

    def delete(self) -> None:
        """Delete it, or begin to."""
        raise NotImplementedError

    def gone(self) -> bool:
        """Whether a deletion that has begun is over."""
        return True

    def settled(self) -> bool:
        """Whether what was last applied has come to rest; raises `Unstable` where it never will."""
        return True

    def stay_failed(self) -> None:
        """It did not take what was last applied, and that is not taken back: the next update applies it again."""

    def attribute(self, name: str) -> Any:
        """The value of ``Fn::GetAtt``, for a name in ``attributes``."""
        raise KeyError(name)

    # What moto's parser calls.

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Properties, account_id: str, region_name: str, **_: Any
    ) -> Resource:
        """Create from a resolved template entry."""
        del account_id, region_name
        return cls(resource_name, cloudformation_json.get("Properties") or {})

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Whether ``Fn::GetAtt`` knows the attribute."""
        return attr in cls.attributes

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        """``Fn::GetAtt``."""
        return self.attribute(attribute_name)


class Unstable(Exception):
    """A resource will not come to rest. The text is CloudFormation's ResourceStatusReason."""
