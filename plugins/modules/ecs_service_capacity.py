#!/usr/bin/python
# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_service_capacity
short_description: Set how many tasks an ECS service runs, and within which bounds
version_added: "0.1.0"
author:
  - The canary.ecs authors (@canary-ecs)
description:
  - Sets the desired count of an Amazon ECS service, and the minimum and maximum that its autoscaler keeps (its scalable
    target in Application Auto Scaling), any of them alone.
  - Can size a service from another one, for a share of the requests that the other one takes (O(like)).
  - What is not given is left alone. Scaling policies and a suspended state are never touched.
  - The writes are ordered so that at each moment the count lies within the bounds, and the autoscaler never moves it
    back. Bounds are widened before it changes, and narrowed after.
  - With O(wait), returns once the tasks run and, where a listener rule forwards to a target group of the service, as
    many targets are healthy. A target group that no rule forwards to has no health, and is not waited for.
options:
  cluster:
    description: The cluster of the service, by name or ARN.
    type: str
    required: true
  service:
    description: The service, by exact name or ARN.
    type: str
    required: true
  desired:
    description:
      - How many tasks the service is to run.
      - Refused outside the bounds, those in place or those given with it.
    type: int
  min:
    description:
      - The least tasks that the autoscaler may leave.
      - A service without a scalable target gets one when both O(min) and O(max) are given; one of them is refused.
      - A count that lies outside the bounds is brought to the nearest bound when O(desired) is not given, which is what
        the autoscaler does with it.
    type: int
  max:
    description: The most tasks that the autoscaler may start. See O(min).
    type: int
  hold:
    description:
      - V(true) holds the service at O(min) for a while. What its min was is kept in a tag of the service
        (C(canary.ecs:min)), so that it is found again even if the run in between was killed.
      - V(false) puts that min back and takes the tag away. A service that is not held is left alone, and so is a min
        that somebody else has set since.
      - A service without a scalable target has no min to hold. One whose ARN has the old form, without the cluster,
        cannot have tags, so its min is left alone.
    type: bool
  grow:
    description:
      - V(true) only ever raises. A count or a bound that is larger already stays, whoever set it, and also where it was
        raised after the playbook that asks for less had looked. A count beyond the bounds stays, too.
    type: bool
    default: false
  like:
    description:
      - Size the service from another one, instead of by numbers.
      - The desired count becomes that share of the other service's current desired count, rounded up; the minimum
        equals it; the maximum becomes that share of the other service's maximum, rounded up.
      - Where the other service has no scalable target, only the desired count is set.
    type: dict
    suboptions:
      service:
        description: The service to size from, in the same cluster, by exact name or ARN.
        type: str
        required: true
      percent:
        description: The share of the other service's capacity, from 0 to 100, in steps of 0.1.
        type: float
        required: true
      at_least:
        description: The capacity below which the service is not sized, however small the share.
        type: dict
        suboptions:
          desired:
            description: The least desired count.
            type: int
            default: 2
          min:
            description: The least minimum; the desired count is not sized below it.
            type: int
            default: 2
          max:
            description: The least maximum.
            type: int
            default: 4
  wait:
    description: Whether to wait until the tasks run and are healthy.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait, in seconds.
      - The failure after it says how many tasks run, why tasks stopped, and the last events of the service.
    type: int
    default: 600
extends_documentation_fragment:
  - canary.ecs.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
seealso:
  - module: canary.ecs.ecs_canary_weights
  - module: canary.ecs.ecs_canary_info
  - name: Service auto scaling in Amazon ECS
    description: How the autoscaler treats the desired count, the minimum and the maximum.
    link: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-auto-scaling.html
"""

EXAMPLES = r"""
- name: Run four tasks, and let the autoscaler choose between 4 and 12
  canary.ecs.ecs_service_capacity:
    cluster: shop
    service: cart-stable
    desired: 4
    min: 4
    max: 12

- name: Allow more tasks, and leave the count and the minimum alone
  canary.ecs.ecs_service_capacity:
    cluster: shop
    service: cart-stable
    max: 20

