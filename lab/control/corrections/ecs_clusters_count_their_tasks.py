# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster counts its services and tasks, is not deleted while it has any, and is not listed once deleted.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteCluster.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ecs.exceptions import ECSException
from moto.ecs.models import Cluster, EC2ContainerServiceBackend

from lab.control.patches import Patches

if TYPE_CHECKING:
    from lab.control.cloud import Cloud


def correct(cloud: Cloud, moto: Patches) -> None:
    """Count at each look; refuse the deletion of a cluster in use."""

    def describe(original: Any, backend: EC2ContainerServiceBackend, names: list[str]) -> Any:
        for cluster in backend.clusters.values():
            _count(cloud, cluster)
        return original(backend, names)

    def delete(original: Any, backend: EC2ContainerServiceBackend, name: str) -> Any:
        cluster = backend._get_cluster(name)
        _count(cloud, cluster)
        if cluster.active_services_count:
            raise ECSException(
                "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."
            )
        if cluster.running_tasks_count + cluster.pending_tasks_count:
            raise ECSException("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
        return original(backend, name)

    def listed(_original: Any, backend: EC2ContainerServiceBackend) -> list[str]:
        return [cluster.arn for cluster in backend.clusters.values() if cluster.status == "ACTIVE"]

    moto.wrap(EC2ContainerServiceBackend, "describe_clusters", describe)
    moto.wrap(EC2ContainerServiceBackend, "delete_cluster", delete)
    moto.wrap(EC2ContainerServiceBackend, "list_clusters", listed)


def _count(cloud: Cloud, cluster: Cluster) -> None:
    tasks = [task for task in cloud.tasks.by_arn.values() if task.cluster_arn == cluster.arn]
    services = [service for service in cloud.services.by_key.values() if service.cluster_arn == cluster.arn]
    cluster.running_tasks_count = sum(task.running for task in tasks)
    cluster.pending_tasks_count = sum(task.pending for task in tasks)
    cluster.active_services_count = sum(service.status == "ACTIVE" for service in services)
