"""Is every weakness told once, and nothing lost on the way?"""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from workers.security_scanner.findings import (
    HARD_CODED_CREDENTIAL,
    Finding,
    Severity,
    Source,
    by_severity,
    digest,
    merge,
    stamp,
)

sources = st.builds(Source, st.sampled_from(["bandit", "gitleaks"]), st.sampled_from(["r1", "r2"]))
findings = st.builds(
    Finding,
    file=st.sampled_from(["a.py", "b.py"]),
    line=st.integers(1, 3),
    kind=st.sampled_from([HARD_CODED_CREDENTIAL, "eval"]),
    severity=st.sampled_from(Severity),
    message=st.text(max_size=5),
    sources=st.tuples(sources),
    cwe=st.sampled_from([None, 78, 798]),
    digests=st.sets(st.sampled_from(["d1", "d2"])).map(sorted).map(tuple),
)
many = st.lists(findings, max_size=20)


def place(finding: Finding) -> tuple[str, int, str]:
    return finding.file, finding.line, finding.kind


@given(many)
def test_one_per_place_and_kind_and_nothing_lost(raw: list[Finding]) -> None:
    merged = merge(raw)
    assert sorted(map(place, merged)) == sorted({place(finding) for finding in raw})
    for one in merged:
        group = [finding for finding in raw if place(finding) == place(one)]
        assert one.severity.rank == max(finding.severity.rank for finding in group)
        assert set(one.sources) == {source for finding in group for source in finding.sources}
        assert set(one.digests) == {digest for finding in group for digest in finding.digests}


@given(many, st.randoms(use_true_random=False))
def test_the_order_engines_answer_in_does_not_matter(raw: list[Finding], chance: random.Random) -> None:
    shuffled = list(raw)
    chance.shuffle(shuffled)
    assert merge(shuffled) == merge(raw)
    assert merge(merge(raw)) == merge(raw)


@given(many)
def test_worst_first_and_counts_add_up(raw: list[Finding]) -> None:
    merged = merge(raw)
    ranks = [finding.severity.rank for finding in merged]
    assert ranks == sorted(ranks, reverse=True)
    assert sum(by_severity(merged).values()) == len(merged)
    assert list(by_severity([])) == ["high", "medium", "low"]


def lines(text: str) -> list[str]:
    return text.splitlines()


def fingerprints(text: str, at: list[int], kind: str = "eval") -> set[str]:
    rows = lines(text)
    raw = [Finding("a.py", line, kind, Severity.LOW, "", (Source("bandit", "r"),)) for line in at]
    return {finding.fingerprint for finding in stamp(raw, lambda _, number: rows[number - 1])}


def test_a_fingerprint_survives_edits_elsewhere_and_reformatting() -> None:
    before = fingerprints("x = 1\neval(a)\ny = 2\neval(b)\n", [2, 4])
    after = fingerprints("import os\n\nx = 1\nif y:\n    eval( a )\neval(b)\n", [5, 6])
    assert before == after
    assert len(before) == 2


def test_identical_lines_have_distinct_fingerprints() -> None:
    assert len(fingerprints("eval(a)\neval(a)\n", [1, 2])) == 2
    assert fingerprints("eval(a)\n", [1]) != fingerprints("eval(a)\n", [1], kind="exec")


@given(many)
def test_fingerprints_are_unique_and_stamping_changes_nothing_else(raw: list[Finding]) -> None:
    merged = merge(raw)
    stamped = stamp(merged, lambda _, __: "same")
    assert len({finding.fingerprint for finding in stamped}) == len(merged)
    assert list(map(place, stamped)) == list(map(place, merged))


def test_a_digest_names_a_secret_without_telling_it() -> None:
    assert digest("hunter2") == digest("hunter2") != digest("hunter3")
    assert "hunter2" not in digest("hunter2")
    assert len(digest("x" * 10_000)) == 8
