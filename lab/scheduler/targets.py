# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registered targets and their health, as an Application Load Balancer sees them."""

from __future__ import annotations

from dataclasses import dataclass

from lab.scheduler.probes import Finding, HealthCheck, Probes

REGISTRATION_SECONDS = 1.0

NOT_IN_USE = ("Target.NotInUse", "Target group is not configured to receive traffic from the load balancer")
DRAINING = ("Target.DeregistrationInProgress", "Target deregistration is in progress")
REGISTERING = ("Elb.RegistrationInProgress", "Target registration is in progress")
CHECKING = ("Elb.InitialHealthChecking", "Initial health checks in progress")


@dataclass(frozen=True)
class Group:
    """A target group's own settings. ``deregistration_delay`` is in seconds; ``in_use`` says a rule forwards to it."""

    arn: str
    port: int
    check: HealthCheck
    deregistration_delay: int
    in_use: bool


@dataclass
class Registered:
    """One target of one group. Times are readings of the lab's clock."""

    id: str
    port: int
    state: str = "initial"
    reason: str = REGISTERING[0]
    description: str = REGISTERING[1]
    successes: int = 0
    failures: int = 0
    next_probe: float = 0.0
    probing: bool = False
    leaves_at: float | None = None

    def enter(self, state: str, reason: str = "", description: str = "") -> None:
        """Change the state; the counters of the old one are forgotten."""
        self.state, self.reason, self.description = state, reason, description
        self.successes = self.failures = 0

    def found(self, finding: Finding, check: HealthCheck) -> None:
        """Take in one probe's outcome.

        A new target is healthy after one success; a target that was unhealthy needs HealthyThresholdCount in a row.
        https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
        """
        if finding.passed:
            self.failures, self.successes = 0, self.successes + 1
            if self.state == "initial" or (self.state == "unhealthy" and self.successes >= check.healthy_threshold):
                self.enter("healthy")
            return
        self.successes, self.failures = 0, self.failures + 1
        if self.state == "unhealthy":
            self.reason, self.description = finding.reason, finding.description
        elif self.failures >= check.unhealthy_threshold:
            self.enter("unhealthy", finding.reason, finding.description)


class Targets:
    """All targets of all groups. The caller holds the lab's lock; probes run outside of it."""

    def __init__(self, probes: Probes) -> None:
        self._groups: dict[str, dict[tuple[str, int], Registered]] = {}
        self._probes = probes

    def of(self, group: str) -> list[Registered]:
        """The targets of a group, the draining ones too, in the order of registration."""
        return list(self._groups.get(group, {}).values())

    def find(self, group: str, address: str, port: int) -> Registered | None:
        """One target, or None where it is not registered (any more)."""
        return self._groups.get(group, {}).get((address, port))

    def register(self, group: str, address: str, port: int, *, at: float) -> None:
        """Register a target; one that is registered already stays as it is, one that drains comes back."""
        known = self.find(group, address, port)
        if known is None or known.state == "draining":
            fresh = Registered(id=address, port=port, next_probe=at + REGISTRATION_SECONDS)
            self._groups.setdefault(group, {})[(address, port)] = fresh

    def deregister(self, group: Group, address: str, port: int, *, at: float) -> None:
        """Start draining a target; in a group that is not in use it leaves at once.

        It stays ``draining`` until the deregistration delay has elapsed.
        https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
        """
        known = self.find(group.arn, address, port)
        if known is None or known.state == "draining":
            return
        if not group.in_use:
            del self._groups[group.arn][(address, port)]
            return
        known.enter("draining", *DRAINING)
        known.leaves_at = at + group.deregistration_delay

    def forget(self, group: str) -> None:
        """Drop a group that was deleted."""
        self._groups.pop(group, None)

    def tick(self, groups: dict[str, Group], *, at: float) -> None:
        """Take in finished probes, move every target on, and send out the probes that are due."""
        for group, address, port, finding in self._probes.finished():
            target = self.find(group, address, port)
            if target is not None and group in groups:
                target.probing = False
                if target.state in ("initial", "healthy", "unhealthy"):
                    target.found(finding, groups[group].check)
        for arn in list(self._groups):
            if arn not in groups:
                self.forget(arn)
                continue
            for target in self.of(arn):
                self._move(target, groups[arn], at)

    def _move(self, target: Registered, group: Group, at: float) -> None:
        """One target's step: leave after draining, follow the group's use, be probed when it is time."""
        if target.state == "draining":
            if (target.leaves_at is not None and at >= target.leaves_at) or not group.in_use:
                del self._groups[group.arn][(target.id, target.port)]
            return
        if not group.in_use:
            if target.state != "unused":
                target.enter("unused", *NOT_IN_USE)
            return
        if target.state == "unused":
            target.enter("initial", *REGISTERING)
            target.next_probe = at + REGISTRATION_SECONDS
        if not group.check.enabled:
            target.enter("healthy")
            return
        if at >= target.next_probe and not target.probing:
            self._probe(target, group, at)

    def _probe(self, target: Registered, group: Group, at: float) -> None:
        target.probing = True
        target.next_probe = at + group.check.interval
        if target.state == "initial":
            target.reason, target.description = CHECKING
        self._probes.send(group.arn, target.id, target.port, group.check)
