"""What does beat have done?

Each job takes a singleton lease, does its work, and notes when it ran and when it last succeeded, so that a job that
stopped running shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

from fleet.alerts.sources.jobs import note
from fleet.app import app
from fleet.errors import ConfigurationError, Conflict
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import available, connect
from fleet.store.lease import singleton
from fleet.telemetry import logs


def job(name: str, lease_seconds: float = 60.0) -> Callable[[Callable[[], dict[str, Any]]], Any]:
    """Register a job as the Celery task `fleet.<name>`."""

    def decorate(function: Callable[[], dict[str, Any]]) -> Any:
        def run() -> dict[str, Any]:
            client, prefix = connect(), keys.prefix(current().cell)
            with singleton(client, f"{prefix}lease:{name}", lease_seconds) as lease:
                if lease is None:
                    return {"ran": False, "why": "another worker runs it"}
                began = time.time()
                with available():
                    client.hset(f"{prefix}jobs", f"{name}:ran", f"{began:.3f}")
                try:
                    answer = function()
                except Exception:
                    note(client, current().cell, name, ok=False)
                    raise
                note(client, current().cell, name, ok=True)
                logs.get("maintenance").info(
                    "job_done",
                    job=name,
                    seconds=round(time.time() - began, 3),
                    **{k: v for k, v in answer.items() if isinstance(v, int | float | str)},
                )
                return {"ran": True, **answer}

        run.__doc__ = function.__doc__
        return app.task(
            run, name=f"fleet.{name}", ignore_result=True, soft_time_limit=lease_seconds, time_limit=lease_seconds * 2
        )

    return decorate


@job("tick")
def tick() -> dict[str, Any]:
    """Do what is due, should no heartbeat have done it."""
    from fleet.dispatcher.ticking import tick as tick_now

    return {"ticked": tick_now(current().leases.tick_seconds).ran}


@job("cells")
def cells() -> dict[str, Any]:
    """Move what a drained cell still holds (retries, delayed tasks), and finish moves that somebody began."""
    from fleet.dispatcher.cells import draining, routing

    if not routing.is_many():
        return {"moved": 0}
    return {"moved": sum(draining.evacuate().moved.values())}


@job("costs", lease_seconds=300.0)
def costs() -> dict[str, Any]:
    """Roll up the ledger, give back leaked reservations, analyse: every interval, and when a threshold fired."""
    from fleet.costs import job as cost_job
    from fleet.costs.durable import DurableLedger, ledger_url

    settings, client = current(), connect()
    if not cost_job.is_due(client, settings.cell, settings.costs):
        return {"due": 0}
    durable = DurableLedger(ledger_url(settings))
    try:
        run = cost_job.run(client, settings.cell, durable, settings.costs)
    finally:
        durable.close()
    return {"entries": run.moved, "swept": len(run.swept), "forgotten": run.forgotten}


@job("health")
def health() -> dict[str, Any]:
    """Look for ghosts, leaks and stuck tasks, and mend what can be mended."""
    from fleet.dispatcher.mending import mend

    return mend()


@job("rollout", lease_seconds=30.0)
def rollout() -> dict[str, Any]:
    """Judge new versions: a larger share, promotion, or back."""
    from fleet.dispatcher import rollouts

    return {"judged": len(rollouts.judge_all()), "unbound": rollouts.unbind_strays()}


@job("scaling", lease_seconds=30.0)
def scaling() -> dict[str, Any]:
    """Compute and publish every pool's target."""
    from fleet import catalogue
    from fleet.scaling.refresh import refresh

    settings = current()
    targets = refresh(connect(), settings.cell, catalogue.current(), settings.scaling) or []
    return {"targets": len(targets), "changed": sum(target.replicas != target.previous for target in targets)}


@job("alerts", lease_seconds=120.0)
def alerts() -> dict[str, Any]:
    """Judge the rules, tell whoever must know, end actions whose time is over."""
    from fleet.alerts import job as alert_job

    done = alert_job.run()
    return {
        "announcements": len(done.looked.announcements),
        "told": done.delivered.get("told", 0),
        "blind": len(done.looked.blind),
        "ended_actions": len(done.ended_actions),
    }


@job("pod_costs", lease_seconds=30.0)
def pod_costs() -> dict[str, Any]:
    """On Kubernetes: tell the cluster which pods run what, so that the idlest leave first."""
    from fleet.scaling import pod_costs as costs_of_pods
    from fleet.scaling.cluster import Cluster, own_namespace

    namespace = own_namespace()
    return {"written": len(costs_of_pods.refresh(Cluster(namespace))) if namespace else 0}


@job("deliver", lease_seconds=120.0)
def deliver() -> dict[str, Any]:
    """Deliver notifications that are due, between two looks at the rules."""
    from fleet.alerts import job as alert_job

    return dict(alert_job.run_delivery())


