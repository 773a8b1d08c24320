# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWS does and moto does not: one file a behaviour, named after it, with its source.

Each module has ``correct(cloud, moto)``, which puts its replacements in place until the cloud stops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.control.corrections import (
    autoscaling_targets_have_a_floor_and_a_ceiling,
    cloudformation_carries_out_templates,
    cloudformation_checks_parameters,
    cloudformation_refs_of_routes_have_two_parts,
    cloudwatch_alarms_start_without_data,
    cloudwatch_statistics_are_of_one_metric,
    ecs_clusters_count_their_tasks,
    ecs_services_run,
    ecs_task_definitions_carry_their_registration,
    elbv2_actions_read_as_aws_returns_them,
    elbv2_default_rule_refuses_modify_rule,
    elbv2_descriptions_come_in_pages,
    elbv2_forward_actions_are_checked,
    elbv2_groups_have_one_load_balancer,
    elbv2_groups_know_their_load_balancers,
    elbv2_listener_ports_are_unique,
    elbv2_load_balancers_have_lab_addresses,
    elbv2_rule_stickiness_covers_group_stickiness,
    elbv2_tag_values_are_of_some_characters,
    elbv2_target_health_is_live,
)
from lab.control.patches import Patches

if TYPE_CHECKING:
    from lab.control.cloud import Cloud

Correction = Callable[["Cloud", Patches], None]

# In the order in which they are put in place: a later one is asked first.
ALL: tuple[Correction, ...] = (
    autoscaling_targets_have_a_floor_and_a_ceiling.correct,
    cloudformation_carries_out_templates.correct,
    cloudformation_checks_parameters.correct,
    cloudformation_refs_of_routes_have_two_parts.correct,
    cloudwatch_alarms_start_without_data.correct,
    cloudwatch_statistics_are_of_one_metric.correct,
    ecs_clusters_count_their_tasks.correct,
    ecs_services_run.correct,
    ecs_task_definitions_carry_their_registration.correct,
    elbv2_actions_read_as_aws_returns_them.correct,
    elbv2_default_rule_refuses_modify_rule.correct,
    elbv2_descriptions_come_in_pages.correct,
    elbv2_forward_actions_are_checked.correct,
    elbv2_groups_have_one_load_balancer.correct,
    elbv2_groups_know_their_load_balancers.correct,
    elbv2_listener_ports_are_unique.correct,
    elbv2_load_balancers_have_lab_addresses.correct,
    elbv2_rule_stickiness_covers_group_stickiness.correct,
    elbv2_tag_values_are_of_some_characters.correct,
    elbv2_target_health_is_live.correct,
)
