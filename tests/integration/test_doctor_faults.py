"""Faults planted in a real cell: is each found with its severity, does the remedy it names work, and is nothing else said?"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import yaml
from click.testing import CliRunner
from conftest import forget_facts
from rig import Rig

from fleet.alerts.sources.jobs import note
from fleet.app import app
from fleet.cli.main import cli
from fleet.diagnostics import doctor
from fleet.diagnostics.finding import Diagnosis
from fleet.dispatcher import declare, pausing
from fleet.lifecycle import hoarding
from fleet.lifecycle.scheduler import FleetScheduler
from fleet.registry import roster
from fleet.settings import catalogue_file

SOUND = {"grace_seconds": 900.0}
UNSEEN_HERE = ("resources.memory", "resources.disk", "connectivity.latency", "security.store_password")
"""What this machine itself may show, whatever the fleet does."""
Step = Callable[[Rig, pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Fault:
    check: str
    severity: str
    plant: Step
    mend: Step | None = None
    """None: `fleet doctor --fix` mends it."""


def sets(name: str, value: str) -> Step:
    def step(_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(name, value)
        forget_facts()

    return step


def declares(section: str = "pools", name: str = "a", **row: object) -> Step:
    """Write other values into a row of the catalogue."""

    def step(_rig: Rig, _monkeypatch: pytest.MonkeyPatch) -> None:
        file = catalogue_file()
        assert file is not None
        document = yaml.safe_load(file.read_text())
        document[section][name] |= row
        file.write_text(yaml.safe_dump(document))
        forget_facts()
        declare.publish()

    return step


def types(*words: str) -> Step:
    """Type what the finding says."""

    def step(_rig: Rig, _monkeypatch: pytest.MonkeyPatch) -> None:
        ran = CliRunner().invoke(cli, words, catch_exceptions=False, input="y\n")
        assert ran.exit_code == 0, ran.output

    return step


def configures(name: str, value: str) -> Step:
    return lambda rig, _: rig.store.config_set(name, value) and None


def dies(rig: Rig, _monkeypatch: pytest.MonkeyPatch) -> None:
    handle = rig.submit(delay_seconds=3000, deadline_seconds=3600)
    rig.store.zadd(rig.key("deadlines"), {handle.id: 1})
    rig.tick()


def falls_silent(rig: Rig, _monkeypatch: pytest.MonkeyPatch) -> None:
    rig.worker("x", "a")
    rig.silence("x", 40.0)


def haunts(rig: Rig, _monkeypatch: pytest.MonkeyPatch) -> None:
    """A message waits in the queue, and the worker that beats has claimed nothing for long."""
    rig.worker("y", "a", 4)
    rig.submit()
    rig.store.hset(rig.key("worker:w"), mapping={"claimed": time.time() - 900})


def hoards(rig: Rig, _monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker joins that may hold three messages for each of its two slots beyond what it runs."""
    held = hoarding.hoarded(2, 4, is_late=True, is_gated=False)
    roster.register("z", "a", 2, {"agent_type": "tester", "hostname": "here", "version": "0", "hoards": held})


def has_no_beat(rig: Rig, _monkeypatch: pytest.MonkeyPatch) -> None:
    """The fleet is up for long, and nothing periodic has ever run."""
    rig.store.hset(rig.key("worker:w"), mapping={"registered": time.time() - 900})


def beats(rig: Rig, _monkeypatch: pytest.MonkeyPatch) -> None:
    """A beat looks at the schedule, and what it sends succeeds."""
    FleetScheduler(app).tick()
    for job in ("health", "scaling", "alerts"):
        note(rig.store, "main", job, ok=True)