@job("secrets", lease_seconds=300.0)
def secrets() -> dict[str, Any]:
    """Judge the secrets' ages, go on with rotations, begin those that are due."""
    from fleet.secrets import upkeep

    done = upkeep.rotate_due()
    judged = upkeep.ages()
    upkeep.publish_ages(judged)
    stuck = [item for item in done if isinstance(item, upkeep.Stuck)]
    for item in stuck:
        logs.get("maintenance").warning("rotation_stuck", path=item.path, reason=item.reason)
    overdue = sum(age.verdict == "critical" for age in judged)
    return {
        "rotations": len(done), "stuck": len(stuck), "secrets": len(judged), "overdue": overdue, "mirrored": _mirrored(),
    }  # fmt: skip


def _mirrored() -> int:
    """Keep the copies in Kubernetes, where the settings ask for some; return how many were made or mended."""
    wanted = current().secrets.mirrored
    if not wanted:
        return 0
    from fleet.scaling.cluster import own_namespace
    from fleet.secrets import configured, mirror, mirroring

    namespace = own_namespace()
    if namespace is None:
        logs.get("maintenance").warning(
            "mirror_not_kept", reason="this process runs in no Kubernetes pod", next_step="clear secrets.mirrored, or run it in one"
        )
        return 0
    done = mirroring.keep(
        wanted, configured.backend(), mirror.cluster(namespace), partial(mirror.owner_of, namespace=namespace)
    )
    for row in done:
        if isinstance(row, mirroring.NotMirrored):
            logs.get("maintenance").warning("mirror_not_kept", agent_type=row.agent_type, reason=row.reason)
    return sum(isinstance(row, mirror.Mirrored) and row.did != "unchanged" for row in done)


@job("audit", lease_seconds=300.0)
def audit() -> dict[str, Any]:
    """Archive the audit log, where the settings say so, and follow its chain."""
    from fleet.secrets import audit as log

    file = current().secrets.audit_archive
    verdict = log.archive(Path(file)) if file else log.verify()
    if not verdict.ok:
        raise Conflict(f"the audit log is broken: {verdict.reason}")
    return {"entries": verdict.checked}


def _report(span: Literal["daily", "weekly", "monthly"]) -> dict[str, Any]:
    from fleet.reports import publish

    done, page = publish.make(span)
    kept = publish.keep(done, page)
    sent = publish.send(done)
    open_points = sum(not check.done for check in done.checklist)
    return {"report": kept.name, "to_do": open_points, "told": sum(answer == "told" for answer in sent.values())}


@job("report_daily", lease_seconds=300.0)
def report_daily() -> dict[str, Any]:
    """Write the daily report, keep it, and tell whoever hears of it."""
    return _report("daily")


@job("report_weekly", lease_seconds=300.0)
def report_weekly() -> dict[str, Any]:
    """Write the weekly report, keep it, and tell whoever hears of it."""
    return _report("weekly")


@job("report_monthly", lease_seconds=300.0)
def report_monthly() -> dict[str, Any]:
    """Write the monthly report, keep it, and tell whoever hears of it."""
    return _report("monthly")


@job("plan", lease_seconds=900.0)
def plan() -> dict[str, Any]:
    """Plan the next month from the fleet's own past, and keep it beside the reports, which link to it."""
    from fleet.reports import plan_kept

    page, made = plan_kept.make(connect(), current())
    return {"plan": page.name, "month": made.month, "proposals": sum(len(pool.proposals) for pool in made.pools)}


@job("backup", lease_seconds=900.0)
def backup() -> dict[str, Any]:
    """Save the cell, forget all but the newest backups, fetch it back and rehearse the restore, where a broker can be had."""
    from fleet.backup import drill, shelf
    from fleet.supervisor import valkey

    settings = current()
    word = settings.secrets.passphrase
    if not word.get_secret_value():
        return {"skipped": "no passphrase: set FLEET_SECRETS__PASSPHRASE"}
    kept = shelf.shelf(shelf.usual(settings), settings)
    where, made = shelf.save(kept, connect(decode=False), settings, word)
    told = {"backup": where, "bytes": made.bytes, "forgotten": len(shelf.forget(kept, settings.backup.keep))}
    with shelf.at_hand(where, settings) as file:
        try:
            verdict = drill.rehearse_apart(file, word, settings.cell, valkey.start)
        except ConfigurationError as error:
            return {**told, "drilled": False, "why": str(error)}
    drill.note(connect(), settings.cell, verdict)
    if not verdict.ok:
        wrong = [row.what for row in verdict.rows if not row.ok]
        raise Conflict(f"the drill of {made.file.name} found differences: {', '.join(wrong)}")
    return {**told, "drilled": True, "restored_seconds": verdict.seconds}
