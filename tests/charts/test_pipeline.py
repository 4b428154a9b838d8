"""Does the pipeline hold what it promises? Linters, least rights, pins, and the scripts it calls."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendering import Case, pod_specs, render
from toolbox import ROOT, tool

sys.path[:0] = [str(ROOT / "deploy/release"), str(ROOT / "deploy/image")]

import healthcheck  # noqa: E402
import image_values  # noqa: E402
import requirements  # noqa: E402

WORKFLOWS = {
    file.stem: yaml.load(file.read_text(), yaml.BaseLoader)
    for file in sorted((ROOT / ".github/workflows").glob("*.yml"))
}
TEXTS = {file: file.read_text() for file in [*(ROOT / ".github").rglob("*.yml")]}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
COMPONENTS = tomllib.loads((ROOT / "deploy/image/components.toml").read_text())
DIGEST = "sha256:" + "ab" * 32


def test_actionlint_is_silent() -> None:
    done = subprocess.run([tool("actionlint")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_zizmor_is_silent() -> None:
    done = subprocess.run(
        [tool("zizmor"), "--offline", "--no-progress", ".github"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.name)
def test_foreign_actions_are_pinned_by_hash_with_their_version(file: Any) -> None:
    for line in re.findall(r"uses: (.+)", TEXTS[file]):
        assert line.startswith("$/") or re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_one_action_has_one_pin() -> None:
    pins: dict[str, set[str]] = {}
    for action, pin in re.findall(r"uses: ([\w./-]+)@(.+)", "\n".join(TEXTS.values())):
        pins.setdefault(action, set()).add(pin)
    assert [action for action, found in pins.items() if len(found) > 1] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_rights_are_given_per_job(name: str) -> None:
    assert WORKFLOWS[name]["permissions"] == {}
    for job, body in WORKFLOWS[name]["jobs"].items():
        assert "permissions" in body, job
        assert "uses" in body or int(body["timeout-minutes"]) <= 90, job


def test_matrix_and_components_are_one_list() -> None:
    for job in ("build", "join"):
        assert set(WORKFLOWS["images"]["jobs"][job]["strategy"]["matrix"]["component"]) == set(COMPONENTS)


def test_supported_pythons_are_tested() -> None:
    lowest = PROJECT["requires-python"].removeprefix(">=")
    assert WORKFLOWS["ci"]["jobs"]["test"]["strategy"]["matrix"]["python"][0] == lowest


def test_production_is_taken_back_when_anything_fails_after_the_switch() -> None:
    steps = {step.get("name"): step for step in WORKFLOWS["production"]["jobs"]["blue-green"]["steps"]}
    order = [name for name in steps if name]
    story = [
        "Which track is live?",
        "Deploy beside",
        "Health check",
        "Smoke tests",
        "Switch the traffic",
        "Watch for five minutes",
        "Take it back",
        "Remove the failed track",
        "Remove the old track",
    ]
    assert [name for name in order if name in story] == story
    assert "failure() || cancelled()" in steps["Take it back"]["if"]
    assert "if" not in steps["Remove the old track"]
    assert "--seconds 300" in steps["Watch for five minutes"]["run"]


def test_files_the_pipeline_names_exist() -> None:
    for text in TEXTS.values():
        for path in re.findall(r"\b((?:deploy|charts|tests)/[\w./-]+\.(?:ya?ml|py|txt|sh))", text):
            assert (ROOT / path).exists(), path


def test_every_image_lands_in_the_chart_by_digest() -> None:
    images = {name: f"ghcr.io/someone/{row['image']}@{DIGEST}" for name, row in COMPONENTS.items()}
    rendered = render(Case("digests", ("values-production.yaml",), image_values.values(images)))
    for where, spec in pod_specs(rendered):
        assert spec["containers"][0]["image"].startswith("ghcr.io/someone/agent-fleet"), where
        assert spec["containers"][0]["image"].endswith(f"@{DIGEST}"), where


@pytest.mark.parametrize(
    ("images", "complaint"),
    [({"control": "agent-fleet:1"}, "is no registry/repository@sha256:digest"), ({}, "no image of `control`")],
)
def test_wrong_image_lists_are_refused(images: dict[str, str], complaint: str) -> None:
    with pytest.raises(SystemExit, match=complaint):
        image_values.values(images)


@pytest.mark.parametrize("component", COMPONENTS)
def test_requirements_of_a_component(component: str) -> None:
    names = {requirements.package(line) for line in requirements.requirements(component, PROJECT, COMPONENTS)}
    assert {"celery", "redis", "pydantic"} <= names
    assert not names & set(COMPONENTS[component]["leave_out"])
    assert set(COMPONENTS[component]["add"]) <= names


def test_requirements_refuse_what_the_project_does_not_declare() -> None:
    with pytest.raises(SystemExit, match="declares no numpie"):
        requirements.requirements("x", PROJECT, {"x": {"leave_out": ["numpie"], "add": []}})
    with pytest.raises(SystemExit, match="no component 'y'"):
        requirements.requirements("y", PROJECT, COMPONENTS)


def test_every_dependency_has_an_exact_version() -> None:
    pinned = {
        requirements.package(line)
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    for component in COMPONENTS:
        missing = (
            {requirements.package(line) for line in requirements.requirements(component, PROJECT, COMPONENTS)}
            - {p.replace("_", "-") for p in pinned}
            - pinned
        )
        assert missing == set(), component


@pytest.mark.parametrize(
    ("command_line", "words"),
    [
        (["/opt/fleet/bin/python", "/opt/fleet/bin/fleet", "worker", "code_generator"], ["worker", "code_generator"]),
        (["/sbin/docker-init", "--", "fleet", "gateway"], ["gateway"]),
        (
            [
                "python",
                "-m",
                "celery",
                "-A",
                "fleet.app",
                "worker",
                "-Q",
                "fleet.x",
                "-c",
                "2",
                "-n",
                "code_generator@pod-1",
            ],
            ["worker", "code_generator"],
        ),
        (["python", "-m", "celery", "-A", "fleet.app", "beat", "-s", "/tmp/.fleet/beat-schedule"], ["beat"]),
        (["sh"], []),
    ],
)
def test_health_check_knows_the_program(command_line: list[str], words: list[str]) -> None:
    assert healthcheck.program(command_line) == words


def test_health_check_sees_beat_by_its_schedule(tmp_path: Path) -> None:
    assert not healthcheck.beat_writes(tmp_path)
    (tmp_path / "beat-schedule").touch()
    assert healthcheck.beat_writes(tmp_path)
    old = time.time() - healthcheck.BEAT_SECONDS - 1
    os.utime(tmp_path / "beat-schedule", (old, old))
    assert not healthcheck.beat_writes(tmp_path)


def test_the_digest_list_survives_json() -> None:
    images = {"control": f"ghcr.io/a/b@{DIGEST}"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "deploy/release/image_values.py"), json.dumps(images)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {
        "image": {"registry": "ghcr.io", "repository": "a/b", "digest": DIGEST},
        "pools": {},
    }
