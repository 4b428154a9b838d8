"""Does the picture of `fleet top` fit its terminal whatever the fleet is, and does every key do what the help says?"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from fleet.cli.top_frame import frame
from fleet.cli.top_keys import DOWN, UP, Watch, press
from fleet.diagnostics.glance import Glance, Lane, OpenIncident, PoolGlance
from fleet.registry.roster import WorkerRecord

names = st.text("abcdefghij_", min_size=1, max_size=40)
seconds = st.floats(0, 1e6)
pools = st.builds(
    PoolGlance,
    name=names,
    agent_type=names,
    target=st.none() | st.integers(0, 999),
    ready=st.integers(0, 999),
    slots=st.integers(0, 999),
    busy=st.integers(0, 999),
    held=st.integers(0, 10**5),
    success_rate=st.floats(0, 1),
    service_seconds=seconds,
    paused=st.sampled_from(["", "upgrade"]),
    is_ejected=st.booleans(),
    reason=names,
    target_age_seconds=seconds,
)
lanes = st.builds(Lane, names, st.integers(0, 10**7), seconds, st.sampled_from(["", "upgrade"]))
incidents = st.builds(
    OpenIncident, names, st.sampled_from(["critical", "warning", "info"]), st.just("firing"), seconds, names
)


def worker(name: str, pool: str, status: str = "idle") -> WorkerRecord:
    return WorkerRecord(
        worker_id=name, pool=pool, agent_type=pool, status=status, slots=1, running=0, load=0.0, memory_bytes=0,
        version="0", contracts="", hostname="here", pid=1, registered_at=0.0, silent_seconds=0.0, claimed_at=0.0,
    )  # fmt: skip


def glance(rows: list[PoolGlance], held: list[Lane] | None = None, open_: list[OpenIncident] | None = None) -> Glance:
    return Glance(
        cell="here",
        at=1e9,
        emergency={},
        pools=tuple(rows),
        lanes=tuple(held or ()),
        workers=tuple(worker(f"{row.name}.1", row.name) for row in rows),
        spent_last_hour_usd="1.25",
        budgets=(),
        incidents=tuple(open_ or ()),
        decisions=(),
        dead=(),
    )


POOL = PoolGlance("fast", "fast", 2, 1, 2, 1, 0, 1.0, 2.0, "", False, "two are needed", 1.0)
TWO = glance([POOL, replace(POOL, name="steady")])


EMERGENCY = {"since": "1e9", "until": "1000000600", "share": "0.25", "action": "0a1b2c3d4e5f", "why": "too many failures " * 20}
emergencies = st.sampled_from([{}, EMERGENCY, EMERGENCY | {"why": ""}])


@given(st.lists(pools, max_size=40), st.lists(lanes, max_size=40), st.lists(incidents, max_size=40), st.integers(0, 50), emergencies)
def test_the_picture_fits_and_nothing_is_dropped_silently(
    rows: list[PoolGlance], held: list[Lane], open_: list[OpenIncident], chosen: int, emergency: dict[str, str]
) -> None:
    console = Console(width=80, height=24, record=True, file=None, quiet=True)
    chosen = min(chosen, max(0, len(rows) - 1))
    lines = console.render_lines(frame(replace(glance(rows, held, open_), emergency=emergency), Watch(chosen), 24, 80), pad=False)
    assert len(lines) <= 24
    text = ["".join(part.text for part in line).rstrip() for line in lines]
    assert all(len(line) <= 80 for line in text)
    if rows:
        assert any(line.startswith(rows[chosen].name[:8]) for line in text), "the chosen pool is always in sight"
    hidden = sum(int(line.split()[1]) for line in text if line.startswith("and ") and line.endswith(" more"))
    shown = sum(line.endswith(("open", "paused", "ejected")) for line in text)
    assert hidden <= len(rows) + len(held) + len(open_)
    assert shown + hidden >= len(rows), text


def test_an_emergency_says_what_is_throttled_until_when_and_how_it_is_ended() -> None:
    console = Console(width=80, height=24, record=True, file=None, quiet=True)
    lines = console.render_lines(frame(replace(TWO, emergency=EMERGENCY), Watch(), 24, 80), pad=False)
    text = " ".join("".join(part.text for part in line).strip() for line in lines)
    for said in ("EMERGENCY: 25% of ordinary", "(priority 0 to 7)", "2001-09-09 01:56:40 UTC", "`fleet actions undo 0a1b2c3d4e5f`", "too many"):
        assert said in text, text


def test_keys_choose_ask_and_wish() -> None:
    down = press(Watch(), DOWN, TWO)
    assert down.chosen == 1
    assert press(down, "j", TWO).chosen == 0
    assert press(Watch(), UP, TWO).chosen == 1
    asked = press(down, "p", TWO)
    assert asked.wish is None
    assert "steady" in asked.asks
    assert press(asked, "y", TWO).wish == ("pause", "steady")
    assert press(asked, "n", TWO).wish is None
    assert press(Watch(), "r", TWO).wish == ("resume", "fast")
    assert press(Watch(), "e", TWO).explains == "fast"
    assert press(press(Watch(), "d", TWO), "1", TWO).wish == ("drain", "fast.1")
    assert press(press(Watch(), "d", TWO), "2", TWO).wish is None
    assert press(Watch(), "q", TWO).is_over


def test_only_workers_that_take_tasks_can_be_drained() -> None:
    drained = replace(TWO, workers=(worker("fast.1", "fast", "maintenance"),))
    answer = press(Watch(), "d", drained)
    assert not answer.offers
    assert "nothing to drain" in answer.said


@given(st.text(max_size=3), st.booleans())
def test_no_key_acts_without_being_asked_for(key: str, empty: bool) -> None:
    after = press(Watch(), key, glance([]) if empty else TWO)
    assert after.wish in (None, ("resume", "fast"))
    assert (after.wish is not None) == (key == "r" and not empty)
