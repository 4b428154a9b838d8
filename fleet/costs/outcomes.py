"""Which models passed the checks so far, per task type?

Counters in Redis, written when a task's answer was verified, read by `selection` and `escalation`. One field per model
and figure, so their number is bounded by the models in use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from fleet.costs.escalation import Arm, ArmTotals, Outcome
from fleet.store import keys
from fleet.store.client import Client, available

MODEL_FIGURES = ("won", "tried", "micros")
ARM_FIGURES = ("tasks", "won", "micros", "squares")
ARMS: tuple[Arm, ...] = ("escalate", "hold-out")


def record_attempt(client: Client, cell: str, task_type: str, model: str, *, passed: bool, micros: int) -> None:
    """Count one model's verified answer and what it cost."""
    key = _key(cell, task_type)
    with available(), client.pipeline(transaction=True) as pipe:
        pipe.hincrby(key, f"model\n{model}\ntried", 1)
        pipe.hincrby(key, f"model\n{model}\nwon", int(passed))
        pipe.hincrby(key, f"model\n{model}\nmicros", micros)
        pipe.execute()


def record_task(client: Client, cell: str, task_type: str, arm: Arm, *, passed: bool, micros: int) -> None:
    """Count one task of an arm with the cost of all its attempts."""
    key = _key(cell, task_type)
    with available(), client.pipeline(transaction=True) as pipe:
        pipe.hincrby(key, f"arm\n{arm}\ntasks", 1)
        pipe.hincrby(key, f"arm\n{arm}\nwon", int(passed))
        pipe.hincrby(key, f"arm\n{arm}\nmicros", micros)
        pipe.hincrbyfloat(key, f"arm\n{arm}\nsquares", float(micros) ** 2)
        pipe.execute()


def outcomes(client: Client, cell: str, task_type: str) -> dict[str, Outcome]:
    """Return what is known of each model for this task type."""
    found: dict[str, dict[str, int]] = {}
    for field, value in _read(client, cell, task_type).items():
        kind, name, figure = field.split("\n")
        if kind == "model":
            found.setdefault(name, {})[figure] = int(value)
    return {name: Outcome(**{f: figures.get(f, 0) for f in MODEL_FIGURES}) for name, figures in found.items()}


def arms(client: Client, cell: str, task_type: str) -> dict[Arm, ArmTotals]:
    """Return the sums of both arms."""
    row = _read(client, cell, task_type)
    return {
        arm: ArmTotals(
            tasks=int(row.get(f"arm\n{arm}\ntasks", 0)),
            won=int(row.get(f"arm\n{arm}\nwon", 0)),
            micros=int(row.get(f"arm\n{arm}\nmicros", 0)),
            squares=float(row.get(f"arm\n{arm}\nsquares", 0)),
        )
        for arm in ARMS
    }


def learned_costs(client: Client, cell: str, task_type: str, *, least_tried: int = 20) -> dict[tuple[str, str], int]:
    """Return the mean cost of an attempt per (task type, model), for models tried often enough."""
    return {
        (task_type, model): round(outcome.micros / outcome.tried)
        for model, outcome in outcomes(client, cell, task_type).items()
        if outcome.tried >= least_tried
    }


def _read(client: Client, cell: str, task_type: str) -> Mapping[str, str]:
    with available():
        return cast(Mapping[str, str], client.hgetall(_key(cell, task_type)))


def _key(cell: str, task_type: str) -> str:
    return f"{keys.prefix(cell)}outcomes:{task_type}"
