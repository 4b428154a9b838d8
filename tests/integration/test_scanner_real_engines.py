"""Do the real engines find what is planted, and is their answer safe to show?"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sarif_schema import sarif_errors

from workers.security_scanner import samples
from workers.security_scanner.engines import ENGINES, Engine
from workers.security_scanner.engines.process import ScanRequest
from workers.security_scanner.engines.report import EngineFailed, EngineOutput, EngineRun
from workers.security_scanner.findings import Finding, Severity, Source
from workers.security_scanner.payload import SecurityAnalysis
from workers.security_scanner.scan import scan
from workers.security_scanner.tree import MAX_FILE_BYTES
from workers.security_scanner.verdict import judge


class Recorder:
    """Keeps the progress it is told."""

    def __init__(self, *roots: Path) -> None:
        self.allowed_roots = roots
        self.told: list[tuple[float, str]] = []

    def progress(self, fraction: float, message: str) -> None:
        self.told.append((fraction, message))


def answer(**payload: Any) -> dict[str, Any]:
    return scan(SecurityAnalysis(**payload), Recorder())


@cache
def shop() -> dict[str, Any]:
    return answer(files=samples.VULNERABLE_SHOP)


def test_everything_planted_is_found_and_the_clean_file_is_clean() -> None:
    for file, kinds in samples.EXPECTED.items():
        found = {finding["kind"] for finding in shop()["findings"] if finding["file"] == file}
        assert kinds <= found if kinds else not found, file
    assert shop()["verdict"] == "fail"
    assert shop()["findings_total"] == len(shop()["findings"]) == sum(shop()["by_severity"].values())


def test_all_three_engines_ran_and_agree_on_the_planted_key() -> None:
    assert {engine["name"]: engine["error"] for engine in shop()["engines"]} == dict.fromkeys(ENGINES)
    assert all(engine["version"] and engine["findings"] for engine in shop()["engines"])
    (key,) = [finding for finding in shop()["findings"] if (finding["file"], finding["line"]) == ("shop/config.py", 3)]
    assert key["engines"] == ["detect_secrets", "gitleaks"]
    assert len(key["secret_digests"]) == 1  # both saw the same secret


def test_no_secret_is_in_the_result() -> None:
    shown = json.dumps(shop())
    for secret in (samples._ACCESS_KEY, samples._SHOP_LOGIN, samples._SIGNING_KEY):
        assert secret in json.dumps(samples.VULNERABLE_SHOP)
        assert secret not in shown


def test_the_result_is_json_and_its_sarif_is_valid() -> None:
    assert json.loads(json.dumps(shop(), allow_nan=False))["verdict"] == "fail"
    assert sarif_errors(shop()["sarif"]) == []
    assert len(shop()["sarif"]["runs"][0]["results"]) == shop()["findings_total"]


def test_the_list_is_bounded_but_the_count_is_not() -> None:
    cut = answer(files=samples.VULNERABLE_SHOP, engines=["bandit"], max_findings=2)
    assert len(cut["findings"]) == len(cut["sarif"]["runs"][0]["results"]) == 2
    assert cut["findings_total"] > 2


def test_source_cannot_wave_its_own_findings_through_unless_asked() -> None:
    source = {
        "a.py": "eval(input())  # nosec\n",
        ".bandit": "[bandit]\nskips = B307\n",
        "b.py": f'key = "{samples._ACCESS_KEY}"  # pragma: allowlist secret gitleaks:allow\n',
        ".gitleaks.toml": "[allowlist]\nregexes = ['''.*''']\n",
        ".gitleaksignore": "b.py:aws-access-token:1\n",
    }
    kept = answer(files=source)
    assert {engine["name"]: engine["findings"] for engine in kept["engines"]} == dict.fromkeys(ENGINES, 1)
    honoured = answer(files=source, honour_suppressions=True)
    assert honoured["verdict"] == "pass"
    assert honoured["findings"] == []


def test_source_that_looks_like_an_engine_is_not_run() -> None:
    trap = "raise SystemExit(0)\n"
    hostile = dict.fromkeys(("bandit/__init__.py", "yaml.py", "detect_secrets/__init__.py", "json.py"), trap)
    result = answer(files={**hostile, "real.py": "eval(input())\n"}, engines=["bandit", "detect_secrets"])
    assert {engine["error"] for engine in result["engines"]} == {None}
    assert [finding["kind"] for finding in result["findings"]] == ["eval"]


def test_odd_file_names_and_broken_source_survive() -> None:
    result = answer(
        files={"ü b/-rf.py": "eval(input())\n", "broken.py": "def (:\n", "empty.py": ""}, engines=["bandit"]
    )
    assert [finding["file"] for finding in result["findings"]] == ["ü b/-rf.py"]
    assert any("broken.py" in reason for reason in result["reasons"])
    (bandit,) = [engine for engine in result["engines"] if engine["name"] == "bandit"]
    assert [name for name, _ in bandit["unread"]] == ["broken.py"]


def test_clean_source_passes_and_threshold_decides() -> None:
    assert answer(files={"a.py": "x = 1\n"})["verdict"] == "pass"
    for threshold, verdict in (("low", "fail"), ("high", "pass")):
        result = answer(files={"a.py": "import pickle\n"}, severity_threshold=threshold, engines=["bandit"])
        assert result["verdict"] == verdict


def test_progress_rises_to_the_end() -> None:
    run = Recorder()
    scan(SecurityAnalysis(files={"a.py": "x = 1\n"}, engines=("bandit", "gitleaks")), run)
    fractions = [fraction for fraction, _ in run.told]
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] < fractions[-1] <= 1


def test_an_engine_that_breaks_or_is_absent_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(request: ScanRequest) -> EngineOutput:
        raise EngineFailed("gitleaks", f"no answer for {request.root.name}")

    monkeypatch.setitem(ENGINES, "gitleaks", Engine("gitleaks", lambda: "9", breaks, "pip install it"))
    monkeypatch.setitem(ENGINES, "bandit", Engine("bandit", lambda: None, breaks, "pip install bandit"))
    result = answer(files={"a.py": "x = 1\n"}, engines=["gitleaks", "bandit"])
    assert result["verdict"] == "inconclusive"
    assert [engine["error"] for engine in result["engines"]] == [
        "no answer for source",
        "it is not installed; pip install bandit",
    ]
    assert not result["sarif"]["runs"][0]["invocations"][0]["executionSuccessful"]
    assert answer(files={"a.py": "x = 1\n"})["engines_absent"] == ["bandit"]


def test_a_report_of_unknown_form_is_a_failure_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def strange(request: ScanRequest) -> EngineOutput:
        return EngineOutput([{}["results"]], [(str(request.root), "")])  # type: ignore[list-item]

    monkeypatch.setitem(ENGINES, "bandit", Engine("bandit", lambda: "99", strange, ""))
    assert "unknown form" in answer(files={"a.py": ""}, engines=["bandit"])["engines"][0]["error"]


def test_findings_outweigh_a_broken_engine_and_a_broken_engine_outweighs_silence() -> None:
    bad = Finding("a.py", 1, "eval", Severity.HIGH, "", (Source("bandit", "B307"),))
    broken = EngineRun("gitleaks", None, 0.0, 0, "crashed")
    assert judge([bad], [broken], Severity.MEDIUM, files=1).outcome == "fail"
    assert judge([], [broken], Severity.MEDIUM, files=1).outcome == "inconclusive"
    assert judge([], [], Severity.MEDIUM, files=1).outcome == "pass"
    assert judge([], [], Severity.MEDIUM, files=0).outcome == "inconclusive"


@pytest.mark.parametrize(
    "hiding",
    [
        {"broken.py": "def (:\n"},
        {"deep.py": "x = " + "+".join(["'a'"] * 5_000) + "\neval(input())\n"},
        {"giant.py": "#" * (MAX_FILE_BYTES + 1)},
        {"giant.bin": "#" * (MAX_FILE_BYTES + 1)},
    ],
)
def test_code_that_nobody_could_read_is_no_pass(hiding: dict[str, str]) -> None:
    result = answer(files=hiding, engines=["bandit"])
    assert result["verdict"] == "inconclusive"
    assert result["findings"] == []
    (name,) = hiding
    assert name in result["reasons"][-1] or name == "giant.bin"


def test_a_large_file_that_is_no_code_is_left_out_and_listed() -> None:
    result = answer(files={"data.json": " " * (MAX_FILE_BYTES + 1), "a.py": "x = 1\n"}, engines=["bandit"])
    assert result["verdict"] == "pass"
    assert result["source"]["skipped"] == [["data.json", f"larger than {MAX_FILE_BYTES} bytes"]]


CANARIES = {
    "password": "Zw9-correct" + "-horse-41",  # pragma: allowlist secret
    "github": "ghp_" + "k3JxQ9vB7nT2mW8yR5cL1zD4fH6sA0pE3gUx",  # pragma: allowlist secret
    "slack": "xoxb-" + "2718281828-3141592653589-Zk4mQ8wX1cV7bN2aS5dF9gHj",  # pragma: allowlist secret
    "jwt": "eyJhbGciOiJIUzI1NiJ9."
    + "eyJzdWIiOiJjYW5hcnkifQ."
    + "c2lnbmF0dXJlLWNhbmFyeS1zaWduYXR1cmU",  # pragma: allowlist secret
    "hex": "9f86d081884c7d65" + "9a2feaa0c55ad015",  # pragma: allowlist secret
}


def test_canaries_in_every_position_stay_in_the_source() -> None:
    planted = {
        "default.py": f"def login(user, password='{CANARIES['password']}'):\n    return user, password\n",
        "call.py": f"connect(password='{CANARIES['password']}', token='{CANARIES['github']}')\n",
        "compare.py": f"if password == '{CANARIES['password']}':\n    eval(token)\n",
        "sql.py": f"c.execute(\"SELECT n FROM t WHERE p = '{CANARIES['password']}' AND n = '%s'\" % n)\n",
        "url.cfg": f"url = https://me:{CANARIES['password']}@db.example.com/\nslack = {CANARIES['slack']}\n",
        "web.js": f"const jwt = '{CANARIES['jwt']}';\nconst apiKey = '{CANARIES['hex']}';\n",
        "broken.py": f"token = '{CANARIES['github']}'\ndef (:\n",
    }
    result = answer(files=planted)
    assert {finding["file"] for finding in result["findings"]} == set(planted)
    shown = json.dumps(result)
    assert [name for name, canary in CANARIES.items() if canary in shown] == []
