"""Do the scanners agree? checkov over what production installs, with a reason for every exception."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import matrix
import pytest
import yaml
from rendering import Case, render
from toolbox import ROOT, tool

EXCEPTIONS = yaml.safe_load(Path(__file__).with_name("exceptions.yaml").read_text())["checkov"]
DIGEST = "sha256:" + "0" * 64  # any well-formed digest: the rule asks that one is used
PINNED = {
    "image.digest": DIGEST,
    "image.pullPolicy": "Always",
    "redis.image.digest": DIGEST,
    **{f"pools.{name}.image.digest": DIGEST for name in ("code_generator", "security_scanner", "performance_tester")},
}
CANARY = {
    "pools.code_generator@v2": {
        "agentType": "code_generator",
        "image": {"repository": "agent-fleet-code-generator", "digest": DIGEST},
    }
}
CASES = [
    Case("default", values=PINNED),
    Case("production", ("values-production.yaml",), PINNED),
    Case("everything", values={**matrix.EVERYTHING.values, **PINNED, **CANARY}),
]


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[tuple[str, str]]]:
    """Return per case the (rule, resource) pairs checkov complains about."""
    found = {}
    for case in CASES:
        folder = tmp_path_factory.mktemp(case.name)
        (folder / "objects.yaml").write_text(yaml.safe_dump_all(render(case)))
        found[case.name] = _scan("kubernetes", folder)
    return found


def _scan(framework: str, folder: Path, *more: str) -> set[tuple[str, str]]:
    command = [
        tool("checkov"),
        "--framework",
        framework,
        "-d",
        str(folder),
        "--skip-download",
        "--quiet",
        "--compact",
        "-o",
        "json",
        *more,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    reports = report if isinstance(report, list) else [report]
    assert any(r.get("summary", {}).get("passed", 0) > 0 for r in reports), done.stdout[:500] + done.stderr[-500:]
    return {(check["check_id"], check["resource"]) for r in reports for check in r["results"]["failed_checks"]}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_checkov_has_nothing_to_say_but_the_exceptions(case: Case, findings: dict[str, set[tuple[str, str]]]) -> None:
    unexplained = sorted(f"{rule} {resource}" for rule, resource in findings[case.name] if not _excused(rule, resource))
    assert unexplained == []


def test_every_exception_is_still_needed_and_explained(findings: dict[str, set[tuple[str, str]]]) -> None:
    everywhere = set().union(*findings.values())
    for rule, exception in EXCEPTIONS.items():
        assert len(exception["why"]) > 30, rule
        for place in exception["where"]:
            assert any(found == rule and resource.startswith(place) for found, resource in everywhere), (
                f"{rule} at {place}: no longer found, drop the exception"
            )


def _excused(rule: str, resource: str) -> bool:
    return rule in EXCEPTIONS and any(resource.startswith(place) for place in EXCEPTIONS[rule]["where"])


def test_checkov_passes_the_dockerfile(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text((ROOT / "Dockerfile").read_text())
    assert _scan("dockerfile", tmp_path) == set()


def test_hadolint_passes_the_dockerfile() -> None:
    done = subprocess.run([tool("hadolint"), str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_no_rendered_object_holds_a_readable_secret() -> None:
    """Passwords stand in Secrets only, and nowhere else in what Helm prints."""
    objects = render(
        Case("secret", values={"redis.enabled": False, "broker.url": "redis://user:hunter2hunter2@x:6379/0"})
    )
    assert [o["kind"] for o in objects if "hunter2hunter2" in json.dumps(o)] == []
