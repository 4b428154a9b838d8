"""How does the doctor look, with half the fleet down?

Every probe runs at the same time with its own limit; one that cannot look is reported, and the others go on.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from typing import Any
from urllib.parse import urlsplit

from fleet import catalogue
from fleet.diagnostics.facts import BrokerFacts, ClusterFacts, Facts, HostFacts, WorkFacts
from fleet.errors import FleetError
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import Refused, available, connect, store_url

PROBE_SECONDS, PINGS = 8.0, 5
FAILED_STATES = ("failed", "dead")
RECENT_SECONDS, MOST_RECENT = 3600.0, 2000


def gather() -> tuple[Facts, dict[str, str]]:
    """Return the facts, and probe -> why it could not look."""
    probes: Mapping[str, Callable[[], Any]] = {
        "broker": _broker,
        "workers": _workers,
        "pools": _pools,
        "stranded": _stranded,
        "dead_letters": _dead_letters,
        "work": _work,
        "job_ages": _job_ages,
        "beats": _beats,
        "target_ages": _target_ages,
        "budgets": _budgets,
        "fills": _fills,
        "secret_ages": _secret_ages,
        "host": _host,
        "cluster": _cluster,
    }
    seen: dict[str, Any] = {}
    unseen: dict[str, str] = {}
    end = time.monotonic() + PROBE_SECONDS
    looking = {name: _look(name, probe) for name, probe in probes.items()}
    for name, future in looking.items():
        try:
            seen[name] = future.result(timeout=max(0.05, end - time.monotonic()))
        except Late:
            unseen[name] = f"no answer within {PROBE_SECONDS:g} s"
        except (FleetError, OSError, ValueError, KeyError) as error:
            unseen[name] = f"{type(error).__name__}: {error}"
    cluster = seen.get("cluster")
    for part in cluster.hidden if cluster else ():
        unseen[f"cluster: {part.partition(': ')[0]}"] = part.partition(": ")[2]
    environment = {name: value for name, value in os.environ.items() if name.startswith("FLOWER_")}
    return Facts(current(), catalogue.current(), environment=environment, **seen), unseen


def _look(name: str, probe: Callable[[], Any]) -> Future[Any]:
    """Look in a thread that nobody waits for at the program's end, unlike an executor's: who hangs holds nobody back."""
    future: Future[Any] = Future()

    def look() -> None:
        try:
            future.set_result(probe())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=look, name=f"doctor-{name}", daemon=True).start()
    return future


def _broker() -> BrokerFacts:
    client: Any = connect()
    with available():
        ping = min(_timed(client.ping) for _ in range(PINGS))
        before = time.time()
        seconds, micros = client.time()
        skew = seconds + micros / 1e6 - (before + time.time()) / 2
        info = client.info()
        configured = _configuration(client)
    split = urlsplit(store_url())
    append_only = None if "appendonly" not in configured else configured["appendonly"] == "yes"
    return BrokerFacts(ping, skew, info, configured.get("maxmemory-policy"), append_only, bool(split.password))


def _timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _configuration(client: Any) -> dict[str, str]:
    try:
        return dict(client.config_get("maxmemory-policy", "appendonly"))
    except Refused:
        return {}  # least privilege does not include CONFIG


def _workers() -> Any:
    from fleet.registry import roster

    return tuple(roster.workers())


def _pools() -> Any:
    from fleet.dispatcher import pools

    return tuple(pools.status())


def _stranded() -> Any:
    from fleet.dispatcher import stranded

    client: Any = connect()
    with available():
        seconds, micros = client.time()
    return tuple(stranded.read(client, current().cell, seconds + micros / 1e6))


def _dead_letters() -> int:
    with available():
        return int(connect().zcard(f"{keys.prefix(current().cell)}dead"))


def _work() -> WorkFacts:
    from fleet.dispatcher import tasks

    ended = tasks.search(since=time.time() - RECENT_SECONDS, limit=MOST_RECENT)
    runs = [task.ended_at - task.started_at for task in ended if task.started_at]
    failed = sum(task.state in FAILED_STATES for task in ended)
    longest = max((row.time_limit_seconds for row in catalogue.current().task_types.values()), default=0.0)
    return WorkFacts(len(ended), failed, sum(runs) / len(runs) if runs else 0.0, longest)


def _job_ages() -> dict[str, float]:
    client: Any = connect()
    with available():
        seconds, _ = client.time()
        jobs = client.hgetall(f"{keys.prefix(current().cell)}jobs")
    return {name.partition(":")[0]: seconds - float(at) for name, at in jobs.items() if name.endswith(":succeeded")}


def _beats() -> tuple[str, ...]:
    from fleet.registry import beats

    return beats.beats()


def _target_ages() -> dict[str, float]:
    from fleet.scaling.target_store import TargetStore

    store = TargetStore(connect(), current().cell)
    now = store.now()
    return {pool: now - row["computed_at"] for pool, row in store.all().items()}


def _budgets() -> Any:
    from fleet.costs import budget_store

    return tuple(budget for budget, _ in budget_store.declared(connect(), current().cell).values())


def _fills() -> Any:
    from fleet.costs import budget_store

    return tuple(budget_store.show(connect(), current().cell))


def _secret_ages() -> Any:
    from fleet.secrets import upkeep

    return None if current().secrets.backend == "environment" else upkeep.ages()


def _host() -> HostFacts:
    import psutil

    disk = psutil.disk_usage(str(current().state_dir if current().state_dir.exists() else "."))
    return HostFacts(psutil.cpu_percent(interval=0.3) / 100, psutil.virtual_memory().percent / 100, disk.percent / 100)


def _cluster() -> ClusterFacts | None:
    if "KUBERNETES_SERVICE_HOST" not in os.environ:
        return None
    from fleet.diagnostics.cluster import look

    return look()