def has_one_beat(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    FleetScheduler(app).tick()
    roster.register("z", "a", 1, {"agent_type": "tester", "hostname": "there", "version": "0"})


def gets_another_beat(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "there")
    FleetScheduler(app).tick()


def makes_what_nobody_understands(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A producer is a build ahead; what it submits has waited long."""
    declares("task_types", "job", contract=2, understands=[1])(rig, monkeypatch)
    waits_long(rig)


def waits_long(rig: Rig) -> None:
    rig.store.hset(rig.key(f"task:{rig.submit().id}"), "held", time.time() - 300)


def understands(rig: Rig, _monkeypatch: pytest.MonkeyPatch) -> None:
    roster.leave("w")
    rig.worker("v", "a", 4, "job#1 job#2")


def loses_who_runs_it(rig: Rig, _monkeypatch: pytest.MonkeyPatch) -> None:
    """The only pool that runs the type was taken out of the catalogue while its task waits."""
    roster.leave("w")
    waits_long(rig)
    rig.store.delete(rig.key("factors:job"))
    rig.worker("w", "a", 4)


FAULTS = (
    Fault("configuration.eviction", "critical", configures("maxmemory-policy", "allkeys-lru")),
    Fault("configuration.append_only", "unhealthy", configures("appendonly", "no")),
    Fault("performance.ghost", "critical", haunts),
    Fault("performance.paused", "warning", lambda rig, _: pausing.pause("a", "by a test"), types("pools", "resume", "a")),
    Fault("performance.dead_letters", "warning", dies, types("tasks", "dead", "discard", "--all", "--yes")),
    Fault("performance.contract", "unhealthy", makes_what_nobody_understands, understands),
    Fault("performance.unserved", "critical", loses_who_runs_it, lambda rig, _: declare.publish() and rig.tick() and None),
    Fault("performance.silent", "warning", falls_silent, lambda rig, _: roster.leave("x")),
    Fault("configuration.visibility_timeout", "unhealthy", sets("FLEET_BROKER__VISIBILITY_TIMEOUT_SECONDS", "60"),
          sets("FLEET_BROKER__VISIBILITY_TIMEOUT_SECONDS", "3600")),
    Fault("configuration.lease", "unhealthy", sets("FLEET_LEASES__LEASE_SECONDS", "3"), sets("FLEET_LEASES__LEASE_SECONDS", "6")),
    Fault("configuration.grace", "warning", declares(grace_seconds=5.0), declares(grace_seconds=900.0)),
    Fault("configuration.no_replicas", "unhealthy", declares(min_replicas=0, max_replicas=0), declares(min_replicas=1, max_replicas=2)),
    Fault("security.targets", "critical", sets("FLEET_AGENTS__ALLOWED_TARGETS", "0.0.0.0/0"), sets("FLEET_AGENTS__ALLOWED_TARGETS", "")),
    Fault("security.roots", "critical", sets("FLEET_AGENTS__ALLOWED_ROOTS", "/etc"), sets("FLEET_AGENTS__ALLOWED_ROOTS", "")),
    Fault("security.flower", "critical", sets("FLOWER_BASIC_AUTH", "admin:admin"), sets("FLOWER_BASIC_AUTH", "ops:9f2c71d04b")),
    Fault("configuration.prefetch", "warning", hoards, lambda rig, _: roster.leave("z")),
    Fault("connectivity.beat", "unhealthy", has_no_beat, beats),
    Fault("connectivity.single_beat", "info", has_one_beat, gets_another_beat),
    Fault("costs.no_limit", "warning", types("budget", "set", "each", "--task", "1"), types("budget", "set", "each", "--month", "500")),
    Fault("costs.no_budget", "warning", sets("FLEET_LLM__PROVIDER", "openai"), types("budget", "set", "organisation", "--month", "500")),
)  # fmt: skip


def findings(diagnosis: Diagnosis) -> set[tuple[str, str]]:
    return {(one.check, one.severity) for one in diagnosis.findings if one.check not in UNSEEN_HERE}


@pytest.fixture
def rig(declared: Callable[..., Rig]) -> Rig:
    rig = declared(pools={"a": SOUND}, task_types={"job": {"max_attempts": 1}})
    rig.worker("w", "a", 4)
    return rig


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.check)
def test_a_planted_fault_is_found_and_its_remedy_works(fault: Fault, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert findings(doctor.diagnose()) == set(), "a healthy fleet has no finding"
    fault.plant(rig, monkeypatch)
    seen = doctor.diagnose()
    assert findings(seen) == {(fault.check, fault.severity)}
    one = next(found for found in seen.findings if found.check == fault.check)
    assert (one.evidence and one.consequence and one.fix) != ""
    if fault.mend is None:
        after, done = doctor.mend(seen)
        assert done
    else:
        fault.mend(rig, monkeypatch)
        after = doctor.diagnose()
    assert findings(after) == set()
