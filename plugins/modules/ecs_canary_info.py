#!/usr/bin/python
# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_canary_info
short_description: Show how far a canary is
version_added: "0.1.0"
author:
  - The canary.ecs authors (@canary-ecs)
description:
  - Reads the split on every listener rule that forwards to both target groups, and of the stable and the canary service
    the release, counts, bounds, deployments, last events and target health.
  - A pair of groups that no rule forwards to is no error here. RV(rules) is empty then. A rule named in O(rules)
    beside those of the pair is one, as it is for M(canary.ecs.ecs_canary_weights).
options:
  wait_for:
    description:
      - What to wait for before it returns; nothing when it is left out, and in check mode.
      - V(healthy) waits until both services run what they should, with their rollouts completed and, where a service
        has a target group, as many healthy targets. It takes the services by name.
      - V(drained) waits until no more tasks of the canary run than are desired, and until none of the targets drains
        that it had when the wait began.
    type: str
    choices: [healthy, drained]
  wait_timeout:
    description:
      - How long to wait, in seconds.
      - The failure after it says what is missing, and the last events of the services.
    type: int
    default: 600
extends_documentation_fragment:
  - canary.ecs.groups
  - canary.ecs.attributes.info
  - amazon.aws.common.modules
  - amazon.aws.region.modules
seealso:
  - module: canary.ecs.ecs_canary_weights
  - module: canary.ecs.ecs_service_capacity
  - module: canary.ecs.ecs_canary_promote
"""

EXAMPLES = r"""
- name: See how far the canary is
  canary.ecs.ecs_canary_info:
    cluster: shop
    stable_service: cart-stable
    canary_service: cart-canary
  register: status

- name: Show the canary's share and its images
  ansible.builtin.debug:
    msg: "{{ status.percent }} % of the requests go to {{ status.canary.images }}"

- name: Wait until both services are healthy
  canary.ecs.ecs_canary_info:
    cluster: shop
    stable_service: cart-stable
    canary_service: cart-canary
    wait_for: healthy
    wait_timeout: 300

- name: Look at the rules of one listener alone, by target groups
  canary.ecs.ecs_canary_info:
    stable_target_group: cart-stable
    canary_target_group: cart-canary
    rules:
      - arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/50dc6c49/f2f7dc8e
"""

RETURN = r"""
cluster:
  description: The name of the cluster, null where the groups were named by target group.
  returned: success
  type: str
  sample: shop
percent:
  description: The canary's share in percent, to three decimals. Null where the rules differ, and where there is none.
  returned: success
  type: float
  sample: 25.0
promoted:
  description: Whether the stable service runs the canary's task definition, with its rollout completed.
  returned: success
  type: bool
  sample: false
rules:
  description: Every rule that forwards to both target groups.
  returned: success
  type: list
  elements: dict
  contains:
    rule_arn:
      description: The rule.
      type: str
      sample: arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/shop/50dc6c49/f2f7dc8e/9683b2d0
    listener_arn:
      description: The listener that the rule is of.
      type: str
      sample: arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/50dc6c49/f2f7dc8e
    load_balancer_arn:
      description: The load balancer that the listener is of.
      type: str
      sample: arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/50dc6c49
    port:
      description: The port of the listener.
      type: int
      sample: 443
    protocol:
      description: The protocol of the listener.
      type: str
      sample: HTTPS
    default:
      description: Whether it is the listener's default rule.
      type: bool
      sample: false
    priority:
      description: The priority of the rule, null for a default rule.
      type: int
      sample: 10
    stable:
      description: The weight of the stable target group.
      type: int
      sample: 75
    canary:
      description: The weight of the canary target group.
      type: int
      sample: 25
    percent:
      description: The canary's share of the pair in percent, null where both weights are V(0).
      type: float
      sample: 25.0
    sticky_seconds:
      description: How long, in seconds, the rule keeps a client on the group that it met first. V(0) where it does not.
      type: int
      sample: 0
    others:
      description:
        - Further target groups on the rule, as C(arn) and C(weight). M(canary.ecs.ecs_canary_weights) refuses them.
      type: list
      elements: dict
      sample: []
no_rules:
  description: Why there is no such rule, and what was searched, in words. Empty where there is one.
  returned: success
  type: str
  sample: ""
