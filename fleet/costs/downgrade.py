"""Which cheaper model stands in when a budget runs low?

A mapping that can be changed live. A downgrade is announced (which budget asked) and ends by itself when the budget's
window resets, it gets a grant, or the rule is taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fleet.errors import ConfigurationError

DEFAULT_RULES: Mapping[str, str] = {"gpt-5": "gpt-4o", "claude-opus-4.1": "claude-sonnet-3.5"}


@dataclass(frozen=True, slots=True)
class Downgrade:
    """One model standing in for another; equal names mean that nothing changed."""

    wanted: str
    used: str
    reason: str

    @property
    def changed(self) -> bool:
        return self.wanted != self.used


def downgraded(model: str, budget: str, rules: Mapping[str, str] = DEFAULT_RULES) -> Downgrade:
    """Return the model to use when `budget` asks for a cheaper one; an empty name means none asks."""
    if not budget:
        return Downgrade(model, model, "no budget asks for a cheaper model")
    if model not in rules:
        return Downgrade(model, model, f"budget {budget!r} asks for a cheaper model, but none is mapped to {model}")
    return Downgrade(model, rules[model], f"budget {budget!r} runs low: {rules[model]} stands in for {model}")


def check_rules(rules: Mapping[str, str], where: str = "downgrade") -> None:
    """Refuse circles: following the rules from any model must end."""
    for first in rules:
        seen, model = [first], rules[first]
        while model in rules:
            if model in seen:
                raise ConfigurationError(f"{where}: rules form a circle: {' -> '.join([*seen, model])}")
            seen.append(model)
            model = rules[model]
        if model in seen:
            raise ConfigurationError(f"{where}: rules form a circle: {' -> '.join([*seen, model])}")
