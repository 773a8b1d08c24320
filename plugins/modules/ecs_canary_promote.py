#!/usr/bin/python
# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_canary_promote
short_description: Give the stable ECS service the canary's release
version_added: "0.1.0"
author:
  - The canary.ecs authors (@canary-ecs)
description:
  - Deploys the release of the canary service to the stable service, and waits until stable runs it.
  - Refuses while the canary does not hold all traffic on every listener rule that forwards to both services, unless
    told otherwise (O(require_full_traffic)). So stable takes the release while no request depends on it, but for
    those of clients that a sticky rule keeps on stable; the module warns of such a rule.
  - Waits on the deployment that it began, by its id, until ECS has completed it, the service runs the release, and as
    many targets as tasks are healthy where a listener rule forwards to a target group of stable.
  - When the deployment fails, is rolled back by the circuit breaker, is replaced by somebody else's, or is not through
    after O(wait_timeout), puts the old release back, waits for that too, and fails with the reasons that ECS gives. The
    canary is never touched, and goes on serving.
  - Moves no traffic and changes no count. Size stable for the traffic before, with
    M(canary.ecs.ecs_service_capacity), and shift the traffic back after, with M(canary.ecs.ecs_canary_weights).
  - A stable service that has the release already is left alone. One that is still taking it, because an earlier run was
    interrupted, is waited for.
options:
  cluster:
    description: The cluster of both services, by name or ARN.
    type: str
    required: true
  stable_service:
    description:
      - The service that takes the release, by exact name or ARN.
      - Its deployment controller must be C(ECS), its deployment strategy C(ROLLING), and its desired count above V(0)
        (which O(take=previous) does not ask for).
    type: str
    required: true
    aliases: [primary_service]
  canary_service:
    description: The service whose release is taken, by exact name or ARN.
    type: str
    required: true
  take:
    description:
      - V(task_definition) gives stable the canary's task definition itself, exactly what was tested.
      - V(image) keeps stable's own task definition, and takes the canary's images into it, container by container. Both
        must have the same containers. A new revision is registered, with every other field and tag as it is, unless one
        of the family's newest revisions is just that.
      - V(previous) gives stable back the task definition that it had before this module gave it the one it has. The
        service remembers it in its tags C(canary.ecs:previous-release), C(canary.ecs:promoted-to) and
        C(canary.ecs:promoted-from). Neither the traffic nor the canary's release is looked at then. A service that has
        it already is left alone. A promotion that fails, and puts the old release back, puts back what the tags said
        before.
    type: str
    choices: [task_definition, image, previous]
    default: task_definition
  require_full_traffic:
    description:
      - Whether to refuse while a rule sends requests to stable.
      - With V(false), the rules are not looked at.
    type: bool
    default: true
  rules:
    description:
      - The ARNs of listeners or listener rules to look at for the traffic, instead of all rules that forward to both
        services.
    type: list
    elements: str
  wait_timeout:
    description:
      - How long the deployment may take, in seconds, until the targets are healthy. Putting the old release back may
        take as long again.
      - A service with a circuit breaker ends a bad deployment much sooner.
    type: int
    default: 1800
extends_documentation_fragment:
  - canary.ecs.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
seealso:
  - module: canary.ecs.ecs_service_capacity
  - module: canary.ecs.ecs_canary_weights
  - module: canary.ecs.ecs_canary_info
  - name: Amazon ECS deployment circuit breaker
    description: What ends a failing deployment, and rolls it back.
    link: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
"""

EXAMPLES = r"""
- name: Give stable exactly the task definition that the canary has run
  canary.ecs.ecs_canary_promote:
    cluster: shop
    stable_service: cart-stable
    canary_service: cart-canary

- name: Take the canary's images into stable's own task definition
  canary.ecs.ecs_canary_promote:
    cluster: shop
    stable_service: cart-stable
    canary_service: cart-canary
    take: image

