"""Does the local model server serve, keep strangers out, exist once, and die with its parent?

With the real weights, one server for all tests of this file.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from eventually import eventually
from pydantic import SecretStr

from workers.code_generator.generate import generate
from workers.code_generator.payload import CodeGeneration
from workers.code_generator.samples import RELIABLE, SAMPLES, Sample
from workers.llm import errors, server
from workers.llm.choose import choose
from workers.llm.provider import Completion, CompletionRequest, Message, Provider

KEY = "integration-test-key-of-32-characters"
COMMAND = [sys.executable, "-m", "workers.llm.server"]
ROOT = Path(server.__file__).parents[2]


@dataclass(frozen=True)
class Served:
    base_url: str
    state_dir: Path
    port: int
    process: subprocess.Popen[bytes]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def arguments(port: int, state_dir: Path) -> list[str]:
    return [*COMMAND, "--port", str(port), "--state-dir", str(state_dir)]


def healthy(base_url: str) -> bool:
    try:
        return httpx.get(base_url.removesuffix("/v1") + "/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    state_dir, port = tmp_path_factory.mktemp("llm"), free_port()
    environment = {**os.environ, server.KEY_VARIABLE: KEY}
    process = subprocess.Popen(arguments(port, state_dir), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    base_url = f"http://127.0.0.1:{port}/v1"
    try:
        eventually(lambda: healthy(base_url), timeout=30)
        yield Served(base_url, state_dir, port, process)
    finally:
        process.terminate()
        assert process.wait(10) == 0
    assert not (state_dir / server.RECORD_FILE).exists()


@dataclass
class Calls:
    """Counts the paid calls of one generation."""

    its_provider: Provider
    recorded: int = 0
    last_fraction: float = 0.0

    def provider(self, model: str | None) -> Provider:
        assert model is None
        return self.its_provider

    def record_call(self, completion: Completion, *, purpose: str) -> None:
        assert completion.usage.source == "reported"
        assert purpose in ("generate", "repair")
        self.recorded += 1

    def progress(self, fraction: float, message: str) -> None:
        assert self.last_fraction <= fraction <= 1
        assert message
        self.last_fraction = fraction


def local(served: Served, key: str = KEY) -> Provider:
    return choose("local", base_url=served.base_url, api_key=SecretStr(key), timeout_seconds=60.0)


def test_it_completes_and_reports_what_it_used(served: Served) -> None:
    asked = CompletionRequest((Message("user", "Say hello."),), max_tokens=8, seed=1)
    completion = local(served).complete(asked)
    assert completion.text
    assert completion.model == "smollm2-135m"
    assert completion.usage.source == "reported"
    assert 0 < completion.usage.output_tokens <= 8


def test_it_says_where_it_is_without_the_key(served: Served) -> None:
    text = eventually((served.state_dir / server.RECORD_FILE).read_text)
    record = json.loads(text)
    assert (record["base_url"], record["pid"]) == (served.base_url, served.process.pid)
    assert KEY not in text


@pytest.mark.parametrize("key", ["", "wrong"])
def test_a_stranger_is_refused(served: Served, key: str) -> None:
    with pytest.raises(errors.ProviderKeyRefused):
        local(served, key).complete(CompletionRequest((Message("user", "hi"),), max_tokens=4))


def test_it_listens_on_the_loopback_only(served: Served) -> None:
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(served.process.pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1"]


def test_no_page_in_a_browser_may_use_it_and_nobody_sees_other_prompts(served: Served) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Origin": "http://elsewhere.example"}
    models = httpx.get(f"{served.base_url}/models", headers=headers, trust_env=False)
    assert models.headers.get("access-control-allow-origin") != "http://elsewhere.example"
    assert models.headers.get("access-control-allow-origin") != "*"
    slots = httpx.get(served.base_url.removesuffix("/v1") + "/slots", headers=headers, trust_env=False)
    assert slots.status_code in (404, 501)


def test_a_prompt_longer_than_its_context_is_refused_not_cut(served: Served) -> None:
    with pytest.raises(errors.ProviderRequestRefused):
        local(served).complete(CompletionRequest((Message("user", "word " * 6000),), max_tokens=4))


def test_a_second_one_on_the_same_state_directory_is_refused(served: Served) -> None:
    second = subprocess.run(
        arguments(free_port(), served.state_dir),
        cwd=ROOT,
        env={**os.environ, server.KEY_VARIABLE: KEY},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert second.returncode == 2
    assert "already runs" in second.stderr


def test_it_does_not_start_without_a_key(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != server.KEY_VARIABLE}
    started = subprocess.run(
        arguments(free_port(), tmp_path), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30
    )
    assert started.returncode == 2
    assert server.KEY_VARIABLE in started.stderr


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    start = f"import subprocess, time; subprocess.Popen({arguments(free_port(), tmp_path)!r}); time.sleep(600)"
    environment = {**os.environ, server.KEY_VARIABLE: KEY}
    parent = subprocess.Popen([sys.executable, "-c", start], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        record = json.loads(eventually(lambda: _text(tmp_path / server.RECORD_FILE), timeout=30))
    finally:
        parent.kill()
        parent.wait()
    eventually(lambda: not psutil.pid_exists(record["pid"]), timeout=10)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("sample", RELIABLE[:3], ids=lambda sample: sample.name)
def test_the_shipped_model_gets_reliable_samples_verified(served: Served, sample: Sample) -> None:
    calls = Calls(local(served))
    result = generate(CodeGeneration.model_validate(sample.payload), calls)
    assert result["verified"], result["reason"]
    assert calls.recorded == len(result["attempts"]) == result["usage"]["calls"]
    assert result["provider"] == "local"
    json.dumps(result)


def test_every_sample_is_a_valid_payload() -> None:
    assert len(RELIABLE) >= 6
    for sample in SAMPLES:
        assert CodeGeneration.model_validate(sample.payload).checks