- name: Size the canary for a quarter of the requests that stable takes
  canary.ecs.ecs_service_capacity:
    cluster: shop
    service: cart-canary
    like:
      service: cart-stable
      percent: 25

- name: Run eight tasks, and let the autoscaler take none of them away
  canary.ecs.ecs_service_capacity:
    cluster: shop
    service: cart-stable
    desired: 8
    min: 8
    hold: true

- name: Let the autoscaler go down to the min of before again
  canary.ecs.ecs_service_capacity:
    cluster: shop
    service: cart-stable
    hold: false

- name: Park the canary, without waiting for its tasks to stop
  canary.ecs.ecs_service_capacity:
    cluster: shop
    service: cart-canary
    desired: 2
    min: 2
    max: 2
    wait: false
"""

RETURN = r"""
service:
  description: The service.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      returned: success
      type: str
      sample: cart-stable
    arn:
      description: Its ARN.
      returned: success
      type: str
      sample: arn:aws:ecs:eu-central-1:123456789012:service/shop/cart-stable
    cluster:
      description: The name of its cluster.
      returned: success
      type: str
      sample: shop
before:
  description: The capacity as it was.
  returned: success
  type: dict
  contains:
    desired:
      description: The desired count.
      returned: success
      type: int
      sample: 2
    min:
      description: The scalable target's minimum; null without a scalable target.
      returned: success
      type: int
      sample: 2
    max:
      description: The scalable target's maximum; null without a scalable target.
      returned: success
      type: int
      sample: 4
after:
  description: The capacity as it was read back; in check mode, as it would be.
  returned: success
  type: dict
  contains: &capacity
    desired:
      description: The desired count.
      returned: success
      type: int
      sample: 4
    min:
      description: The scalable target's minimum; null without a scalable target.
      returned: success
      type: int
      sample: 4
    max:
      description: The scalable target's maximum; null without a scalable target.
      returned: success
      type: int
      sample: 12
running:
  description: The tasks that run.
  returned: success
  type: int
  sample: 4
healthy:
  description:
    - The healthy targets; of several target groups, the least.
    - Null where no listener rule forwards to a target group of the service.
  returned: success
  type: int
  sample: 4
log:
  description: What was done, or would be in check mode, sentence by sentence.
  returned: success
  type: list
  elements: str
  sample:
    - Set max 12 of service cart-stable.
    - Set the desired count of service cart-stable to 4.
    - Set min 4 of service cart-stable.
    - "Service cart-stable is ready: 4 running and 0 pending of 4 desired; target group cart-stable: 4 healthy."
wanted:
  description: The capacity that was asked for. RV(before) says what it was, and C(changed) whether it was set.
  returned: when a write, its reading back or the wait failed
  type: dict
  contains: *capacity
found:
  description: The capacity that was read back in place of the one asked for.
  returned: when something else changes the capacity at the same time
  type: dict
  contains: *capacity
stopped_tasks:
  description: Why tasks of the service stopped, most frequent first, each with the number of tasks.
  returned: when the wait ends without the tasks running and healthy
  type: list
  elements: str
  sample:
    - "3 x Essential container in task exited: container app exited with 1"
events:
  description: The last events of the service, newest first.
  returned: when the wait ends without the tasks running and healthy
  type: list
  elements: str
  sample:
    - (service cart-canary) has reached a steady state.
desired:
  description: The desired count while it was waited for.
  returned: when the wait ends without the tasks running and healthy
  type: int
  sample: 3
pending:
  description: The tasks that were starting.
  returned: when the wait ends without the tasks running and healthy
  type: int
  sample: 1