- name: Give stable back the release that it had before it was promoted
  canary.ecs.ecs_canary_promote:
    cluster: shop
    stable_service: cart-stable
    canary_service: cart-canary
    take: previous

- name: Give up on the deployment after ten minutes
  canary.ecs.ecs_canary_promote:
    cluster: shop
    stable_service: cart-stable
    canary_service: cart-canary
    wait_timeout: 600
"""

RETURN = r"""
task_definition:
  description: The task definition of the stable service.
  returned: success
  type: dict
  contains:
    before:
      description: Its ARN before.
      returned: success
      type: str
      sample: arn:aws:ecs:eu-central-1:123456789012:task-definition/cart-stable:41
    after:
      description:
        - Its ARN after; in check mode, what it would be.
        - In check mode V(null) for a revision that would have to be registered.
      returned: success
      type: str
      sample: arn:aws:ecs:eu-central-1:123456789012:task-definition/cart-canary:42
images:
  description: Each container's image in the release that stable has after, by container.
  returned: success
  type: dict
  sample: {app: "123456789012.dkr.ecr.eu-central-1.amazonaws.com/cart:v2"}
deployment:
  description: The deployment of the release.
  returned: success, and when a deployment failed
  type: dict
  contains:
    id:
      description: Its id; V(null) in check mode where there is none yet.
      returned: always
      type: str
      sample: ecs-svc/1234567890123456789
    rollout_state:
      description: ECS's state of it.
      returned: always
      type: str
      sample: COMPLETED
log:
  description: What was done, or would be in check mode, sentence by sentence.
  returned: success
  type: list
  elements: str
  sample:
    - The canary holds all traffic on rule 10 (arn:aws:...).
    - Service cart-stable remembers cart-stable:41 in its tag canary.ecs:previous-release.
    - "Service cart-stable took cart-canary:42 in place of cart-stable:41, by deployment ecs-svc/1234567890123456789:
      4 running and 0 pending of 4 desired; target group cart-stable: 4 healthy."
put_back:
  description: Whether the old release is back on stable, waited for and read back.
  returned: when a deployment failed after it was begun
  type: bool
  sample: true
stopped_tasks:
  description: Why tasks of the deployment stopped, most frequent first, each with the number of tasks.
  returned: when a deployment failed
  type: list
  elements: str
  sample:
    - "3 x Essential container in task exited: container app exited with 1"
events:
  description: The last events of the stable service, newest first.
  returned: when a deployment failed
  type: list
  elements: str
  sample:
    - (service cart-stable) has reached a steady state.
