"""What may an assistant ask the fleet, and what may it do?

A tool's docstring is what the assistant reads. A refusal reaches it in the fleet's own words.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Literal, ParamSpec

from mcp.server.mcpserver.exceptions import ToolError

from fleet.cli.answer import plain
from fleet.errors import FleetError

ACTOR, SOURCE = "mcp", "fleet mcp"
MOST_FOUND = 200
State = Literal["", "done", "failed", "dead", "cancelled"]
Document = dict[str, Any]
Given = ParamSpec("Given")


def _tool(ask: Callable[Given, Document]) -> Callable[Given, Document]:
    """Let what the fleet refuses be read by the assistant, and answer in plain JSON."""

    @wraps(ask)
    def told(*arguments: Given.args, **named: Given.kwargs) -> Document:
        try:
            document: Document = plain(ask(*arguments, **named))
        except FleetError as error:
            raise ToolError(str(error)) from error
        return document

    return told


@_tool
def status() -> Document:
    """The fleet at a glance: pools with target, slots, load and success; held tasks with ages; workers; what the last hour
    cost; budgets; open incidents; recent decisions; dead letters."""
    from fleet.diagnostics.glance import fleet_at_a_glance

    return fleet_at_a_glance().as_dict()


@_tool
def explain_task(task_id: str) -> Document:
    """Why a task went where it went: candidates and their terms, what was rejected, how long it was held. `said` is the
    same for people."""
    from fleet.dispatcher import explanation

    found = explanation.explain(task_id)
    return {**plain(found), "said": found.lines()}


@_tool
def doctor() -> Document:
    """Look at everything (up to ten seconds): a verdict, and findings with evidence, consequence and the exact fix."""
    from fleet.diagnostics.doctor import diagnose

    return diagnose().as_dict()


@_tool
def search_tasks(task_type: str = "", tenant: str = "", pool: str = "", state: State = "", limit: int = 50) -> Document:
    """Find tasks: `under_way` are held, delayed, released or running; `ended` are newest first. Empty means any."""
    from fleet.dispatcher import tasks

    most = max(1, min(limit, MOST_FOUND))
    wanted = {"task_type": task_type, "tenant": tenant, "pool": pool}
    fits = [row for row in tasks.live(10 * MOST_FOUND) if all(getattr(row, k) == v for k, v in wanted.items() if v)]
    ended = tasks.search(task_type=task_type, tenant=tenant, pool=pool, state=state, limit=most)
    return {"under_way": [] if state else [row.as_dict() for row in fits[:most]], "ended": ended}


@_tool
def scale_explain(pool: str) -> Document:
    """Why a pool has the target it has: inputs, limits considered, what bound."""
    from fleet.errors import UnknownName
    from fleet.scaling.target_store import TargetStore
    from fleet.settings import current
    from fleet.store.client import connect

    kept = TargetStore(connect(), current().cell)
    target = kept.described(pool)
    if target is None:
        raise UnknownName("pool", pool, kept.pools(), "no target recorded: ")
    return {**target, "age_seconds": kept.now() - target["computed_at"]}


@_tool
def cost_report() -> Document:
    """What was spent, on what, where it is heading and what would save money, as the cost job found last; and how full the
    budgets are now."""
    from fleet.costs import budget_store
    from fleet.costs.job import last_report
    from fleet.settings import current
    from fleet.store.client import connect

    client, cell = connect(), current().cell
    return {
        "budgets": [fill.as_dict() for fill in budget_store.show(client, cell)],
        "report": last_report(client, cell),
    }


@_tool
def pause(name: str, why: str) -> Document:
    """Release nothing more to a pool, or to any pool of a task type; what runs goes on. Say why."""
    return _act("pause", name, why)


@_tool
def resume(name: str, why: str) -> Document:
    """Release to a paused pool or task type again. Say why."""
    return _act("resume", name, why)


@_tool
def drain(worker_id: str, why: str) -> Document:
    """Let a worker finish what it runs and take nothing new. Say why."""
    return _act("drain", worker_id, why)


@_tool
def cancel(task_id: str, why: str) -> Document:
    """Cancel a task for good: a waiting one at once, a running one is stopped. Say why."""
    return _act("cancel", task_id, why)


def _act(verb: str, target: str, why: str) -> Document:
    from fleet.diagnostics.acts import Wish, act

    done = act(Wish(verb, target, ACTOR, SOURCE, why))
    return {"is_done": done.is_done, "said": done.said}


LOOKS = (status, explain_task, doctor, search_tasks, scale_explain, cost_report)
ACTIONS = (pause, resume, drain, cancel)
