"""Does every planted fault have its finding, and a healthy fleet none?"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from fleet import catalogue
from fleet.costs.budget_store import Fill
from fleet.costs.budgets import Budget, Level, Window
from fleet.diagnostics.checks import READS, SECTIONS, blind, judge
from fleet.diagnostics.facts import BrokerFacts, ClusterFacts, Facts, HostFacts, WorkFacts
from fleet.diagnostics.finding import combine
from fleet.dispatcher.pools import PoolStatus
from fleet.dispatcher.stranded import Stranded
from fleet.registry.roster import WorkerRecord
from fleet.secrets.age import Age
from fleet.settings import AgentSettings, BrokerSettings, LeaseSettings, LlmSettings, Settings


def worker(**changes: Any) -> WorkerRecord:
    now = time.time()
    sound = WorkerRecord("w#1", "code_generator", "code_generator", "idle", 2, 0, 0.0, 1, "1", "", "h", 1, now - 9000, now, 0.1)
    return replace(sound, **changes)


def pool(name: str = "code_generator", **changes: Any) -> PoolStatus:
    return replace(PoolStatus(name, name, f"fleet.{name}", 2, 0, 1.0, 1.0, 1.0, "", 0.0, 0, 0), **changes)


HEALTHY = Facts(
    settings=Settings(broker=BrokerSettings(url=SecretStr("redis://:long-random-text@127.0.0.1:6379/0"))),
    catalogue=catalogue.load(),
    broker=BrokerFacts(0.001, 0.0, {"used_memory": 1, "maxmemory": 0, "aof_last_write_status": "ok"}, "noeviction", True, True),
    workers=(worker(),),
    pools=tuple(pool(name) for name in catalogue.load().pools),
    stranded=(),
    dead_letters=0,
    work=WorkFacts(100, 1, 2.0, 600.0),
    job_ages={"health": 10.0, "scaling": 5.0, "alerts": 20.0},
    target_ages={"code_generator": 5.0},
    fills=(),
    secret_ages=(),
    host=HostFacts(0.2, 0.3, 0.4),
)


def setting(**groups: Any) -> Settings:
    return HEALTHY.settings.model_copy(update=groups)


def budget(name: str, *windows: Window, parent: str | None = None) -> Budget:
    return Budget(name, Level.TEAM, dict.fromkeys(windows, 100), parent)


def fill(spent: int) -> Fill:
    return Fill("org", Window.MONTH, "2026-11", 100, spent, 0, 0, 0, 0)


BROKER = HEALTHY.broker
assert BROKER is not None
STRANDED = Stranded("job#2", "job", "2", "contract", 4, 120.0, ("code_generator",))
PODS = ({"name": "p", "phase": "Running", "ready": False, "restarts": 0, "waiting": "CrashLoopBackOff"},)
FAULTS: dict[str, tuple[Facts, str]] = {
    "connectivity.store": (replace(HEALTHY, broker=None), "critical"),
    "connectivity.clock": (replace(HEALTHY, broker=replace(BROKER, clock_skew_seconds=30.0)), "warning"),
    "connectivity.pool": (replace(HEALTHY, pools=(pool(slots=0, held=3),)), "critical"),
    "connectivity.beat": (replace(HEALTHY, job_ages={"health": 500.0, "scaling": 5.0, "alerts": 20.0}), "unhealthy"),
    "connectivity.single_beat": (replace(HEALTHY, workers=(worker(), worker(worker_id="x", hostname="i")), beats=("h:1",)), "info"),
    "performance.duration": (replace(HEALTHY, work=WorkFacts(100, 0, 12.0, 600.0)), "warning"),
    "performance.errors": (replace(HEALTHY, work=WorkFacts(100, 9, 1.0, 600.0)), "unhealthy"),
    "performance.paused": (replace(HEALTHY, pools=(pool(paused="upgrade"),)), "warning"),
    "performance.silent": (replace(HEALTHY, workers=(worker(silent_seconds=40.0),)), "warning"),
    "performance.ghost": (
        replace(HEALTHY, workers=(worker(claimed_at=time.time() - 900),), pools=(pool(queued=4),)), "critical",
    ),
    "performance.contract": (replace(HEALTHY, stranded=(STRANDED,)), "unhealthy"),
    "performance.unserved": (replace(HEALTHY, stranded=(replace(STRANDED, why="pool", pools=()),)), "critical"),
    "performance.dead_letters": (replace(HEALTHY, dead_letters=3), "warning"),
    "resources.disk": (replace(HEALTHY, host=HostFacts(0.1, 0.1, 0.97)), "critical"),
    "resources.store_memory": (replace(HEALTHY, broker=replace(BROKER, info={"used_memory": 90, "maxmemory": 100})), "warning"),
    "resources.pod": (replace(HEALTHY, cluster=ClusterFacts("ns", PODS, ("deny",), ())), "critical"),
    "security.store_password": (replace(HEALTHY, broker=replace(BROKER, has_password=False)), "warning"),
    "security.flower": (replace(HEALTHY, environment={"FLOWER_BASIC_AUTH": "admin:admin"}), "critical"),
    "security.secret_age": (replace(HEALTHY, secret_ages=(Age("llm", 1, timedelta(days=200), "critical", "200 days old"),)), "critical"),
    "security.targets": (replace(HEALTHY, settings=setting(agents=AgentSettings(allowed_targets=("0.0.0.0/0",)))), "critical"),
    "security.network_policies": (replace(HEALTHY, cluster=ClusterFacts("ns", (), (), ())), "critical"),
    "costs.budget": (replace(HEALTHY, fills=(fill(85),)), "warning"),
    "costs.no_budget": (replace(HEALTHY, settings=setting(llm=LlmSettings(provider="openai"))), "warning"),
    "costs.no_limit": (replace(HEALTHY, budgets=(budget("org", Window.TASK), budget("team", Window.DAY, parent="org"))), "warning"),
    "configuration.prefetch": (replace(HEALTHY, workers=(worker(hoards=2),)), "warning"),
    "configuration.eviction": (replace(HEALTHY, broker=replace(BROKER, policy="allkeys-lru")), "critical"),
    "configuration.append_only": (replace(HEALTHY, broker=replace(BROKER, append_only=False)), "unhealthy"),
    "configuration.visibility_timeout": (
        replace(HEALTHY, settings=setting(broker=BrokerSettings(url=HEALTHY.settings.broker.url, visibility_timeout_seconds=60))), "unhealthy",
    ),
    "configuration.lease": (replace(HEALTHY, settings=setting(leases=LeaseSettings(lease_seconds=3))), "unhealthy"),
    "configuration.versions": (replace(HEALTHY, workers=(worker(), worker(worker_id="x", version="2"))), "warning"),
    "configuration.stale_target": (replace(HEALTHY, target_ages={"code_generator": 999.0}), "unhealthy"),
    "configuration.second_owner": (replace(HEALTHY, cluster=ClusterFacts("ns", (), ("deny",), ("code: a, b",))), "critical"),
}  # fmt: skip


def test_a_healthy_fleet_has_no_finding() -> None:
    assert judge(HEALTHY) == []
    assert combine([], SECTIONS, {}).verdict == "healthy"


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_with_its_severity(name: str) -> None:
    facts, severity = FAULTS[name]
    found = judge(facts)
    assert [(f.check, f.severity) for f in found] == [(name, severity)]
    assert all(f.evidence and f.consequence and f.fix for f in found)


def test_no_beat_is_one_finding_for_all_jobs() -> None:
    found = judge(replace(HEALTHY, job_ages={}, beats=()))
    assert [(f.check, f.severity, f.subject) for f in found] == [("connectivity.beat", "unhealthy", "beat")]
    assert len(judge(replace(HEALTHY, job_ages={}, beats=("h:1",)))) == 3


@pytest.mark.parametrize(
    "sound",
    [
        {"beats": ("h:1",)},
        {"beats": ("h:1", "i:1"), "workers": (worker(), worker(worker_id="x", hostname="i"))},
        {"stranded": (replace(STRANDED, age_seconds=3.0),)},
        {"budgets": (budget("org", Window.MONTH), budget("each", Window.TASK, parent="org"))},
    ],
    ids=["one beat on the only host", "two beats", "a rolling upgrade", "a budget above bounds the sum"],
)
def test_what_is_sound_is_no_finding(sound: dict[str, Any]) -> None:
    assert judge(replace(HEALTHY, **sound)) == []


def test_what_could_not_be_seen_is_not_healthy() -> None:
    assert combine([], SECTIONS, {"broker": "no answer"}).verdict == "warning"


def test_a_section_nobody_could_look_into_is_unknown() -> None:
    laptop_without_store = Facts(HEALTHY.settings, HEALTHY.catalogue, host=HEALTHY.host)
    unknown = blind(laptop_without_store)
    assert unknown == ("connectivity", "performance", "security", "costs", "configuration")
    diagnosis = combine(judge(laptop_without_store), SECTIONS, {}, unknown)
    assert diagnosis.verdict == "critical"
    assert diagnosis.sections == {
        "connectivity": "critical", "performance": "unknown", "resources": "healthy",
        "security": "unknown", "costs": "unknown", "configuration": "unknown",
    }  # fmt: skip
    assert combine([], SECTIONS, {}, ("costs",)).verdict == "warning"
    assert blind(HEALTHY) == ()


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_names_every_fact_it_reads(section: str) -> None:
    """What a check reads beside settings, catalogue and environment is in READS, or its absence would pass as health."""
    source = Path(str(files("fleet.diagnostics.checks").joinpath(f"{section}.py"))).read_text()
    read = set(re.findall(r"facts\.([a-z_]+)", source)) - {"settings", "catalogue", "environment"}
    assert read - {"broker"} == set(READS[section]) - {"broker"}  # its clock corrects ages elsewhere


def test_the_worst_finding_is_the_verdict() -> None:
    found = judge(replace(HEALTHY, dead_letters=1, broker=replace(BROKER, policy="allkeys-lru")))
    diagnosis = combine(found, SECTIONS, {})
    assert (diagnosis.verdict, diagnosis.sections["performance"], diagnosis.sections["security"]) == ("critical", "warning", "healthy")
