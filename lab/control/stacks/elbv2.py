# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load balancers, target groups, listeners and rules as stack resources."""

from __future__ import annotations

from typing import Any

from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.models import ELBv2Backend, elbv2_backends

from lab.control.stacks.resource import Properties, Resource


class ElbResource(Resource):
    """A resource of the load balancing API."""

    @property
    def backend(self) -> ELBv2Backend:
        """moto's records of the cloud's region."""
        settings = self.cloud.settings
        return elbv2_backends[settings.account][settings.region]

    def _changed(self, properties: Properties, *keys: str) -> bool:
        return any(properties.get(key) != self.properties.get(key) for key in keys)

    def _tag(self) -> None:
        if self.properties.get("Tags"):
            self.backend.add_tags([self.physical_resource_id], self.properties["Tags"])


class LoadBalancer(ElbResource):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-elasticloadbalancingv2-loadbalancer.html"""

    type = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    attributes = ("DNSName", "LoadBalancerName", "CanonicalHostedZoneID", "LoadBalancerFullName", "LoadBalancerArn")

    def create(self) -> str:
        """CreateLoadBalancer and its attributes."""
        given = self.properties
        balancer = self.backend.create_load_balancer(
            self.name,
            given.get("SecurityGroups") or [],
            given.get("Subnets") or [],
            subnet_mappings=given.get("SubnetMappings"),
            scheme=given.get("Scheme", "internet-facing"),
            loadbalancer_type=given.get("Type", "application"),
            ip_address_type=given.get("IpAddressType", "ipv4"),
            tags=given.get("Tags"),
        )
        self.physical_resource_id = balancer.arn
        self._set_attributes()
        return balancer.arn

    def update(self, properties: Properties) -> bool:
        """In place, except for name, scheme and type."""
        if self._changed(properties, "Name", "Scheme", "Type"):
            return False
        self.properties = properties
        if properties.get("SecurityGroups"):
            self.backend.set_security_groups(self.physical_resource_id, properties["SecurityGroups"])
        self._tag()
        self._set_attributes()
        return True

    def delete(self) -> None:
        """DeleteLoadBalancer, and its listeners with it."""
        self.backend.delete_load_balancer(self.physical_resource_id)

    def attribute(self, name: str) -> Any:
        """The attributes, from the live load balancer."""
        balancer = self.backend.load_balancers[self.physical_resource_id]
        return {
            "DNSName": balancer.dns_name,
            "LoadBalancerName": balancer.name,
            "CanonicalHostedZoneID": balancer.canonical_hosted_zone_id,
            "LoadBalancerFullName": balancer.arn.split(":loadbalancer/")[-1],
            "LoadBalancerArn": balancer.arn,
        }[name]

    def _set_attributes(self) -> None:
        given = self.properties.get("LoadBalancerAttributes") or []
        if given:
            values = {pair["Key"]: str(pair["Value"]) for pair in given}
            self.backend.modify_load_balancer_attributes(self.physical_resource_id, values)


class TargetGroup(ElbResource):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-elasticloadbalancingv2-targetgroup.html"""

    type = "AWS::ElasticLoadBalancingV2::TargetGroup"
    attributes = ("TargetGroupFullName", "TargetGroupName", "TargetGroupArn", "LoadBalancerArns")

    def create(self) -> str:
        """CreateTargetGroup and its attributes."""
        given = self.properties
        group = self.backend.create_target_group(
            self.name,
            vpc_id=given.get("VpcId"),
            protocol=given.get("Protocol"),
            protocol_version=given.get("ProtocolVersion"),
            port=_number(given.get("Port")),
            target_type=given.get("TargetType", "instance"),
            matcher=given.get("Matcher"),
            healthcheck_protocol=given.get("HealthCheckProtocol"),
            healthcheck_port=given.get("HealthCheckPort"),
            healthcheck_path=given.get("HealthCheckPath"),
            healthcheck_interval_seconds=_number(given.get("HealthCheckIntervalSeconds")),
            healthcheck_timeout_seconds=_number(given.get("HealthCheckTimeoutSeconds")),
            healthcheck_enabled=_word(given.get("HealthCheckEnabled")),
            healthy_threshold_count=_number(given.get("HealthyThresholdCount")),
            unhealthy_threshold_count=_number(given.get("UnhealthyThresholdCount")),
            tags=given.get("Tags"),
        )
        self.physical_resource_id = group.arn
        self._set_attributes()
        return group.arn

    def update(self, properties: Properties) -> bool:
        """In place for health checks and attributes; replaced for port, protocol, VPC, type and name."""
        if self._changed(properties, "Name", "Port", "Protocol", "ProtocolVersion", "VpcId", "TargetType"):
            return False
        self.properties = properties
        self.backend.modify_target_group(
            self.physical_resource_id,
            health_check_proto=properties.get("HealthCheckProtocol"),
            health_check_port=properties.get("HealthCheckPort"),
            health_check_path=properties.get("HealthCheckPath"),
            health_check_interval=_number(properties.get("HealthCheckIntervalSeconds")),
            health_check_timeout=_number(properties.get("HealthCheckTimeoutSeconds")),
            healthy_threshold_count=_word(properties.get("HealthyThresholdCount")),
            unhealthy_threshold_count=_word(properties.get("UnhealthyThresholdCount")),
            http_codes=(properties.get("Matcher") or {}).get("HttpCode"),
        )
        self._set_attributes()
        self._tag()
        return True

    def delete(self) -> None:
        """DeleteTargetGroup."""
        self.backend.delete_target_group(self.physical_resource_id)

    def attribute(self, name: str) -> Any:
        """The attributes, from the live group."""
        group = self.backend.target_groups[self.physical_resource_id]
        return {
            "TargetGroupFullName": group.arn.rsplit(":", 1)[-1],
            "TargetGroupName": group.name,
            "TargetGroupArn": group.arn,
            "LoadBalancerArns": group.load_balancer_arns,
        }[name]

    def _set_attributes(self) -> None:
        given = self.properties.get("TargetGroupAttributes") or []
        values = {pair["Key"]: str(pair["Value"]) for pair in given}
        self.backend.modify_target_group_attributes(self.physical_resource_id, values)


