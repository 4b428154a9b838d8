"""Does the idlest pod leave first, with no needless write?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet.scaling.deletion_cost import DRAINING, PodCost, PodWork, changes, removal_order


def test_only_changes_of_pods_that_exist_are_written() -> None:
    workers = [PodWork("a", 2), PodWork("b", 0), PodWork("c", 3), PodWork("gone", 1)]
    assert changes(workers, {"a": 2, "b": None, "c": 1}) == [PodCost("c", 3)]


def test_a_drained_pod_goes_before_an_idle_one() -> None:
    workers = [PodWork("idle", 0), PodWork("drained", 0, draining=True), PodWork("draining", 2, draining=True)]
    costs = {c.pod: c.cost for c in changes(workers, dict.fromkeys(["idle", "drained", "draining"], 9))}
    assert costs == {"idle": 0, "drained": DRAINING, "draining": 2}
    assert removal_order(costs) == ["drained", "idle", "draining"]


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.integers(0, 20), max_size=20))
def test_writing_the_changes_settles(running: dict[str, int]) -> None:
    workers = [PodWork(pod, tasks) for pod, tasks in running.items()]
    annotated: dict[str, int | None] = dict.fromkeys(running)
    annotated |= {change.pod: change.cost for change in changes(workers, annotated)}
    assert changes(workers, annotated) == []
    order = removal_order({pod: cost or 0 for pod, cost in annotated.items()})
    assert [running[pod] for pod in order] == sorted(running.values())
