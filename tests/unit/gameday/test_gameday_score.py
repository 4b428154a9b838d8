"""Does the score see what is lost, doubled and run again?"""

from __future__ import annotations

from workers.gameday.score import Score, parse, score

LOG = ["100.0 start a 1 7", "100.2 start b 1 8", "100.9 end b 1 8", "105.0 start a 2 9", "105.5 end a 2 9", "torn"]


def judged(**changes: object) -> Score:
    given = {
        "name": "n", "hypothesis": "h", "states": {"a": "done", "b": "done"}, "believed": {"a": 1, "b": 1}, "notes": parse(LOG),
        "fault_at": 101.0, "finished_at": 106.0, "recover_within": 10.0,
    } | changes  # fmt: skip
    return score(**given)  # type: ignore[arg-type]


def test_an_interrupted_task_that_ran_again_in_time_is_no_fault() -> None:
    seen = judged()
    assert (seen.holds, seen.in_flight, seen.ran_again, seen.recovered_seconds, seen.lost) == (True, 1, 1, 4.0, 0)


def test_lost_doubled_late_and_unwanted_repetitions_break_the_hypothesis() -> None:
    assert not judged(states={"a": "done", "b": "held"}).holds
    assert not judged(believed={"a": 2, "b": 1}).holds
    assert not judged(recover_within=3.0).holds
    assert not judged(may_run_again=False).holds
