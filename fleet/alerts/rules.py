"""Which rules apply, and what does each demand?

Values only: rules, channels, routes and inhibitions. A rule that exists has a condition that can be judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from fleet.alerts import check
from fleet.alerts.expression import duration, parse
from fleet.alerts.syntax import Node
from fleet.errors import ConfigurationError

Severity = Literal["info", "warning", "critical"]
ActionName = Literal["scale_up", "immediate_intervention", "performance_investigation", "rate_limiting"]


def _seconds(value: object) -> float:
    try:
        return duration(str(value))
    except ConfigurationError as error:
        raise ValueError(str(error)) from None


Duration = Annotated[float, BeforeValidator(_seconds)]
_NAME = r"^[a-z][a-z0-9_]{2,62}$"


class Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class ActionCall(Row):
    """What a rule does when it fires, besides telling."""

    name: ActionName
    lasts: Duration = 1800.0
    replicas: int = Field(1, ge=1, le=100)
    """scale_up: replicas to add to each affected pool's floor."""
    admitted_share: float = Field(0.25, ge=0.05, le=1)
    """immediate_intervention: share of ordinary submissions still admitted."""
    factor: float = Field(0.5, ge=0.1, lt=1)
    """rate_limiting: what the limits are multiplied by."""


class Rule(Row):
    """A condition over the fleet's numbers and what follows when it holds."""

    name: str = Field(pattern=_NAME)
    expr: str
    lasting: Duration = Field(0.0, alias="for")
    severity: Severity = "warning"
    summary: str = ""
    unit: str = ""
    first_things_to_try: tuple[str, ...] = Field((), alias="try")
    action: ActionCall | None = None
    channels: tuple[str, ...] = ()
    """Instead of the severity's route."""
    by: tuple[str, ...] | None = None
    """Labels that make separate incidents; absent: all the condition's labels except agent_id."""
    repeat: Duration = 14_400.0
    """Told again this long after the last time, while it fires and nobody acknowledged it."""
    resolve_after: Duration = 0.0
    """How long the condition must stay false before the incident is resolved."""
    runbook: str = ""
    when_absent: bool = False
    """In Prometheus it also fires when the metric is gone: then nobody is left to say that something is wrong."""

    @model_validator(mode="before")
    @classmethod
    def _expand_action(cls, row: Any) -> Any:
        if isinstance(row, dict) and isinstance(row.get("action"), str):
            return {**row, "action": {"name": row["action"]}}
        return row

    @field_validator("expr")
    @classmethod
    def _check_expression(cls, expr: str) -> str:
        try:
            found = list(dict.fromkeys(check.problems(parse(expr))))
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        if found:
            raise ValueError("; ".join(found))
        return expr

    @property
    def node(self) -> Node:
        return parse(self.expr)


class Channel(Row):
    """Where a notification can go; secrets are named, not written: `secret` is read from the secret backend."""

    name: str = Field(pattern=_NAME)
    kind: Literal["slack", "email", "pagerduty", "webhook"]
    url: str = ""
    secret: str = ""
    to: tuple[str, ...] = ()
    sender: str = ""
    host: str = ""
    port: int = Field(587, ge=1, le=65535)
    user: str = ""
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    timeout: Duration = 10.0

    @model_validator(mode="after")
    def _check_kind(self) -> Channel:
        needed = {
            "slack": ("secret|url",),
            "email": ("host", "to", "sender"),
            "pagerduty": ("secret",),
            "webhook": ("url", "secret"),
        }
        missing = [field for field in needed[self.kind] if not any(getattr(self, name) for name in field.split("|"))]
        if missing:
            raise ValueError(f"a {self.kind} channel needs {' and '.join(missing).replace('|', ' or ')}")
        return self


class Inhibition(Row):
    """While `source` fires, `mutes` stay silent where the labels `equal` agree."""

    source: str
    mutes: tuple[str, ...]
    equal: tuple[str, ...] = ()


class RuleBook(Row):
    """Everything the `alerts` section declares."""

    rules: Mapping[str, Rule] = {}
    channels: Mapping[str, Channel] = {}
    routes: Mapping[Severity, tuple[str, ...]] = {}
    inhibitions: tuple[Inhibition, ...] = ()
    runbook_url: str = "docs/runbooks"

    def channels_of(self, rule: Rule) -> tuple[str, ...]:
        return rule.channels or self.routes.get(rule.severity, ())

    def runbook_of(self, rule: Rule) -> str:
        return rule.runbook or f"{self.runbook_url.rstrip('/')}/{rule.name}.md"
