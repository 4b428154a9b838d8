"""Does a worker of each built-in pool do its work where nothing can be written but the scratch volume its pod declares?

The worker runs in a mount namespace of its own: the whole tree is read-only, as the chart's pods have it, and /tmp, their
one scratch volume, is new and empty. Whatever else it tried to write would fail the task, or be in its log.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from eventually import eventually
from pytest_httpserver import HTTPServer

from fleet.dispatcher import declare
from fleet.dispatcher.submit import submit
from fleet.registry import roster
from fleet.supervisor import programs

ENTER = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-ec"]
SHUT = """
mount --make-rprivate /
# Every mount below the root is shut as well, but for the kernel's own (/proc, /sys) and devices.
cut -d ' ' -f 2 /proc/self/mounts | sort -r | while read -r place; do
    case "$place" in /proc | /proc/* | /sys | /sys/* | /dev | /dev/*) ;; *) mount -o remount,bind,ro "$place" ;; esac
done
exec 3< "$HERE" 4< "$ENVIRONMENT"
mount -t tmpfs -o size=256m scratch /tmp
# Where this project itself lies in /tmp, it is what the image would hold: there, and not to be written to.
shown() {
    case "$1" in /tmp/*) mkdir -p "$1" && mount --no-canonicalize --bind "/proc/self/fd/$2" "$1" && mount -o remount,bind,ro "$1" ;; esac
}
shown "$HERE" 3
[ -d "$ENVIRONMENT" ] || shown "$ENVIRONMENT" 4
! touch /var/tmp/x "$HERE/x" 2> /dev/null
cd /tmp
exec "$@"
"""
COMPLETION = {
    "choices": [{"message": {"role": "assistant", "content": "```python\ndef add(a, b):\n    return a + b\n```"}}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 10},
    "model": "gpt-4o",
}


def pods_writable_places() -> list[str]:
    """Return where the chart gives a pool's pod a volume it may write to."""
    part = (Path(__file__).parents[2] / "charts/fleet/templates/_parts/_pod.tpl").read_text()
    lines = part.splitlines()
    mounted = [lines[n + 1].split()[1] for n, line in enumerate(lines) if line.strip() == "- name: scratch" and "mountPath" in lines[n + 1]]
    return sorted(set(mounted))


@contextmanager
def shut_worker(pool: str, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the pool's worker as its pod does, with HOME, state and bytecode in the scratch volume."""
    program = programs.worker(pool)
    inside = {
        **os.environ, **program.environment, "HOME": "/tmp", "FLEET_STATE_DIR": "/tmp/.fleet", "PYTHONPYCACHEPREFIX": "/tmp/pycache",
        "HERE": str(Path(__file__).parents[2]), "ENVIRONMENT": sys.prefix, "PYTHONPATH": str(Path(__file__).parents[2]), **environment,
    }  # fmt: skip
    inside.pop("FLEET_FILE", None)
    with log.open("wb") as out:
        process = subprocess.Popen([*ENTER, SHUT, "sh", *program.command], env=inside, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def work_of(pool: str, server: HTTPServer) -> tuple[str, dict[str, Any], dict[str, str], Callable[[Any], bool]]:
    """Return what the pool is asked to do, with which settings, and how one sees that it was done."""
    server.expect_request("/v1/chat/completions").respond_with_json(COMPLETION)
    server.expect_request("/").respond_with_data("ok")
    address = f"{server.host}:{server.port}"
    match pool:
        case "code_generator":
            payload = {"prompt": "Write a function add(a, b).", "checks": ["assert add(2, 3) == 5"]}
            settings = {"FLEET_LLM__PROVIDER": "openai", "FLEET_LLM__BASE_URL": f"http://{address}/v1", "FLEET_LLM__API_KEY": "x", "FLEET_LLM__MODEL": "gpt-4o"}
            return "code_generation", payload, settings, lambda result: result["verified"]
        case "performance_tester":
            load = {"url": f"http://{address}/", "duration_seconds": 1, "warm_up_seconds": 0, "rate_per_second": 5}
            return "performance_test", load, {"FLEET_AGENTS__ALLOWED_TARGETS": address}, lambda result: result["verdict"] is not None
        case _:
            files = {"app.py": "import subprocess\nsubprocess.call('ls', shell=True)\n"}
            return "security_analysis", {"files": files, "engines": ["bandit"]}, {}, lambda result: bool(result["sarif"]["runs"])


def test_the_scratch_volume_is_what_the_chart_declares() -> None:
    assert pods_writable_places() == ["/tmp"]


@pytest.mark.parametrize("pool", ["code_generator", "performance_tester", "security_scanner"])
def test_work_is_done_with_nothing_writable_but_scratch(pool: str, store: redis.Redis, httpserver: HTTPServer, tmp_path: Path) -> None:
    declare.publish()
    task_type, payload, settings, is_done = work_of(pool, httpserver)
    log = tmp_path / "worker.log"
    with shut_worker(pool, log, **settings) as worker:
        eventually(lambda: [one for one in roster.workers() if one.pool == pool and one.status == "idle"] or worker.poll() is not None, timeout=60)
        assert worker.poll() is None, log.read_text()[-2000:]
        result = submit(task_type, payload).get(timeout=60)
        assert is_done(result), result
        # Where the worker may write, seen through its own eyes: only scratch, besides what the kernel keeps.
        mounts = [line.split() for line in Path(f"/proc/{worker.pid}/mounts").read_text().splitlines()]
    writable = {place for _, place, _, options, *_ in mounts if "rw" in options.split(",")}
    assert {place for place in writable if not place.startswith(("/proc", "/sys", "/dev"))} == {"/tmp"}
    assert "Read-only file system" not in log.read_text()