"""

import time
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._aws.autoscaling import (
    register_scalable_target,
    resource_id,
    scalable_targets,
)
from ansible_collections.canary.ecs.plugins.module_utils._aws.ecs import (
    describe_services,
    tag_service,
    untag_service,
    update_service,
)
from ansible_collections.canary.ecs.plugins.module_utils._aws.poll import poll_until
from ansible_collections.canary.ecs.plugins.module_utils._canary.arns import name_in
from ansible_collections.canary.ecs.plugins.module_utils._canary.capacity import (
    Bounds,
    Capacity,
    SetBounds,
    Wanted,
    Write,
    at_least,
    decide,
    shows,
    sized_like,
    suspended,
    writes,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.deployment import refuse_daemon, refuse_not_active
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.given import refuse_blank, refuse_negative
from ansible_collections.canary.ecs.plugins.module_utils._canary.holding import (
    TAG,
    Memory,
    held_at,
    memory_of,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.tags import can_remember, remembered
from ansible_collections.canary.ecs.plugins.module_utils._module import CanaryModule, run
from ansible_collections.canary.ecs.plugins.module_utils._serving import (
    Serving,
    read_again,
    read_serving,
    wait_until_serving,
)

ONE_OF = ("desired", "min", "max", "like", "hold")
ARGUMENTS = {
    "cluster": {"type": "str", "required": True},
    "service": {"type": "str", "required": True},
    "desired": {"type": "int"},
    "min": {"type": "int"},
    "max": {"type": "int"},
    "hold": {"type": "bool"},
    "like": {
        "type": "dict",
        "options": {
            "service": {"type": "str", "required": True},
            "percent": {"type": "float", "required": True},
            "at_least": {
                "type": "dict",
                "apply_defaults": True,
                "options": {
                    "desired": {"type": "int", "default": 2},
                    "min": {"type": "int", "default": 2},
                    "max": {"type": "int", "default": 4},
                },
            },
        },
    },
    "grow": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 600},
}


@dataclass(frozen=True)
class AwsClients:
    """The services of AWS that this module talks to."""

    ecs: Any
    scaling: Any
    elbv2: Any


@dataclass(frozen=True)
class Sized:
    """A service as ECS described it, with its scalable target, where it has one."""

    service: dict[str, Any]
    target: dict[str, Any] | None

    @property
    def name(self) -> str:
        """The service's name."""
        return str(self.service["serviceName"])

    @property
    def capacity(self) -> Capacity:
        """The service's capacity."""
        bounds = Bounds(self.target["MinCapacity"], self.target["MaxCapacity"]) if self.target else None
        return Capacity(self.service["desiredCount"], bounds)

    @property
    def memory(self) -> Memory | None:
        """What the service remembers of a min that it is held from, as far as its tags were read."""
        return memory_of(self.service.get("tags", []), live=self.target["MinCapacity"]) if self.target else None

    @property
    def tagged(self) -> str | None:
        """The tag that remembers, whether it still means anything or not."""
        return remembered(self.service.get("tags", []), TAG)


def read_sized(clients: AwsClients, cluster: str, names: list[str], *, tags: bool) -> list[Sized]:
    """The services with their scalable targets; raises `CanaryError` for one that has no count of its own to set."""
    services = describe_services(clients.ecs, cluster, names, tags=tags)
    if len({service["serviceArn"] for service in services}) < len(services):
        raise CanaryError(
            f"Service {services[0]['serviceName']} cannot be sized like itself: name another one in like."
        )
    for service in services:
        refuse_not_active(service)
        refuse_daemon(service["serviceName"], strategy=service.get("schedulingStrategy"), arn=service["serviceArn"])
    targets = scalable_targets(clients.scaling, [resource_id(service) for service in services])
    return [Sized(service, targets.get(resource_id(service))) for service in services]


def refuse_bad(options: dict[str, Any]) -> None:
    """Raise `CanaryError` for what no service could be asked for."""
    refuse_blank(options, "cluster", "service")
    refuse_negative(options["wait_timeout"], "wait_timeout")
    if all(options[name] is None for name in ONE_OF):
        raise CanaryError(f"{', '.join(ONE_OF)} are empty: give one of them.")
    for name, count in (options["like"]["at_least"] if options["like"] else {}).items():
        if count is not None and count < 0:
            raise CanaryError(f"like.at_least.{name} is {count}: give 0 or more.")


