# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network resources: security groups that change in place, and the deletions that moto's types do not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.models import ec2_backends

from lab.control.stacks.resource import Properties, Resource


class SecurityGroup(Resource):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroup.html"""

    type = "AWS::EC2::SecurityGroup"
    attributes = ("GroupId", "VpcId", "Id")

    def create(self) -> str:
        """CreateSecurityGroup and AuthorizeSecurityGroupIngress."""
        given = self.properties
        tags = {tag["Key"]: tag["Value"] for tag in given.get("Tags") or []}
        group = self._backend.create_security_group(
            name=self.name, description=given["GroupDescription"], vpc_id=given.get("VpcId"), tags=tags
        )
        self.physical_resource_id = group.id
        for rule in given.get("SecurityGroupIngress") or []:
            self._authorize(rule)
        return str(group.id)

    def update(self, properties: Properties) -> bool:
        """Rules that the template had are taken out and those that it has put in; the group stays."""
        fixed = ("GroupName", "GroupDescription", "VpcId")
        if any(properties.get(key) != self.properties.get(key) for key in fixed):
            return False
        for rule in self.properties.get("SecurityGroupIngress") or []:
            self._backend.revoke_security_group_ingress(**self._rule(rule))
        self.properties = properties
        for rule in properties.get("SecurityGroupIngress") or []:
            self._authorize(rule)
        return True

    def delete(self) -> None:
        """DeleteSecurityGroup."""
        self._backend.delete_security_group(group_id=self.physical_resource_id)

    def attribute(self, name: str) -> Any:
        """Its id and VPC."""
        ids = {"GroupId": self.physical_resource_id, "Id": self.physical_resource_id}
        return {**ids, "VpcId": self.properties.get("VpcId")}[name]

    @property
    def _backend(self) -> Any:
        settings = self.cloud.settings
        return ec2_backends[settings.account][settings.region]

    def _authorize(self, rule: Properties) -> None:
        self._backend.authorize_security_group_ingress(**self._rule(rule))

    def _rule(self, rule: Properties) -> dict[str, Any]:
        """A rule of the template as moto takes it."""
        cidr = {"CidrIp": rule["CidrIp"], "Description": rule.get("Description")} if "CidrIp" in rule else None
        source = {"GroupId": rule["SourceSecurityGroupId"]} if "SourceSecurityGroupId" in rule else None
        return {
            "group_name_or_id": self.physical_resource_id,
            "ip_protocol": str(rule["IpProtocol"]),
            "from_port": rule.get("FromPort"),
            "to_port": rule.get("ToPort"),
            "ip_ranges": [cidr] if cidr else [],
            "source_groups": [source] if source else [],
        }


def _detach(ec2: Any, _resource: Any, properties: Properties) -> None:
    if "InternetGatewayId" in properties:
        ec2.detach_internet_gateway(properties["InternetGatewayId"], properties["VpcId"])


def _disassociate(ec2: Any, _resource: Any, properties: Properties) -> None:
    table = ec2.get_route_table(properties["RouteTableId"])
    for association, subnet in list(table._associations.items()):
        if subnet == properties["SubnetId"]:
            ec2.disassociate_route_table(association)


def _delete_route(ec2: Any, _resource: Any, properties: Properties) -> None:
    ec2.delete_route(properties["RouteTableId"], properties.get("DestinationCidrBlock"))


def _delete_table(ec2: Any, table: Any, _properties: Properties) -> None:
    ec2.delete_route_table(table.id)


def _delete_gateway(ec2: Any, gateway: Any, _properties: Properties) -> None:
    ec2.delete_internet_gateway(gateway.id)


DELETIONS: dict[str, Callable[[Any, Any, Properties], None]] = {
    "AWS::EC2::VPCGatewayAttachment": _detach,
    "AWS::EC2::SubnetRouteTableAssociation": _disassociate,
    "AWS::EC2::Route": _delete_route,
    "AWS::EC2::RouteTable": _delete_table,
    "AWS::EC2::InternetGateway": _delete_gateway,
}
"""How types that moto creates, and leaves behind, are deleted: moto's EC2 records, its own object, the properties."""


def delete(account: str, region: str, resource: Any, wanted: dict[str, Any]) -> bool:
    """Delete a resource of one of the types above; False for any other type."""
    deletion = DELETIONS.get(wanted["Type"])
    if deletion is None:
        return False
    deletion(ec2_backends[account][region], resource, wanted["Properties"])
    return True
