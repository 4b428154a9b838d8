"""How is use slowed? By lowering the hourly limits that are in force, never raising one."""

from __future__ import annotations

from typing import Final

from fleet.alerts.actions.plan import Effect, Plan, Request, View

SMALLEST_FACTOR: Final = 0.1
_SCOPES: Final = {"task_type": "task_type", "model": "model", "tenant": "tenant"}


def plan(request: Request, view: View) -> Plan:
    """Multiply the limits of the named scopes, or of every scope, by the call's factor."""
    wanted = {f"{scope}:{value}" for label, scope in _SCOPES.items() for value in request.values(label)}
    scopes = [scope for scope in sorted(view.limits) if not wanted or scope in wanted]
    factor = max(request.call.factor, SMALLEST_FACTOR)
    effects = []
    for scope in scopes:
        lowered = _lowered(view.limits[scope], factor)
        if lowered != view.limits[scope]:
            effects.append(Effect("limits", scope, lowered))
    if not effects:
        missing = ", ".join(sorted(wanted)) or "any scope"
        return Plan("lower nothing", refused=f"no limit is set for {missing}: set one in the `limits` section first")
    names = ", ".join(effect.field for effect in effects)
    text = f"lower the hourly limits of {names} to {factor:.0%} for {request.call.lasts / 60:g} minutes"
    return Plan(text, tuple(effects), most_active=2)


def _lowered(row: str, factor: float) -> str:
    """Lower each number; 0 means no limit and stays, 1 is the least a limit can be."""
    return " ".join("0" if int(part) == 0 else str(max(1, int(int(part) * factor))) for part in row.split())
