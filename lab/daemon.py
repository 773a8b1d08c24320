# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that is a lab: the cloud, its load balancers, and the parent of everything that runs in it.

``python -m lab.daemon NAME LOCK ...`` is started by `lab.lifecycle.up`, which hands it the lab's lock as an open file
descriptor. SIGTERM ends it in order; after a SIGKILL the kernel ends its children (`lab.tied`), and the next ``up`` or
``down`` finds the lock free and removes the files.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.addresses import Network, claim, may_bind_low_ports
from lab.balancer.fleet import Fleet
from lab.balancer.starved import STARVED_PATH, Starved
from lab.checkout import CHECKOUT
from lab.control.cloud import Cloud
from lab.control.settings import Settings
from lab.control.views import TaskProcess, TaskSpec
from lab.state import REGION, Lab, Process, State
from lab.tied import tied

TICK = 0.25
"""Seconds between two passes of scheduler and health checks."""

BALANCER_TICK = 0.05
"""Seconds between two looks at rules and targets."""

log = logging.getLogger("lab.daemon")


class TaskProcesses:
    """Starts the processes of tasks, all from one thread that lives as long as the daemon (see `lab.tied`)."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tasks")

    def spawn(self, spec: TaskSpec) -> TaskProcess:
        """Start a task: one process, which plays the first container. Its output goes to ``tasks/ID.log``."""
        return self._thread.submit(self._start, spec).result()

    def stop(self) -> None:
        """End the thread. The tasks must have ended before: they die with it."""
        self._thread.shutdown()

    def _start(self, spec: TaskSpec) -> subprocess.Popen[bytes]:
        self._directory.mkdir(exist_ok=True)
        command = [
            *(sys.executable, "-m", "lab.app", "--address", spec.address, "--port", str(spec.port)),
            *("--image", spec.containers[0].image, "--task", spec.task_arn),
        ]
        path = self._directory / f"{spec.task_arn.rpartition('/')[2]}.log"
        with path.open("ab") as output:
            return subprocess.Popen(
                tied(command), cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )


class Daemon:
    """One running lab."""

    def __init__(self, state: State, *, propagation_delay: float, metrics_period: float) -> None:
        self._state = state
        self._claim = claim()
        network = Network(self._claim.number)
        address, port = network.control_plane
        self.lab = Lab(
            name=state.name,
            number=network.number,
            endpoint=f"http://{address}:{port}",
            propagation_delay=propagation_delay,
            low_ports=may_bind_low_ports(address),
            metrics_period=metrics_period,
        )
        self._tasks = TaskProcesses(state.directory / "tasks")
        settings = Settings(region=REGION, call_log=str(state.directory / "calls.log"), metrics_period=metrics_period)
        self._cloud = Cloud(network=network, spawn=self._tasks.spawn, settings=settings)
        self._fleet = Fleet(
            state.directory / "balancers", propagation_delay=propagation_delay, low_ports=self.lab.low_ports
        )
        self._starved = Starved(time.time)
        self._cloud.server.pages[STARVED_PATH] = self._starved
        self._ending = threading.Event()

    def run(self) -> None:
        """Serve until `end` is called; then leave no process and no file."""
        loops = [
            threading.Thread(target=self._repeat, args=(self._cloud.tick, TICK), name="scheduler"),
            threading.Thread(target=self._balance, name="balancer"),
        ]
        try:
            self._cloud.start()
            for loop in loops:
                loop.start()
            self._state.record_lab(self.lab)
            log.info("lab %s answers at %s", self.lab.name, self.lab.endpoint)
            self._ending.wait()
        finally:
            self._state.forget_lab()
            self._ending.set()
            for loop in loops:
                if loop.is_alive():
                    loop.join()
            self._cloud.stop()
            self._tasks.stop()
            self._claim.release()

    def end(self) -> None:
        """Make `run` return."""
        self._ending.set()

    def _balance(self) -> None:
        """Keep the load balancers to the rules, from a thread that outlives them."""
        self._repeat(self._update_fleet, BALANCER_TICK)
        self._fleet.stop()

    def _update_fleet(self) -> None:
        with self._cloud.lock:
            balancers, groups = self._cloud.load_balancers(), self._cloud.target_groups()
        self._fleet.update(balancers, groups, time.monotonic())
        self._starved.observe([*balancers, *self._fleet.in_effect()], groups)
        served = self._fleet.served()
        with self._cloud.lock:
            self._cloud.metrics.take(served)
            self._cloud.metrics.observe(balancers, groups)

    def _repeat(self, work: Callable[[], None], interval: float) -> None:
        """Do ``work`` again and again. An error in one pass is logged, and the next pass tries again."""
        while not self._ending.wait(interval):
            try:
                work()
            except Exception:
                log.exception("a pass failed")


def main(arguments: Sequence[str] | None = None) -> None:
    """Be the lab."""
    parser = argparse.ArgumentParser(prog="python -m lab.daemon", description="The lab's process; `lab up` starts it.")
    parser.add_argument("name")
    parser.add_argument("lock", type=int, help="the open file descriptor that holds the lab's lock")
    parser.add_argument("--propagation-delay", type=float, required=True)
    parser.add_argument("--metrics-period", type=float, required=True)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    os.set_inheritable(options.lock, False)
    state = State(options.name)
    itself = Process.of(os.getpid())
    assert itself is not None
    state.record_process(itself)
    daemon = Daemon(state, propagation_delay=options.propagation_delay, metrics_period=options.metrics_period)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: daemon.end())
    daemon.run()
    state.remove()


if __name__ == "__main__":
    main()
