"""What do the settings and the catalogue say about money, and how is it put in force?

Sections read here: `prices`, `models`, `budgets`, `limits`, `quotas`, `downgrades`. A wrong one is refused with its place before
anything is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fleet.catalogue.declaration import Catalogue
from fleet.costs.budget_store import apply_catalogue
from fleet.costs.budgets import parse_budgets
from fleet.costs.control_values import Change, parse_control
from fleet.costs.controls import put_declared
from fleet.costs.downgrade import DEFAULT_RULES, check_rules
from fleet.costs.model_section import parse_models
from fleet.costs.price_section import parse_prices
from fleet.costs.pricing import LOCAL_PROVIDER, PriceBook
from fleet.costs.selection import Model
from fleet.errors import ConfigurationError
from fleet.settings import Settings
from fleet.store.client import Client


def price_book(settings: Settings, catalogue: Catalogue) -> PriceBook:
    """Return the prices that apply to this fleet."""
    return PriceBook(parse_prices(catalogue.sections.get("prices")), settings.costs.price_set)


def models(settings: Settings, catalogue: Catalogue) -> tuple[Model, ...]:
    """Return the models to choose from: what is declared, and the local one when the fleet runs it."""
    known = parse_models(catalogue.sections.get("models"))
    if settings.llm.provider != LOCAL_PROVIDER or any(model.name == settings.llm.model for model in known):
        return known
    return (*known, Model(settings.llm.model, quality=0.2, speed=0.5, provider=LOCAL_PROVIDER))


def put_in_force(client: Client, cell: str, settings: Settings, catalogue: Catalogue) -> tuple[str, ...]:
    """Put declared budgets and controls in force; returns the budgets whose live change by an operator stays."""
    price_book(settings, catalogue)
    models(settings, catalogue)
    budgets = parse_budgets(catalogue.sections.get("budgets"))
    changes = list(declared_controls(settings, catalogue))
    put_declared(client, cell, changes)
    return apply_catalogue(client, cell, budgets)


def declared_controls(settings: Settings, catalogue: Catalogue) -> Iterator[Change]:
    """Yield the controls that settings and catalogue declare."""
    costs = settings.costs
    usual = f"requests={costs.requests_per_hour},tokens={costs.tokens_per_hour},usd={costs.usd_per_hour}"
    # Paid work only: free work names no model. Limits on everything are declared by tenant or task type.
    yield parse_control("limit.model:*", usual)
    yield parse_control("hold_out", str(costs.hold_out_share))
    for section, control in (("limits", "limit"), ("quotas", "quota")):
        for name, row in _mapping(catalogue.sections.get(section), section).items():
            yield parse_control(f"{control}.{name}", _text(row, f"{section}.{name}"))
    rules = {str(m): str(i) for m, i in _mapping(catalogue.sections.get("downgrades"), "downgrades").items()}
    check_rules({**DEFAULT_RULES, **rules}, "downgrades")
    for model, instead in rules.items():
        yield parse_control(f"downgrade.{model}", instead)


def _mapping(section: object, where: str) -> Mapping[Any, Any]:
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        raise ConfigurationError(f"{where}: expected a mapping of names to values, got {type(section).__name__}")
    return section


def _text(row: object, where: str) -> str:
    if isinstance(row, Mapping):
        return ",".join(f"{key}={value}" for key, value in row.items())
    if isinstance(row, str):
        return row
    raise ConfigurationError(f"{where}: expected amounts such as {{requests: 500, tokens: 90000}}, got {row!r}")
