"""What did a run amount to, given everything that was observed?

Pure: bytes in, `SandboxResult` out. A line without the run's nonce was not written by us and is ignored; a report that
stops early means the code ended its own process, whatever exit code it chose.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

from workers.sandbox import values
from workers.sandbox.limits import Limits
from workers.sandbox.program import KilledBy, Outcome, Program, Raised, SandboxResult, StepResult
from workers.sandbox.watch import Observed

OUT_OF_MEMORY = 71


def judge(program: Program, limits: Limits, observed: Observed, nonce: str) -> SandboxResult:
    """Turn what was observed into a result."""
    messages = list(_messages(bytes(observed.report), nonce))
    first: dict[str, Any] = next((message for message in messages if "isolation" in message), {})
    end = _keeper(bytes(observed.keeper))
    steps = _steps(program, messages)
    loaded = [message["load"] for message in messages if "load" in message]
    load_error = _raised(loaded[0]) if loaded and loaded[0] else None
    done = any("done" in message for message in messages)
    killed_by = None if done else _killed_by(observed, limits, end, load_error)

    if not first and killed_by is None:
        outcome, reason = Outcome.REFUSED, f"the sandbox did not start: {_last_words(observed)}"
    elif first.get("unmet"):
        outcome, reason = Outcome.REFUSED, _refusal(first["unmet"], first["missing"])
    elif killed_by is not None:
        outcome, reason = Outcome.KILLED, f"ended for its {killed_by}: {_ceiling(killed_by, limits)}"
    elif load_error is not None:
        outcome, reason = Outcome.LOAD_FAILED, f"the code raised {load_error}"
    elif not done:
        outcome, reason = Outcome.CRASHED, f"the code ended its own process ({_exit(end)}) before it was done"
    else:
        outcome, reason = Outcome.COMPLETED, "every step had its turn"
    return SandboxResult(
        outcome=outcome,
        reason=reason,
        steps=steps,
        isolation=tuple(first.get("isolation", ())),
        missing=dict(first.get("missing", {})),
        duration_seconds=observed.duration_seconds,
        cpu_seconds=float(end.get("cpu_seconds", 0.0)),
        peak_memory_bytes=int(end.get("peak_memory_bytes", 0)),
        stdout=_text(observed.stdout),
        stderr=_text(observed.stderr),
        killed_by=killed_by,
        load_error=load_error,
    )


def refused(reason: str) -> SandboxResult:
    """Return the result of a program nothing was done with."""
    return SandboxResult(Outcome.REFUSED, reason, steps=(), isolation=(), missing={}, duration_seconds=0.0)


def _messages(report: bytes, nonce: str) -> Iterator[dict[str, Any]]:
    for line in report.split(b"\n"):
        if line.startswith(nonce.encode()):
            try:
                message = json.loads(line[len(nonce) :])
            except (ValueError, RecursionError):
                continue
            if isinstance(message, dict):
                yield message


def _keeper(said: bytes) -> dict[str, Any]:
    try:
        end = json.loads(said)
    except ValueError:
        return {}
    return end if isinstance(end, dict) else {}


def _steps(program: Program, messages: list[dict[str, Any]]) -> tuple[StepResult, ...]:
    """Read the steps' reports in order; the first report of a step counts, a missing one means it did not run."""
    told: dict[int, dict[str, Any]] = {}
    for message in messages:
        if isinstance(message.get("step"), int):
            told.setdefault(message["step"], message)
    return tuple(_step(told.get(index)) for index in range(len(program.steps)))


def _step(message: dict[str, Any] | None) -> StepResult:
    if message is None:
        return StepResult("not run")
    if message.get("status") != "returned":
        return StepResult("raised", raised=_raised(message.get("raised")))
    try:
        return StepResult("returned", value=values.from_plain(message.get("value")))
    except (values.NotPlain, RecursionError) as exc:
        return StepResult("raised", raised=Raised("NotPlain", str(exc)))


def _raised(described: object) -> Raised:
    if not isinstance(described, dict):
        return Raised("Exception", "not described")
    line = described.get("line")
    return Raised(str(described.get("type")), str(described.get("text")), line if isinstance(line, int) else None)


def _killed_by(observed: Observed, limits: Limits, end: dict[str, Any], load_error: Raised | None) -> KilledBy | None:
    if observed.ended is not None:
        return observed.ended
    if load_error is not None:
        return "memory" if load_error.type == "MemoryError" else None
    code = end.get("exit")
    if code == OUT_OF_MEMORY:
        return "memory"
    if code == -signal.SIGXCPU or (code == -signal.SIGKILL and end["cpu_seconds"] >= limits.cpu_seconds):
        return "cpu time"
    if isinstance(code, int) and code < 0 and code != -signal.SIGSYS:
        return "signal"
    return None


def _ceiling(killed_by: KilledBy, limits: Limits) -> str:
    match killed_by:
        case "cpu time":
            return f"more than {limits.cpu_seconds} s of processor time"
        case "wall time":
            return f"still running after {limits.wall_seconds:g} s"
        case "memory":
            return f"more than {limits.memory_bytes // 2**20} MiB of memory"
        case "output":
            return f"more than {limits.output_bytes // 2**20} MiB printed"
        case "scratch":
            return f"more than {limits.scratch_bytes // 2**20} MiB or {limits.scratch_files} files written"
        case "signal":
            return "the kernel ended it"


def _refusal(unmet: list[str], missing: dict[str, str]) -> str:
    why = "; ".join(f"{layer}: {reason}" for layer, reason in missing.items()) or "no layer failed"
    return (
        f"not run, because this machine cannot guarantee {', '.join(unmet)} ({why}); "
        "allow user namespaces, Landlock or seccomp here, or lower agents.sandbox_minimum"
    )


def _exit(end: dict[str, Any]) -> str:
    code = end.get("exit")
    if isinstance(code, int) and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}" if code is not None else "no exit code"


def _last_words(observed: Observed) -> str:
    return " ".join(_text(observed.stderr).split())[-300:] or "no reason given"


def _text(said: bytearray) -> str:
    return bytes(said).decode("utf-8", "replace")
