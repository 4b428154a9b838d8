"""Is what we write SARIF 2.1.0, whatever the engines said?"""

from __future__ import annotations

import json
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st
from sarif_schema import SCHEMA, sarif_errors

from workers.security_scanner.engines.report import EngineRun
from workers.security_scanner.findings import Finding, Severity, Source, merge, stamp
from workers.security_scanner.sarif import to_sarif

ENGINES = ["bandit", "detect_secrets", "gitleaks"]

words = st.text(max_size=12)
sources = st.builds(
    Source, st.sampled_from(ENGINES), st.text(min_size=1, max_size=6), words, st.just("https://example.com/r")
)
findings = st.builds(
    Finding,
    file=st.text(min_size=1, max_size=12),
    line=st.integers(0, 10_000),
    kind=words,
    severity=st.sampled_from(Severity),
    message=words,
    sources=st.tuples(sources),
    cwe=st.none() | st.integers(1, 1500),
    digests=st.just(()) | st.just(("abcd1234",)),
)
runs = st.tuples(
    *(
        st.builds(
            EngineRun,
            st.just(name),
            st.none() | st.just("1.2.3"),
            st.floats(0, 10),
            st.integers(0, 9),
            st.none() | words,
            st.lists(st.tuples(words, words), max_size=2).map(tuple),
        )
        for name in ENGINES
    )
)


def test_the_schema_is_the_one_of_sarif() -> None:
    assert "2.1.0" in SCHEMA["title"]
    assert sarif_errors({"version": "2.1.0", "runs": [{"results": []}]}) == ["runs/0: 'tool' is a required property"]


@given(st.lists(findings, max_size=6), runs)
def test_every_log_validates_and_every_result_points_at_its_rule(
    raw: list[Finding], engines: tuple[EngineRun, ...]
) -> None:
    merged = stamp(merge(raw), lambda _, __: "")
    log = json.loads(json.dumps(to_sarif(merged, engines, len(merged), "0.1.0")))
    assert sarif_errors(log) == []
    (run,) = log["runs"]
    for finding, result in zip(merged, run["results"], strict=True):
        rule = result["rule"]
        component = run["tool"]["extensions"][rule["toolComponent"]["index"]]
        assert component["name"] == rule["toolComponent"]["name"] == finding.sources[0].engine
        assert component["rules"][rule["index"]]["id"] == rule["id"] == result["ruleId"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert unquote(uri) == finding.file
    for component in run["tool"]["extensions"]:
        identities = [rule["id"] for rule in component["rules"]]
        assert len(identities) == len(set(identities))


@given(runs)
def test_a_failed_engine_is_never_silent(engines: tuple[EngineRun, ...]) -> None:
    (invocation,) = to_sarif([], engines, 0, "0.1.0")["runs"][0]["invocations"]
    failed = [engine for engine in engines if engine.error is not None]
    assert invocation["executionSuccessful"] is not bool(failed)
    reported = [note for note in invocation["toolExecutionNotifications"] if note["level"] == "error"]
    assert len(reported) == len(failed)