unnamed_rules:
  description:
    - Where O(rules) is given, the rules that are not among them, share requests between both services, by whichever of
      their target groups, and send the canary some. The canary needs its tasks for them, whatever becomes of the rest.
  returned: success
  type: list
  elements: dict
  contains:
    rule_arn:
      description: The ARN of the rule.
      type: str
      sample: arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/shop/50dc6c49/f2f7dc8e/9683b2d1
    listener_arn:
      description: The ARN of its listener.
      type: str
      sample: arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/50dc6c49/f2f7dc8e
    percent:
      description: The share of its requests that the canary has.
      type: float
      sample: 5.0
stable:
  description: The stable side. What is of the service is null or empty where the groups were named by target group.
  returned: success
  type: dict
  contains:
    service:
      description: The name of the service.
      type: str
      sample: cart-stable
    service_arn:
      description: The service.
      type: str
      sample: arn:aws:ecs:eu-west-1:123456789012:service/shop/cart-stable
    status:
      description: The status of the service, C(ACTIVE) or C(DRAINING).
      type: str
      sample: ACTIVE
    deployment_controller:
      description: What deploys the releases of the service, C(ECS), C(CODE_DEPLOY) or C(EXTERNAL).
      type: str
      sample: ECS
    scheduling_strategy:
      description: V(REPLICA), or V(DAEMON), which runs one task on each instance, and has no count to set.
      type: str
      sample: REPLICA
    deployment_strategy:
      description: How ECS deploys them, C(ROLLING), C(BLUE_GREEN), C(LINEAR) or C(CANARY).
      type: str
      sample: ROLLING
    task_definition:
      description: The task definition that the service is at, or is moving to.
      type: str
      sample: arn:aws:ecs:eu-west-1:123456789012:task-definition/cart-stable:41
    previous_release:
      description:
        - The task definition that the service had before it was given this one by M(canary.ecs.ecs_canary_promote).
          Null where it was not.
      type: str
      sample: arn:aws:ecs:eu-west-1:123456789012:task-definition/cart-stable:40
    promoted_from:
      description:
        - The canary's task definition that M(canary.ecs.ecs_canary_promote) made this one from. It is another one where
          only the images were taken. Null where it was not.
      type: str
      sample: arn:aws:ecs:eu-west-1:123456789012:task-definition/cart-canary:7
    held_from:
      description:
        - The service's own minimum, where M(canary.ecs.ecs_service_capacity) holds it at another one, or was cut off
          when it was about to. Null where not.
      type: int
      sample: 2
    images:
      description: The image of each container of that task definition.
      type: dict
      sample: {app: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/cart:v1"}
    desired:
      description: The desired count.
      type: int
      sample: 4
    running:
      description: The running tasks.
      type: int
      sample: 4
    pending:
      description: The tasks that are starting.
      type: int
      sample: 0
    min:
      description: The least that the autoscaler goes to, null without a scalable target.
      type: int
      sample: 2
    max:
      description: The most that the autoscaler goes to, null without a scalable target.
      type: int
      sample: 8
    deployments:
      description: The deployments of the service, the one that it is moving to first.
      type: list
      elements: dict
      contains:
        id:
          description: The id of the deployment.
          type: str
          sample: ecs-svc/1234567890123456789
        status:
          description: C(PRIMARY), C(ACTIVE) or C(INACTIVE).
          type: str
          sample: PRIMARY
        rollout_state:
          description: C(IN_PROGRESS), C(COMPLETED) or C(FAILED), null for services behind a Classic Load Balancer.
          type: str
          sample: COMPLETED
        rollout_state_reason:
          description: ECS's reason for that state.
          type: str
          sample: ECS deployment ecs-svc/1234567890123456789 completed.
        task_definition:
          description: The task definition that it deploys.
          type: str
          sample: arn:aws:ecs:eu-west-1:123456789012:task-definition/cart-stable:41
        desired:
          description: The desired count of the deployment.
          type: int
          sample: 4
        running:
          description: Its running tasks.
          type: int
          sample: 4
        pending:
          description: Its tasks that are starting.
          type: int
          sample: 0
        failed:
          description: Its tasks that failed to start.
          type: int
          sample: 0
    events:
      description: The last five events of the service, the newest first.
      type: list
      elements: str
      sample: ["(service cart-stable) has reached a steady state."]
    target_group:
      description: The target group, null where a service has none, or several and no rule tells which is meant.
      type: dict
      contains:
        arn:
          description: The target group.
          type: str
          sample: arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/cart-stable/73e2d6bc
        name:
          description: The name of the target group.
          type: str
          sample: cart-stable
        healthy:
          description: Targets that pass their health check.
          type: int
          sample: 4
        unhealthy:
          description: Targets that fail it.
          type: int
          sample: 0
        initial:
          description: Targets whose first health checks are under way.
          type: int
          sample: 0
        draining:
          description: Targets that finish their requests, and get no new ones.
          type: int
          sample: 0
        unused:
          description: Targets that are not checked, because no rule forwards to their group.
          type: int
          sample: 0
        unavailable:
          description: Targets whose health is not known.
          type: int
          sample: 0
        registered:
          description: All targets but those that drain.
          type: int
          sample: 4
        deregistration_delay:
          description: How long, in seconds, a target may drain.
          type: int
          sample: 300
        sticky_seconds:
          description:
            - How long, in seconds, the group's own stickiness keeps a client on one target. V(0) where it is off.
          type: int
          sample: 0
canary:
  description: The canary's side, in the same form as RV(stable).
  returned: success
  type: dict
  sample: {service: cart-canary, desired: 2, running: 2, min: 2, max: 4}
load_balancers:
  description: The load balancers of the rules.
  returned: success
  type: list
  elements: dict
  contains:
    arn:
      description: The load balancer.
      type: str
      sample: arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/50dc6c49
    name:
      description: The name of the load balancer.
      type: str
      sample: shop
    dns_name:
      description: The DNS name of the load balancer.
      type: str
      sample: shop-1234567890.eu-west-1.elb.amazonaws.com
    url:
      description: The address for clients, by a listener that has one of the rules, HTTPS before HTTP.
      type: str
      sample: https://shop-1234567890.eu-west-1.elb.amazonaws.com
waited_for:
  description: What was still missing, sentence by sentence.
  returned: when the wait ends without it
  type: list
  elements: str
  sample: ["canary (cart-canary): 1 of 3 targets are healthy."]
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._aws.autoscaling import resource_id, scalable_targets
from ansible_collections.canary.ecs.plugins.module_utils._aws.ecs import describe_task_definition
from ansible_collections.canary.ecs.plugins.module_utils._aws.elbv2 import (
    describe_load_balancers,
    describe_target_group_attributes,
    listeners_by_arn,
    states_by_target,
)
from ansible_collections.canary.ecs.plugins.module_utils._aws.poll import poll_until
from ansible_collections.canary.ecs.plugins.module_utils._canary.arns import name_in
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.facts import (
    Facts,
    common_percent,
    is_promoted,
    load_balancer_facts,
    rule_facts,
    service_facts,
    target_group_facts,
    unnamed_facts,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.given import refuse_negative
from ansible_collections.canary.ecs.plugins.module_utils._canary.health import health_of
from ansible_collections.canary.ecs.plugins.module_utils._canary.named_groups import named_by
from ansible_collections.canary.ecs.plugins.module_utils._canary.status import leaving, newest_events, waiting_for
from ansible_collections.canary.ecs.plugins.module_utils._groups import (
    GROUP_OPTIONS,
    GROUPS_EXCLUSIVE,
    GROUPS_ONE_OF,
    GROUPS_TOGETHER,
    Found,
    find,
    no_rules,
)
from ansible_collections.canary.ecs.plugins.module_utils._module import CanaryModule, run

ARGUMENTS: dict[str, Any] = {
    **GROUP_OPTIONS,
    "wait_for": {"type": "str", "choices": ["healthy", "drained"]},
    "wait_timeout": {"type": "int", "default": 600},
}
# Each reading takes about ten calls.
POLL_SECONDS = 5.0

Targets = dict[tuple[str, int], str]
"""The state of each of the canary's targets."""


@dataclass(frozen=True)
class Reading:
    """What the module returns, and the canary's targets one by one."""

    facts: Facts
    targets: Targets


@dataclass
class Drained:
    """What is missing until the tasks that leave have left, of those that there were at the first look."""

    there: frozenset[tuple[str, int]] | None = None

    def __call__(self, seen: Reading) -> list[str]:
        """The reasons, in sentences; empty when nothing is missing."""
        if self.there is None:
            self.there = frozenset(seen.targets)
        return leaving(seen.facts, sum(seen.targets.get(target) == "draining" for target in self.there))


def healthy(seen: Reading) -> list[str]:
    """What is missing until both services are healthy, in sentences."""
    return waiting_for(seen.facts)


def status(module: CanaryModule) -> dict[str, Any]:
    """Read it all, until it shows what is waited for."""
    wait_for, timeout = module.params["wait_for"], module.params["wait_timeout"]
    refuse_negative(timeout, "wait_timeout")
    if wait_for == "healthy" and not module.params["stable_service"]:
        raise CanaryError(
            "wait_for is healthy, and how many tasks are wanted is known of services alone: name them with cluster, "
            "stable_service and canary_service."
        )
    if wait_for is None or module.check_mode:
        return read(module).facts
    missing: Callable[[Reading], list[str]] = healthy if wait_for == "healthy" else Drained()
    return poll_until(
        lambda: read(module),
        lambda seen: not missing(seen),
        timeout=timeout,
        gave_up=lambda seen: CanaryError(
            f"The services are not {wait_for} after {timeout} s. {' '.join(missing(seen) + newest_events(seen.facts))}",
            waited_for=missing(seen),
        ),
        waiting=lambda seen: " ".join(missing(seen)),
        interval=POLL_SECONDS,
    ).facts


def read(module: CanaryModule) -> Reading:
    """Read it all once."""
    elbv2 = module.client_of("elbv2")
    named = named_by(module.params, region=elbv2.meta.region_name)
    ecs = module.client_of("ecs") if named.by_service else None
    found = find(elbv2, ecs, named, tags=True, unnamed=True)
    stable, canary = sides(module, ecs, found)
    stable_group, _targets = read_target_group(elbv2, target_group_of(found, "stable"))
    canary_group, targets = read_target_group(elbv2, target_group_of(found, "canary"))
    rules = read_rules(elbv2, found)
    services = found.services or (None, None)
    facts = {
        "changed": False,
        "cluster": name_in(services[0]["clusterArn"]) if services[0] else None,
        "percent": common_percent(rules),
        "promoted": is_promoted(*services),
        "rules": rules,
        "no_rules": "" if found.groups else no_rules(elbv2, found),
        "unnamed_rules": unnamed_facts(found.unnamed, found.canaries),
        "stable": {**stable, "target_group": stable_group},
        "canary": {**canary, "target_group": canary_group},
        "load_balancers": read_load_balancers(elbv2, rules),
    }
    return Reading(facts, targets)


def sides(module: CanaryModule, ecs: Any, found: Found) -> tuple[Facts, Facts]:
    """The facts of both services; all null where none was named."""
    if found.services is None:
        return service_facts(None, None, None), service_facts(None, None, None)
    ids = [resource_id(service) for service in found.services]
    targets = scalable_targets(module.client_of("application-autoscaling"), ids)
    arns = {service["taskDefinition"] for service in found.services if service.get("taskDefinition")}
    definitions = {arn: describe_task_definition(ecs, arn) for arn in sorted(arns)}
    stable, canary = (
        service_facts(service, definitions.get(service.get("taskDefinition", "")), targets.get(resource_id(service)))
        for service in found.services
    )
    return stable, canary


def read_rules(elbv2: Any, found: Found) -> list[Facts]:
    """The facts of the rules, with the port and protocol that their listeners have."""
    if found.groups is None:
        return []
    listeners = found.listeners
    if not listeners:
        arns = sorted({rule.listener_arn for rule in found.rules})
        listeners = {each["ListenerArn"]: each for each in listeners_by_arn(elbv2, arns)}
    return rule_facts(found.rules, found.groups, listeners)


def target_group_of(found: Found, side: str) -> str | None:
    """The target group of a side: the one that the rules forward to, or the only one that there is."""
    if found.groups is not None:
        return found.groups.stable if side == "stable" else found.groups.canary
    candidates = found.stables if side == "stable" else found.canaries
    return candidates[0] if len(candidates) == 1 else None


def read_target_group(elbv2: Any, arn: str | None) -> tuple[Facts | None, Targets]:
    """The facts of a target group, and its targets one by one."""
    if arn is None:
        return None, {}
    targets = states_by_target(elbv2, arn)
    health = health_of(targets.values())
    return target_group_facts(arn, health, describe_target_group_attributes(elbv2, arn)), targets


def read_load_balancers(elbv2: Any, rules: list[Facts]) -> list[Facts]:
    """The facts of the load balancers that have the rules."""
    arns = sorted({rule["load_balancer_arn"] for rule in rules})
    return load_balancer_facts(describe_load_balancers(elbv2, arns), rules) if arns else []


def main() -> None:
    module = CanaryModule(
        ARGUMENTS,
        mutually_exclusive=GROUPS_EXCLUSIVE,
        required_one_of=GROUPS_ONE_OF,
        required_together=GROUPS_TOGETHER,
    )
    run(module, status)


if __name__ == "__main__":
    main()