service:
  description: The ARN of the service that a release cannot be taken from, or given to.
  returned: when it was refused before anything was changed
  type: str
  sample: arn:aws:ecs:eu-central-1:123456789012:service/shop/cart-canary
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ansible_collections.canary.ecs.plugins.module_utils._aws.calls import AwsError
from ansible_collections.canary.ecs.plugins.module_utils._aws.ecs import (
    describe_services,
    describe_task_definition,
    latest_revisions,
    register_task_definition,
    tag_service,
    untag_service,
)
from ansible_collections.canary.ecs.plugins.module_utils._aws.poll import poll_until
from ansible_collections.canary.ecs.plugins.module_utils._canary.arns import name_in
from ansible_collections.canary.ecs.plugins.module_utils._canary.deployment import (
    controller_of,
    deployment_facts,
    find_deployment,
    has_taken,
    primary,
    refuse_between_releases,
    refuse_daemon,
    refuse_not_active,
    refuse_undeployable,
    strategy_of,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.errors import CanaryError
from ansible_collections.canary.ecs.plugins.module_utils._canary.given import refuse_negative
from ansible_collections.canary.ecs.plugins.module_utils._canary.named_groups import named_by, refuse_same_service
from ansible_collections.canary.ecs.plugins.module_utils._canary.previous_release import (
    KEYS,
    PREVIOUS,
    to_remember,
    to_restore,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.promotion import (
    last_completed,
    refuse_deregistered,
    refuse_forgotten,
    refuse_traffic,
    refuse_without_release,
    refuse_without_tasks,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.release import (
    images,
    refuse_unlike_containers,
    same_release,
    with_images,
)
from ansible_collections.canary.ecs.plugins.module_utils._canary.tags import can_remember, remembered
from ansible_collections.canary.ecs.plugins.module_utils._groups import find, require
from ansible_collections.canary.ecs.plugins.module_utils._module import CanaryModule, run
from ansible_collections.canary.ecs.plugins.module_utils._rollout import left_as_it_was, resume, roll_out

ARGUMENTS = {
    "cluster": {"type": "str", "required": True},
    "stable_service": {"type": "str", "required": True, "aliases": ["primary_service"]},
    "canary_service": {"type": "str", "required": True},
    "take": {"type": "str", "choices": ["task_definition", "image", "previous"], "default": "task_definition"},
    "require_full_traffic": {"type": "bool", "default": True},
    "rules": {"type": "list", "elements": "str"},
    "wait_timeout": {"type": "int", "default": 1800},
}

# How long a list may not yet show a revision that was registered.
LOST_SECONDS = 5.0
REGISTER_ATTEMPTS = 3

# How many of a family's newest revisions are looked at for one to use again.
REVISIONS_LOOKED_AT = 5


@dataclass(frozen=True)
class Release:
    """What stable is to run. ``arn`` is None for a revision yet to be registered, which ``definition`` describes."""

    arn: str | None
    definition: dict[str, Any]

    @property
    def images(self) -> dict[str, str]:
        """Each container's image, by container."""
        return images(self.definition)

    def __str__(self) -> str:
        return name_in(self.arn) if self.arn else f"a new revision of {self.definition['family']}"


def read_services(ecs: Any, options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Stable and canary, both fit for it; raises `CanaryError` for one that is not."""
    names = [options["stable_service"], options["canary_service"]]
    stable, canary = describe_services(ecs, options["cluster"], names, tags=True)
    refuse_same_service(stable["serviceArn"], canary["serviceArn"], name=stable["serviceName"])
    for service in (stable, canary):
        refuse_not_active(service)
    refuse_daemon(stable["serviceName"], strategy=stable.get("schedulingStrategy"), arn=stable["serviceArn"])
    refuse_undeployable(stable["serviceName"], controller=controller_of(stable), strategy=strategy_of(stable))
    if options["take"] != "previous":
        refuse_without_release(canary)
        deployments = map(deployment_facts, canary.get("deployments", []))
        refuse_between_releases(canary["serviceName"], deployments, arn=canary["serviceArn"])
    return stable, canary


def decide_release(ecs: Any, stable: dict[str, Any], canary: dict[str, Any], *, old: Release, take: str) -> Release:
    """The release that stable is to run, ``old`` itself where it need not change."""
    if take == "previous":
        arn = to_restore(stable.get("tags", []), live=str(old.arn))
        refuse_forgotten(stable, arn)
        return old if arn == old.arn else restorable(ecs, stable, str(arn))
    if take == "task_definition" and canary["taskDefinition"] == old.arn:
        return old
    theirs = read_release(ecs, canary["taskDefinition"])
    if take == "task_definition":
        return theirs
    refuse_unlike_containers(old.images, theirs.images)
    if old.images == theirs.images:
        return old
    return registered(ecs, with_images(old.definition, theirs.images))


def restorable(ecs: Any, stable: dict[str, Any], task_definition: str) -> Release:
    """The release that stable had, as long as ECS can still deploy it."""
    release = read_release(ecs, task_definition)
    refuse_deregistered(stable, task_definition, status=release.definition.get("status"))
    return release


def read_release(ecs: Any, task_definition: str) -> Release:
    """A task definition with its tags."""
    definition = describe_task_definition(ecs, task_definition, tags=True)
    return Release(definition["taskDefinitionArn"], definition)


def registered(ecs: Any, definition: dict[str, Any]) -> Release:
    """The family's newest revision that is this task definition, or the definition without one."""
    for arn in latest_revisions(ecs, definition["family"], most=REVISIONS_LOOKED_AT):
        revision = read_release(ecs, arn)
        if same_release(revision.definition, definition):
            return revision
    return Release(None, definition)


def guard(module: CanaryModule, ecs: Any, stable: dict[str, Any]) -> list[str]:
    """Refuse a promotion that would prove nothing, or that requests depend on; what was looked at, for the log."""
    if module.params["take"] == "previous":
        return ["The traffic was not looked at: stable takes back what it had."]
    try:
        refuse_without_tasks(stable)
    except CanaryError as error:
        # What would have sized it before has changed nothing either.
        if not module.check_mode:
            raise
        module.warn(str(error))
    if not module.params["require_full_traffic"]:
        return ["The traffic was not looked at, because require_full_traffic is false."]
    elbv2 = module.client_of("elbv2")
    named = named_by(module.params, region=module.region)
    found = find(elbv2, ecs, named)
    refuse_traffic(found.rules, require(elbv2, found))
    sticky = max(rule.sticky_seconds for rule in found.rules)
    if sticky:
        module.warn(
            f"Stickiness is on: for up to {sticky} s clients that met stable may still go there, while it takes the "
            "release."
        )
    return [f"The canary holds all traffic on {', '.join(map(str, found.rules))}."]


def ensure_promoted(module: CanaryModule) -> dict[str, Any]:
    """Read, decide, apply, read back: the module's result."""
    refuse_negative(module.params["wait_timeout"], "wait_timeout")
    named_by(module.params, region=str(module.region or ""))
    ecs = module.client_of("ecs")
    stable, canary = read_services(ecs, module.params)
    old = read_release(ecs, stable["taskDefinition"])
    new = decide_release(ecs, stable, canary, old=old, take=module.params["take"])
    if new.arn == old.arn:
        return keep(module, ecs, stable, old)
    log = guard(module, ecs, stable)
    if old.definition.get("status") == "INACTIVE":
        module.warn(
            f"{old} is deregistered: if {new} fails, only ECS's own circuit breaker can bring it back to service "
            f"{stable['serviceName']}."
        )
    if module.check_mode:
        log.append(f"Service {stable['serviceName']} would take {new} in place of {old}.")
        return result(old, new, deployment={"id": None, "rollout_state": None}, log=log)
    return promote(module, ecs, (stable, canary), old=old, new=new, log=log)


def promote(
    module: CanaryModule,
    ecs: Any,
    services: tuple[dict[str, Any], dict[str, Any]],
    *,
    old: Release,
    new: Release,
    log: list[str],
) -> dict[str, Any]:
    """Give stable the release and wait for it."""
    stable, canary = services
    arn = new.arn
    if arn is None:
        arn = register(module, ecs, new.definition)
        log.append(f"Registered {name_in(arn)}.")
    # Not what stable is only on its way to: a promotion that was cut off leaves that, and nobody has seen it run.
    previous = last_completed(stable, str(old.arn))
    if module.params["take"] != "previous":
        log.append(remember(ecs, stable, previous, to_remember(previous, arn, canary["taskDefinition"])))
    try:
        rollout, serving = roll_out(
            ecs, module.client_of("elbv2"), stable, arn, previous=previous, timeout=module.params["wait_timeout"]
        )
    except CanaryError as error:
        if module.params["take"] != "previous" and left_as_it_was(error):
            remember_again(ecs, stable)
        raise
    log.append(
        f"Service {stable['serviceName']} took {name_in(arn)} in place of {old}, by deployment {rollout.deployment}: "
        f"{serving}."
    )
    return result(old, Release(arn, new.definition), deployment=state_of(serving.service, rollout.deployment), log=log)


def remember(ecs: Any, stable: dict[str, Any], previous: str, tags: dict[str, str]) -> str:
    """Let stable remember the release that it is about to give up; a sentence about that for the log."""
    name = stable["serviceName"]
    if not tags or not can_remember(stable["serviceArn"]):
        return f"Service {name} cannot remember {name_in(previous)} in a tag: an ARN has the old form, or is too long."
    tag_service(ecs, stable, tags)
    return f"Service {name} remembers {name_in(previous)} in its tag {PREVIOUS}."


def remember_again(ecs: Any, stable: dict[str, Any]) -> None:
    """Let stable remember what it did before a promotion that came to nothing: it runs the same release as then.

    What went wrong with the promotion is what its user must read, so that a tag that cannot be set is left.
    """
    former = {key: remembered(stable.get("tags", []), key) for key in KEYS}
    known = {key: value for key, value in former.items() if value is not None}
    if not can_remember(stable["serviceArn"]):
        return
    with suppress(CanaryError):
        if known:
            tag_service(ecs, stable, known)
        if forgotten := former.keys() - known.keys():
            untag_service(ecs, stable, *sorted(forgotten))


def register(module: CanaryModule, ecs: Any, definition: dict[str, Any]) -> str:
    """Register one revision, not two: where the answer is lost, the family tells whether the call took effect."""
    once = module.client_of_once("ecs")
    for _attempt in range(REGISTER_ATTEMPTS - 1):
        try:
            return register_task_definition(once, definition)
        except AwsError as error:
            if not error.undecided:
                raise
        with suppress(CanaryError):
            return lost_revision(ecs, definition)
    return register_task_definition(once, definition)


def lost_revision(ecs: Any, definition: dict[str, Any]) -> str:
    """The revision that a call registered whose answer was lost; raises `CanaryError` where it had no effect."""
    found = poll_until(
        lambda: registered(ecs, definition),
        lambda release: release.arn is not None,
        timeout=LOST_SECONDS,
        gave_up=lambda _release: CanaryError(f"No revision of {definition['family']} is the one to be registered."),
    )
    return str(found.arn)


def keep(module: CanaryModule, ecs: Any, stable: dict[str, Any], release: Release) -> dict[str, Any]:
    """Stable has the release: nothing to change, but one that is still taking it is waited for."""
    name = stable["serviceName"]
    leading = primary(stable) or {}
    if module.check_mode:
        how = "has" if has_taken(stable, str(release.arn)) else "is taking"
        log = [f"Service {name} {how} {release} already."]
        return result(release, release, deployment=state_of(stable, leading.get("id")), log=log)
    rollout, serving = resume(ecs, module.client_of("elbv2"), stable, timeout=module.params["wait_timeout"])
    log = [f"Service {name} has {release} already: {serving}."]
    return result(release, release, deployment=state_of(serving.service, rollout.deployment), log=log)


def state_of(service: dict[str, Any], deployment: str | None) -> dict[str, Any]:
    """A deployment as the module returns it."""
    found = find_deployment(service, deployment) if deployment else None
    return {"id": deployment, "rollout_state": found.get("rolloutState") if found else None}


def result(old: Release, new: Release, *, deployment: dict[str, Any], log: list[str]) -> dict[str, Any]:
    """The module's result."""
    return {
        "changed": new.arn != old.arn,
        "task_definition": {"before": old.arn, "after": new.arn},
        "images": new.images,
        "deployment": deployment,
        "log": log,
        "diff": {
            "before": {"task_definition": str(old), "images": old.images},
            "after": {"task_definition": str(new), "images": new.images},
        },
    }


def main() -> None:
    """Run the module."""
    run(CanaryModule(argument_spec=ARGUMENTS), ensure_promoted)


if __name__ == "__main__":
    main()
