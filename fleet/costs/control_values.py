"""What can a cost control be set to?

The names and values an operator types, read into the one hash field each of them stands for. Wrong ones are refused
with the form that would be right.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleet.costs.money import micros
from fleet.errors import ConfigurationError, UnknownName

SCOPES = ("fleet", "tenant", "task_type", "model")
CONTROLS = {
    "limit.<scope>": "requests=N,tokens=N,usd=X an hour, or none; scope fleet | tenant:X | task_type:X | model:X",
    "quota.<provider>/<model>": "requests=N,tokens=N per minute (0 = none), or `none`; model * = all of the provider",
    "downgrade.<model>": "the model that stands in when a budget runs low, or `none`",
    "alerts": "on | off: whether budget thresholds notify",
    "hold_out": "share of tasks from 0 to 1 that go straight to the best model",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One hash field and its new text; None removes the field."""

    hash: str
    field: str
    text: str | None


def parse_control(name: str, value: str) -> Change:
    """Read a control as typed."""
    kind, _, rest = name.partition(".")
    match kind:
        case "limit":
            return _limit(rest, value)
        case "quota":
            return _quota(rest, value)
        case "downgrade" if rest:
            # An empty text is kept: it takes a default rule out of force.
            return Change("controls", f"downgrade:{rest}", "" if value == "none" else value)
        case "alerts" if not rest:
            if value not in ("on", "off"):
                raise ConfigurationError(f"alerts: expected on or off, got {value!r}")
            return Change("controls", "alerts", value)
        case "hold_out" if not rest:
            return Change("controls", "hold_out", str(_share(value)))
        case _:
            raise UnknownName("control", name, CONTROLS)


def limit_text(requests: int, tokens: int, most_micros: int) -> str:
    """Return a rate limit as the scripts read it."""
    return f"{requests} {tokens} {most_micros}"


def _limit(scope: str, value: str) -> Change:
    kind, _, which = scope.partition(":")
    if kind not in SCOPES or (kind == "fleet") == bool(which):
        raise ConfigurationError(f"limit.{scope}: expected a scope {CONTROLS['limit.<scope>'].rpartition('scope ')[2]}")
    if value == "none":
        return Change("limits", scope, None if which not in ("", "*") else limit_text(0, 0, 0))
    amounts = _amounts(value, ("requests", "tokens", "usd"), f"limit.{scope}")
    text = limit_text(
        _count(amounts.get("requests", "0"), f"limit.{scope}.requests"),
        _count(amounts.get("tokens", "0"), f"limit.{scope}.tokens"),
        micros(amounts.get("usd", "0"), f"limit.{scope}.usd"),
    )
    return Change("limits", scope, text)


def _quota(name: str, value: str) -> Change:
    provider, _, model = name.partition("/")
    if not provider or not model:
        raise ConfigurationError(f"quota.{name}: expected quota.<provider>/<model>, e.g. quota.openai/gpt-5")
    if value == "none":
        return Change("quotas", name, None)
    amounts = _amounts(value, ("requests", "tokens"), f"quota.{name}")
    counts = [_count(amounts.get(kind, "0"), f"quota.{name}.{kind}") for kind in ("requests", "tokens")]
    return Change("quotas", name, f"{counts[0]} {counts[1]}")


def _amounts(value: str, known: tuple[str, ...], where: str) -> dict[str, str]:
    amounts: dict[str, str] = {}
    for part in value.split(","):
        key, equals, amount = part.strip().partition("=")
        if not equals:
            raise ConfigurationError(f"{where}: expected {','.join(f'{k}=N' for k in known)} or `none`, got {value!r}")
        if key not in known:
            raise UnknownName("amount", key, known, f"{where}: ")
        amounts[key] = amount
    return amounts


def _count(text: str, where: str) -> int:
    if not text.isdecimal():
        raise ConfigurationError(f"{where}: expected a whole number from 0, got {text!r}")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ConfigurationError(f"hold_out: expected a share from 0 to 1, got {text!r}")
    return share
