# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Application Auto Scaling's scalable targets and policies as stack resources."""

from __future__ import annotations

from typing import Any

from moto.applicationautoscaling.models import ApplicationAutoscalingBackend, applicationautoscaling_backends

from lab.control.stacks.resource import Properties, Resource


class ScalingResource(Resource):
    """A resource of the Application Auto Scaling API."""

    @property
    def backend(self) -> ApplicationAutoscalingBackend:
        """moto's records of the cloud's region."""
        settings = self.cloud.settings
        return applicationautoscaling_backends[settings.account][settings.region]


class ScalableTarget(ScalingResource):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-applicationautoscaling-scalabletarget.html"""

    type = "AWS::ApplicationAutoScaling::ScalableTarget"
    attributes = ("Id",)

    def create(self) -> str:
        """RegisterScalableTarget."""
        given = self.properties
        self.backend.register_scalable_target(
            given["ServiceNamespace"],
            given["ResourceId"],
            given["ScalableDimension"],
            min_capacity=int(given["MinCapacity"]),
            max_capacity=int(given["MaxCapacity"]),
            role_arn=given.get("RoleARN") or self._linked_role(),
            suspended_state=given.get("SuspendedState"),  # type: ignore[arg-type]  # moto's hint is wrong: it is a dict
        )
        return f"{given['ResourceId']}|{given['ScalableDimension']}|{given['ServiceNamespace']}"

    def update(self, properties: Properties) -> bool:
        """RegisterScalableTarget again for min and max; replaced for anything that names the target."""
        if any(properties.get(key) != self.properties.get(key) for key in ("ResourceId", "ScalableDimension")):
            return False
        self.properties = properties
        self.create()
        return True

    def delete(self) -> None:
        """DeregisterScalableTarget; one that a replacement has taken over stays."""
        resource, dimension, namespace = self.physical_resource_id.split("|")
        if resource in self.backend.targets.get(dimension, {}):
            self.backend.deregister_scalable_target(namespace, resource, dimension)

    def attribute(self, name: str) -> Any:
        """Its id."""
        return {"Id": self.physical_resource_id}[name]

    def _linked_role(self) -> str:
        path = "aws-service-role/ecs.application-autoscaling.amazonaws.com"
        name = "AWSServiceRoleForApplicationAutoScaling_ECSService"
        return f"arn:aws:iam::{self.cloud.settings.account}:role/{path}/{name}"


class ScalingPolicy(ScalingResource):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-applicationautoscaling-scalingpolicy.html"""

    type = "AWS::ApplicationAutoScaling::ScalingPolicy"
    attributes = ("Arn",)

    def create(self) -> str:
        """PutScalingPolicy, on the scalable target named either way."""
        given = self.properties
        resource, dimension, namespace = self._target()
        body = given.get("TargetTrackingScalingPolicyConfiguration") or given.get("StepScalingPolicyConfiguration")
        policy = self.backend.put_scaling_policy(
            given["PolicyName"], namespace, resource, dimension, body or {}, given["PolicyType"]
        )
        return policy.policy_arn

    def update(self, properties: Properties) -> bool:
        """PutScalingPolicy again; replaced for another name or target."""
        before, name = self._target(), self.properties["PolicyName"]
        previous, self.properties = self.properties, properties
        if self._target() != before or properties["PolicyName"] != name:
            self.properties = previous
            return False
        self.physical_resource_id = self.create()
        return True

    def delete(self) -> None:
        """DeleteScalingPolicy."""
        resource, dimension, namespace = self._target()
        self.backend.delete_scaling_policy(self.properties["PolicyName"], namespace, resource, dimension)

    def attribute(self, name: str) -> Any:
        """Its ARN."""
        return {"Arn": self.physical_resource_id}[name]

    def _target(self) -> tuple[str, str, str]:
        """Resource, dimension and namespace."""
        given = self.properties
        if given.get("ScalingTargetId"):
            resource, dimension, namespace = given["ScalingTargetId"].split("|")
            return resource, dimension, namespace
        return given["ResourceId"], given["ScalableDimension"], given["ServiceNamespace"]
