"""Does the audit chain notice every kind of tampering, at the right place?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fleet.secrets.audit_entry import NOTHING, Anchor, Entry, check, digest

text = st.text(max_size=12)
contents = st.lists(
    st.tuples(text, text, text, st.dictionaries(text, text, max_size=2)),
    min_size=1,
    max_size=8,
)


def chain(rows: Sequence[tuple[str, str, str, dict[str, str]]]) -> list[Entry]:
    entries: list[Entry] = []
    previous = NOTHING
    for seq, (actor, action, target, detail) in enumerate(rows, start=1):
        draft = Entry(seq, "2026-01-01T00:00:00+00:00", actor, action, target, "test", "ok", detail, "n", previous)
        entries.append(replace(draft, hash=digest(draft)))
        previous = entries[-1].hash
    return entries


@given(contents)
def test_an_untouched_chain_holds_and_survives_json(rows: list[tuple[str, str, str, dict[str, str]]]) -> None:
    entries = [Entry.from_json(entry.as_json()) for entry in chain(rows)]
    verdict = check(entries, until=Anchor(entries[-1].seq, entries[-1].hash))
    assert (verdict.ok, verdict.checked, verdict.broken_at) == (True, len(rows), None)


@given(contents, st.data())
def test_any_edit_breaks_the_chain_where_it_happened(
    rows: list[tuple[str, str, str, dict[str, str]]], data: st.DataObject
) -> None:
    entries = chain(rows)
    at = data.draw(st.integers(0, len(entries) - 1))
    field = data.draw(st.sampled_from(["actor", "action", "target", "source", "at", "nonce"]))
    entries[at] = replace(entries[at], **{field: getattr(entries[at], field) + "x"})
    verdict = check(entries)
    assert not verdict.ok
    assert verdict.broken_at == at + 1


@given(contents, st.data())
def test_an_edit_with_a_fitting_hash_breaks_the_next_link_or_the_anchor(
    rows: list[tuple[str, str, str, dict[str, str]]], data: st.DataObject
) -> None:
    entries = chain(rows)
    anchor = Anchor(entries[-1].seq, entries[-1].hash)
    at = data.draw(st.integers(0, len(entries) - 1))
    forged = replace(entries[at], outcome="denied")
    entries[at] = replace(forged, hash=digest(forged))
    verdict = check(entries, until=anchor)
    assert not verdict.ok
    assert verdict.broken_at == at + 2


@given(contents, st.data())
def test_a_removed_entry_is_missed(rows: list[tuple[str, str, str, dict[str, str]]], data: st.DataObject) -> None:
    entries = chain(rows)
    anchor = Anchor(entries[-1].seq, entries[-1].hash)
    at = data.draw(st.integers(0, len(entries) - 1))
    del entries[at]
    verdict = check(entries, until=anchor)
    assert not verdict.ok
    assert verdict.broken_at == at + 1


@given(contents, st.data())
def test_swapped_entries_are_noticed(rows: list[tuple[str, str, str, dict[str, str]]], data: st.DataObject) -> None:
    entries = chain([*rows, *rows])
    at = data.draw(st.integers(0, len(entries) - 2))
    entries[at], entries[at + 1] = entries[at + 1], entries[at]
    assert check(entries).broken_at == at + 1