def asked(options: dict[str, Any], model: Sized | None) -> Wanted:
    """The capacity that the options ask for, by numbers or by the model service."""
    if model is None:
        return Wanted(desired=options["desired"], min=options["min"], max=options["max"])
    like = options["like"]
    return sized_like(model.capacity, percent=like["percent"], at_least=Wanted(**like["at_least"]))


def held(options: dict[str, Any], sized: Sized, wanted: Wanted) -> tuple[Wanted, Memory | None]:
    """What is wanted with the min that ``hold`` makes of it, and what the service is to remember then."""
    if options["hold"] is None:
        return wanted, sized.memory
    if not options["hold"]:
        return replace(wanted, min=sized.memory.own if sized.memory else None), None
    if wanted.min is None or sized.target is None:
        return wanted, sized.memory
    if not can_remember(sized.service["serviceArn"]):
        return replace(wanted, min=None), None
    return wanted, held_at(wanted.min, live=sized.target["MinCapacity"], memory=sized.memory)


def refuse_hold(options: dict[str, Any]) -> None:
    """Raise `CanaryError` where the service is to be let go of and a min is given too."""
    if options["hold"] is False and (options["min"] is not None or options["like"]):
        raise CanaryError("hold is false, which puts the min of before back: leave out min and like.")


def remember(clients: AwsClients, sized: Sized, memory: Memory | None) -> None:
    """Let the service remember its min, before it is held at another one."""
    if memory and memory.text != sized.tagged:
        tag_service(clients.ecs, sized.service, {TAG: memory.text})


def forget(clients: AwsClients, sized: Sized, memory: Memory | None) -> None:
    """Take the memory from the service, once it has its own min again."""
    if memory is None and sized.tagged is not None:
        untag_service(clients.ecs, sized.service, TAG)


def warn_of_no_hold(module: CanaryModule, sized: Sized, wanted: Wanted) -> None:
    """Warn where a min is to be held and cannot be."""
    differs = sized.target and wanted.min not in (None, sized.target["MinCapacity"])
    if module.params["hold"] and differs and not can_remember(sized.service["serviceArn"]):
        module.warn(
            f"Left the min of service {sized.name} alone: its ARN has the old form, so no tag can remember what it was."
            " Until its load shows, its autoscaler may take tasks that it needs."
        )


def remembering(sized: Sized, memory: Memory | None) -> list[str]:
    """A sentence for the log about a min that is held, or is not."""
    if memory and memory.text != sized.tagged:
        return [f"The min of service {sized.name} is its own {memory.own} no longer; its tag {TAG} remembers that."]
    if memory is None and sized.tagged is not None:
        return [f"Took the tag {TAG} from service {sized.name}."]
    return []


def apply(clients: AwsClients, sized: Sized, write: Write) -> None:
    """Make one write."""
    if isinstance(write, SetBounds):
        register_scalable_target(clients.scaling, resource_id(sized.service), minimum=write.min, maximum=write.max)
    else:
        update_service(clients.ecs, sized.service, desiredCount=write.desired)


def sentence(write: Write, name: str) -> str:
    """What a write does, for the log."""
    if isinstance(write, SetBounds):
        bounds = [f"{word} {value}" for word, value in (("min", write.min), ("max", write.max)) if value is not None]
        return f"Set {' and '.join(bounds)} of service {name}."
    return f"Set the desired count of service {name} to {write.desired}."


def suspension(sized: Sized) -> list[str]:
    """A sentence for the log where the service's autoscaler is suspended."""
    kept_from = suspended(sized.target.get("SuspendedState", {})) if sized.target else []
    if not kept_from:
        return []
    return [f"The autoscaler of service {sized.name} is suspended ({', '.join(kept_from)}), and is left so."]


