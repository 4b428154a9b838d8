"""Is a broken version taken back, and a good one promoted, on real processes that the local supervisor starts and ends?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import forget_facts
from e2e.cell import TESTS
from eventually import eventually

from fleet.dispatcher import rollouts
from fleet.dispatcher.rollout import Rollout
from fleet.dispatcher.submit import TaskRequest, submit_many
from fleet.dispatcher.tasks import OVER, read
from fleet.store.client import forget
from fleet.supervisor.local_fleet import LocalFleet

FILE = Path(__file__).parent / "agents" / "versions.yaml"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFleet]:
    """`fleet up` without its doors: broker, beat, maintenance worker, one pool."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"FLEET_FILE": str(FILE), "PYTHONPATH": str(TESTS), "FLEET_BROKER__URL": "", "FLEET_STATE_DIR": ""}.items():
            patch.setenv(name, value)
        forget()
        forget_facts()
        local = LocalFleet(tmp_path_factory.mktemp("fleet"), extras=dict.fromkeys(("flower", "metrics", "gateway", "llm"), False))
        local.start()
        try:
            eventually(lambda: tended(local, local.is_ready), timeout=60)
            yield local
        finally:
            local.stop()
            forget()
    forget_facts()


def tended(fleet: LocalFleet, is_so: Callable[[], bool]) -> bool:
    fleet.tend()
    return is_so()


def rollout() -> Rollout:
    [row] = rollouts.every()
    return row


def has_workers(pool: str) -> bool:
    from fleet.registry import roster

    return any(worker.pool == pool and worker.status in ("idle", "busy") for worker in roster.workers())


def load(fleet: LocalFleet, until: Callable[[Rollout], bool]) -> Counter[tuple[str, str]]:
    """Submit and finish tasks until the rollout is where it should be; returns (state, pool) of all that was accepted."""
    ids: list[str] = []

    def step() -> bool:
        waiting = [one for one in ids[-40:] if (record := read(one)) is None or record.state not in OVER]
        if len(waiting) < 20:
            ids.extend(handle.submission.task_id for handle in submit_many(TaskRequest("greet", {}) for _ in range(20)) if not isinstance(handle, Exception))
        return until(rollout())

    eventually(lambda: tended(fleet, step), timeout=90)
    eventually(lambda: tended(fleet, lambda: all((r := read(one)) is not None and r.state in OVER for one in ids)), timeout=60)
    ended = [record for one in ids if (record := read(one)) is not None]
    return Counter((record.state, record.pool) for record in ended)


def test_a_broken_version_is_taken_back_and_everything_is_done(fleet: LocalFleet) -> None:
    rollouts.start("greeter", "broken", 50, [50, 100])
    eventually(lambda: tended(fleet, lambda: has_workers("greeter@broken")), timeout=60)
    ends = load(fleet, lambda row: row.state == "rolled_back")
    # Whichever judge speaks first: the success rate, or the ejection of a pool that failed many times in a row.
    assert any(said in rollout().reason for said in ("attempts succeeded: at most", "failed so often"))
    assert {state for state, _ in ends} == {"done"}
    assert ends["done", "greeter@broken"] > 0
    eventually(lambda: tended(fleet, lambda: not has_workers("greeter@broken")), timeout=60)


def test_a_good_version_is_promoted_step_by_step(fleet: LocalFleet) -> None:
    shares = [rollouts.start("greeter", "good", 50, [50, 100], step_seconds=1).share]
    eventually(lambda: tended(fleet, lambda: has_workers("greeter@good")), timeout=60)

    def promoted(row: Rollout) -> bool:
        rollouts.judge_all()  # as the beat job does, only oftener
        shares.append(row.share)
        return row.state == "promoted"

    ends = load(fleet, promoted)
    assert sorted(set(shares)) == [50.0, 100.0]
    assert shares == sorted(shares)
    assert {state for state, _ in ends} == {"done"}
    assert ends["done", "greeter@good"] > 0
    eventually(lambda: tended(fleet, lambda: not has_workers("greeter")), timeout=60)
    rollouts.abort("greeter")
    eventually(lambda: tended(fleet, lambda: has_workers("greeter") and not has_workers("greeter@good")), timeout=60)
