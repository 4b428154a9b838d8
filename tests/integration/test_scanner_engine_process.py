"""Is a scanner process bounded, isolated and gone afterwards?"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from workers.security_scanner.engines.process import MAX_OUTPUT_BYTES, ScanRequest, run_engine
from workers.security_scanner.engines.report import EngineFailed

GOOD = frozenset({0})


@pytest.fixture
def request_(tmp_path: Path) -> ScanRequest:
    (tmp_path / "root").mkdir()
    (tmp_path / "own").mkdir()
    return ScanRequest(tmp_path / "root", tmp_path / "own", timeout_seconds=20)


def python(code: str, request: ScanRequest, codes: frozenset[int] = GOOD) -> bytes:
    return run_engine("probe", [sys.executable, "-I", "-c", code], request, codes)


def test_the_environment_holds_nothing_of_the_worker(request_: ScanRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_CANARY", "leak")
    seen = json.loads(python("import json, os; print(json.dumps(dict(os.environ)))", request_))
    assert "leak" not in seen.values()
    assert set(seen) <= {"PATH", "LANG", "HOME", "TMPDIR", "LC_CTYPE"}


def test_scanned_files_are_never_imported(request_: ScanRequest) -> None:
    (request_.root / "json.py").write_text("raise SystemExit('hijacked')\n")
    assert python("import json; print(json.dumps(1))", request_).strip() == b"1"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import sys; sys.exit(3)", "ended with code 3: it said nothing"),
        ("raise ValueError('why')", "ended with code 1: ValueError: why"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended with code -11"),
        ("bytearray(3 * 1024**3)", "ended with code 1: MemoryError"),
        (f"import sys; sys.stdout.write('x' * {MAX_OUTPUT_BYTES + 10})", "report is over"),
    ],
)
def test_failures_have_reasons(request_: ScanRequest, code: str, says: str) -> None:
    with pytest.raises(EngineFailed, match=says):
        python(code, request_)


def test_a_noisy_engine_does_not_block(request_: ScanRequest) -> None:
    code = "import sys; sys.stderr.write('noise ' * 500_000); print('done')"
    assert python(code, request_).strip() == b"done"


def test_a_program_that_is_not_there_is_a_failure(request_: ScanRequest) -> None:
    with pytest.raises(EngineFailed, match="cannot be started"):
        run_engine("probe", ["/nowhere/scanner"], request_, GOOD)


def test_a_slow_engine_is_ended_with_its_children(request_: ScanRequest) -> None:
    child = "import fcntl, time; held = open('lock', 'w'); fcntl.flock(held, fcntl.LOCK_EX); time.sleep(600)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-I', '-c', {child!r}])"
    quick = ScanRequest(request_.root, request_.scratch, timeout_seconds=2)
    with pytest.raises(EngineFailed, match="ran longer than 2 s"):
        python(code, quick)
    with (request_.root / "lock").open() as lock:  # the child held it, and only its end lets go
        fcntl.flock(lock, fcntl.LOCK_EX)


def test_a_worker_told_to_stop_ends_its_engine_first(request_: ScanRequest) -> None:
    class Stop(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stop

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        child = "import fcntl, os, signal, time; held = open('lock', 'w'); fcntl.flock(held, fcntl.LOCK_EX)"
        code = f"{child}; os.kill({os.getpid()}, signal.SIGUSR1); time.sleep(600)"
        with pytest.raises(Stop):
            python(code, request_)
    finally:
        signal.signal(signal.SIGUSR1, before)
    with (request_.root / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