def read_back(clients: AwsClients, sized: Sized, after: Capacity, *, timeout: float) -> Sized:
    """Read the capacity until it shows the change. Raises `CanaryError` with both values when it never does."""

    def read() -> Sized:
        service = read_again(clients.ecs, sized.service)
        return Sized(service, scalable_targets(clients.scaling, [resource_id(service)]).get(resource_id(service)))

    def gave_up(seen: Sized) -> CanaryError:
        return CanaryError(
            f"Service {sized.name} was set to {after}, but after {timeout:.0f} s it is read back as {seen.capacity}: "
            "something else changes it at the same time. Look at its autoscaler, and at who else deploys it.",
            found=seen.capacity.facts(),
        )

    return poll_until(
        read,
        lambda seen: shows(seen.capacity, before=sized.capacity, after=after),
        timeout=timeout,
        gave_up=gave_up,
    )


def change(clients: AwsClients, sized: Sized, after: Capacity, *, wait: bool, timeout: float) -> tuple[Sized, Serving]:
    """Make the writes, read them back, and wait for the tasks where asked to; the readings after it.

    A `CanaryError` on the way says in its facts what was wanted, and whether a write was made before it.
    """
    begun = time.monotonic()
    made: list[Write] = []
    try:
        for write in writes(sized.capacity, after):
            apply(clients, sized, write)
            made.append(write)
        seen = read_back(clients, sized, after, timeout=timeout) if made else sized
        if not wait:
            return seen, read_serving(clients.elbv2, seen.service)
        serving = wait_until_serving(clients.ecs, clients.elbv2, seen.service, timeout=timeout, begun=begun)
        return Sized(serving.service, seen.target), serving
    except CanaryError as error:
        error.facts.update(before=sized.capacity.facts(), wanted=after.facts(), changed=bool(made))
        raise


def ensure_capacity(module: CanaryModule) -> dict[str, Any]:
    """Read, decide, apply, read back: the module's result."""
    options = module.params
    refuse_bad(options)
    refuse_hold(options)
    clients = AwsClients(
        module.client_of("ecs"), module.client_of("application-autoscaling"), module.client_of("elbv2")
    )
    names = [options["service"]] + ([options["like"]["service"]] if options["like"] else [])
    sized, *model = read_sized(clients, options["cluster"], names, tags=options["hold"] is not None)
    wanted = asked(options, model[0] if model else None)
    if options["grow"]:
        wanted = at_least(sized.capacity, wanted)
    warn_of_no_hold(module, sized, wanted)
    wanted, memory = held(options, sized, wanted)
    before = sized.capacity
    after = decide(before, wanted, service=sized.name, grow=options["grow"])
    changed = before != after or sized.tagged != (memory.text if memory else None)
    log = suspension(sized) + [sentence(write, sized.name) for write in writes(before, after)]
    log += remembering(sized, memory)
    if module.check_mode:
        return result(before, after, read_serving(clients.elbv2, sized.service), log=log, changed=changed)
    remember(clients, sized, memory)
    seen, serving = change(clients, sized, after, wait=options["wait"], timeout=options["wait_timeout"])
    forget(clients, sized, memory)
    if options["wait"]:
        log.append(f"Service {sized.name} is ready: {serving}.")
    return result(before, seen.capacity, serving, log=log, changed=changed)


def result(before: Capacity, after: Capacity, serving: Serving, *, log: list[str], changed: bool) -> dict[str, Any]:
    """The module's result."""
    service = serving.service
    return {
        "changed": changed,
        "service": {
            "name": service["serviceName"],
            "arn": service["serviceArn"],
            "cluster": name_in(service["clusterArn"]),
        },
        "before": before.facts(),
        "after": after.facts(),
        **serving.facts(),
        "log": log,
        "diff": {"before": before.facts(), "after": after.facts()},
    }


def main() -> None:
    """Run the module."""
    module = CanaryModule(
        argument_spec=ARGUMENTS,
        mutually_exclusive=[("like", "desired"), ("like", "min"), ("like", "max")],
        required_one_of=[ONE_OF],
    )
    run(module, ensure_capacity)


if __name__ == "__main__":
    main()
