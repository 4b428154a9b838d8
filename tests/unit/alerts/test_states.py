"""Is every transition announced exactly once, whatever the signal does?"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fleet.alerts import incidents, states
from fleet.alerts.judge import judge
from fleet.alerts.rules import Inhibition, Rule, RuleBook
from fleet.alerts.silences import Silence, matchers
from fleet.alerts.states import Announcement, Incident

RULE = Rule.model_validate({"name": "a_rule", "expr": "fleet_dead_letters > 0", "for": "2m", "repeat": "1h"})
SERIES = (("task_type", "code"),)


def walk(
    rule: Rule, signal: list[bool], muted: set[int] = frozenset(), step: float = 60.0
) -> tuple[Incident | None, list[Announcement]]:  # type: ignore[assignment]
    incident: Incident | None = None
    told: list[Announcement] = []
    for number, holds in enumerate(signal):
        vector = {SERIES: 1.0} if holds else {}
        done = states.advance(rule, SERIES, incident, vector, number * step, muted=number in muted)
        incident = done.incident
        told += done.announcements
    return incident, told


def kinds(told: list[Announcement]) -> list[str]:
    return [one.kind for one in told]


def test_it_fires_after_for_and_within_one_look() -> None:
    incident, told = walk(RULE, [True] * 3)
    assert kinds(told) == ["firing"]
    assert incident is not None
    assert (incident.fired_at, incident.since) == (120.0, 0.0)


def test_a_condition_that_does_not_last_is_nobodys_business() -> None:
    incident, told = walk(RULE, [True, True, False])
    assert (incident, told) == (None, [])


def test_each_series_has_its_own_clock() -> None:
    """Two series that hold one after the other never hold for the whole time."""
    one, other = {(("task_type", "a"),): 1.0}, {(("task_type", "b"),): 1.0}
    rule = RULE.model_copy(update={"by": ()})
    incident: Incident | None = None
    for number, vector in enumerate([one, one, other, other]):
        incident = states.advance(rule, (), incident, vector, number * 60.0, muted=False).incident
    assert incident is not None
    assert incident.status == "pending"


def test_it_resolves_once_and_repeats_only_after_the_interval() -> None:
    _, told = walk(RULE, [True] * 130 + [False] * 3)
    assert kinds(told) == ["firing", "repeated", "repeated", "resolved"]
    assert len({one.id for one in told}) == 4


def test_acknowledged_incidents_do_not_repeat_and_still_resolve() -> None:
    incident, _ = walk(RULE, [True] * 3)
    assert incident is not None
    taken = states.acknowledge(incident, "ada", 200.0)
    assert kinds(list(taken.announcements)) == ["acknowledged"]
    again = states.acknowledge(taken.incident or incident, "bob", 210.0)
    assert (again.incident, again.announcements) == (taken.incident, ())
    later = states.advance(RULE, SERIES, taken.incident, {SERIES: 1.0}, 100_000.0, muted=False)
    assert later.announcements == ()
    over = states.advance(RULE, SERIES, later.incident, {}, 100_060.0, muted=False)
    assert kinds(list(over.announcements)) == ["resolved"]


def test_a_silence_delays_the_news_and_does_not_swallow_it() -> None:
    _, told = walk(RULE, [True] * 8, muted={2, 3, 4})
    assert kinds(told) == ["firing"]
    _, quiet = walk(RULE, [True] * 6 + [False] * 2, muted=set(range(8)))
    assert quiet == []


def test_a_flapping_signal_is_held_after_the_third_time() -> None:
    rule = RULE.model_copy(update={"lasting": 0.0})
    incident, told = walk(rule, [True, False] * 20)
    assert kinds(told) == ["firing", "resolved"] * 2 + ["firing"]
    assert incident is not None
    assert incident.is_flapping
    _, calm = walk(rule, [True, False] * 5 + [False] * 15)
    assert kinds(calm) == ["firing", "resolved"] * 3


def test_time_does_not_go_back() -> None:
    incident, _ = walk(RULE, [True] * 3)
    assert incident is not None
    late = states.advance(RULE, SERIES, incident, {}, incident.seen_at - 1, muted=False)
    assert late.incident == incident


@given(st.lists(st.booleans(), max_size=60), st.sampled_from([0.0, 60.0, 180.0]), st.sets(st.integers(0, 59)))
def test_news_alternate_and_have_their_own_ids(signal: list[bool], lasting: float, muted: set[int]) -> None:
    rule = RULE.model_copy(update={"lasting": lasting})
    incident, told = walk(rule, signal, muted)
    edges = [one.kind for one in told if one.kind in ("firing", "resolved")]
    assert edges == ["firing", "resolved"] * (len(edges) // 2) + ["firing"] * (len(edges) % 2)
    assert len({one.id for one in told}) == len(told)
    if incident is not None and incident.announced and incident.is_open:
        assert edges[-1] == "firing"
    if incident is not None:
        assert incidents.decode(incidents.encode(incident)) == incident


def book(*rules: Rule, inhibitions: tuple[Inhibition, ...] = ()) -> RuleBook:
    return RuleBook(rules={rule.name: rule for rule in rules}, inhibitions=inhibitions)


def test_an_inhibiting_incident_mutes_in_the_same_look() -> None:
    worse = RULE.model_copy(update={"name": "worse", "lasting": 0.0})
    mild = RULE.model_copy(update={"name": "mild", "lasting": 0.0})
    rules = book(worse, mild, inhibitions=(Inhibition(source="worse", mutes=("mild",), equal=("task_type",)),))
    other = (("task_type", "other"),)
    verdict = judge(rules, {"worse": {SERIES: 1.0}, "mild": {SERIES: 1.0, other: 1.0}}, {}, (), 0.0)
    assert [one.incident.key for one in verdict.announcements] == ["worse{task_type=code}", "mild{task_type=other}"]
    assert verdict.muted == {"mild{task_type=code}": "worse{task_type=code}"}


def test_what_cannot_be_seen_stays_as_it_is() -> None:
    incident, _ = walk(RULE, [True] * 3)
    assert incident is not None
    verdict = judge(book(RULE), {"a_rule": None}, {incident.key: incident}, (), 10_000.0)
    assert (verdict.changed, verdict.announcements) == ({}, ())


def test_a_rule_that_left_the_file_resolves_its_incidents() -> None:
    incident, _ = walk(RULE, [True] * 3)
    assert incident is not None
    verdict = judge(book(), {}, {incident.key: incident}, (), 200.0)
    assert kinds(list(verdict.announcements)) == ["resolved"]


def test_silences_match_labels_and_rule_until_they_end() -> None:
    incident, _ = walk(RULE, [True] * 3)
    assert incident is not None
    silence = Silence("s1", matchers(["a_rule", "task_type=code"]), 500.0, "ada", "known", 0.0)
    assert silence.covers(incident, 499.0)
    assert not silence.covers(incident, 500.0)
    assert not replace(silence, matchers=matchers(["task_type=other"])).covers(incident, 1.0)