class Listener(ElbResource):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-elasticloadbalancingv2-listener.html"""

    type = "AWS::ElasticLoadBalancingV2::Listener"
    attributes = ("ListenerArn",)

    def create(self) -> str:
        """CreateListener, with whatever actions the template has."""
        given = self.properties
        certificates = given.get("Certificates") or []
        if given.get("Protocol") == "HTTPS" and not certificates:
            raise ELBClientError("ValidationError", "A certificate must be specified for HTTPS listeners")
        listener = self.backend.create_listener(
            given["LoadBalancerArn"],
            given.get("Protocol", "HTTP"),
            str(given["Port"]),
            given.get("SslPolicy", "ELBSecurityPolicy-2016-08"),
            certificates[0]["CertificateArn"] if certificates else None,
            given["DefaultActions"],
        )
        return listener.arn

    def update(self, properties: Properties) -> bool:
        """ModifyListener; another load balancer needs another listener."""
        if self._changed(properties, "LoadBalancerArn"):
            return False
        self.properties = properties
        self.backend.modify_listener(
            self.physical_resource_id,
            port=str(properties["Port"]),
            protocol=properties.get("Protocol"),
            ssl_policy=properties.get("SslPolicy"),
            certificates=properties.get("Certificates"),
            actions=properties["DefaultActions"],
        )
        return True

    def delete(self) -> None:
        """DeleteListener."""
        self.backend.delete_listener(self.physical_resource_id)

    def attribute(self, name: str) -> Any:
        """Its ARN."""
        return {"ListenerArn": self.physical_resource_id}[name]


class ListenerRule(ElbResource):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-elasticloadbalancingv2-listenerrule.html"""

    type = "AWS::ElasticLoadBalancingV2::ListenerRule"
    attributes = ("RuleArn", "IsDefault")

    def create(self) -> str:
        """CreateRule."""
        given = self.properties
        rule = self.backend.create_rule(
            given["ListenerArn"], given["Conditions"], int(given["Priority"]), given["Actions"]
        )
        return rule.arn

    def update(self, properties: Properties) -> bool:
        """ModifyRule and SetRulePriorities; another listener needs another rule."""
        if self._changed(properties, "ListenerArn"):
            return False
        if self._changed(properties, "Priority"):
            change = {"RuleArn": self.physical_resource_id, "Priority": int(properties["Priority"])}
            self.backend.set_rule_priorities([change])
        self.properties = properties
        self.backend.modify_rule(self.physical_resource_id, properties["Conditions"], properties["Actions"])
        return True

    def delete(self) -> None:
        """DeleteRule."""
        self.backend.delete_rule(self.physical_resource_id)

    def attribute(self, name: str) -> Any:
        """Its ARN."""
        return {"RuleArn": self.physical_resource_id, "IsDefault": False}[name]


def _number(value: Any) -> Any:
    """A number, as templates also write it as a word; None stays None."""
    return None if value is None else int(value)


def _word(value: Any) -> Any:
    """A word for what moto keeps as one: ``True`` becomes ``true``."""
    return None if value is None else str(value).lower()
