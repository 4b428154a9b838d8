"""What does the fleet show of itself over HTTP?"""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from fleet.gateway.exchange import Answer, Call
from fleet.gateway.schemas import CountQuery, MetricQuery
from fleet.store import keys
from fleet.store.client import available


def whoami(call: Call) -> Answer:
    """Return who the gateway takes the caller for."""
    return Answer(call.identity)


def glance(call: Call) -> Answer:
    """Return the fleet at a glance; tasks only as far as the caller may see their tenant."""
    from fleet.diagnostics.glance import fleet_at_a_glance

    seen = fleet_at_a_glance()
    decisions = tuple(one for one in seen.decisions if call.identity.may_see(one.tenant))
    dead = tuple(one for one in seen.dead if call.identity.may_see(one.tenant))
    return Answer(replace(seen, decisions=decisions, dead=dead))


def pools(_call: Call) -> Answer:
    """Return the pools with their slots, load, queue and target."""
    from fleet.dispatcher import pools as declared
    from fleet.dispatcher.cells import routing

    return Answer({"pools": [row for _ in routing.each_answering() for row in declared.status()]})


def pool_metric(call: Call) -> Answer:
    """Return the number that scales a pool to its target; a stale target is refused, never guessed."""
    from fleet import catalogue
    from fleet.errors import UnknownName
    from fleet.gateway.problems import Problem
    from fleet.scaling.published import NoTargets, StaleTarget, metric_value
    from fleet.scaling.target_store import TargetStore
    from fleet.settings import current

    pool, wish = call.path["pool"], call.asked(MetricQuery)
    try:
        if catalogue.whole().pool(pool) is None:  # an unknown pool is that also before any target was published
            raise UnknownName("pool", pool, catalogue.whole().pools)
        value = metric_value(TargetStore(call.client, call.cell), pool, wish.tolerance, current().scaling.stale_seconds)
    except UnknownName as error:
        raise Problem(404, "no-such-pool", str(error)) from error
    except (StaleTarget, NoTargets) as error:
        raise Problem(503, "stale-target", str(error), retry_after=15.0) from error
    return Answer({"pool": pool, "value": value})


def workers(_call: Call) -> Answer:
    """Return the registered workers."""
    from fleet.dispatcher.cells import routing
    from fleet.registry import roster

    return Answer({"workers": [row for _ in routing.each_answering() for row in roster.workers()]})


def costs(call: Call) -> Answer:
    """Return how full the budgets are and what the cost job found last."""
    from fleet.costs import budget_store

    with available():
        report = call.client.get(keys.prefix(call.cell) + "cost_report")
    fills = [fill.as_dict() for fill in budget_store.show(call.client, call.cell)]
    return Answer({"budgets": fills, "report": json.loads(str(report)) if report else None})


def incidents(call: Call) -> Answer:
    """Return the open incidents."""
    from fleet.alerts import incidents as stored

    book = stored.read(call.client, call.cell)
    return Answer({"incidents": [asdict(incident) for incident in book.incidents.values()]})


def audit_entries(call: Call) -> Answer:
    """Return the newest audit entries, newest first."""
    from fleet.secrets import audit

    return Answer({"entries": list(audit.newest(call.asked(CountQuery).limit, call.client, call.cell))})
