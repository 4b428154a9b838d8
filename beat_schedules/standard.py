"""What runs when? Data only; the jobs are in workers/maintenance, their work in the package each one names."""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab

from fleet.settings import current

QUEUE = "fleet.maintenance"
_settings = current()


def _every(name: str, seconds: float) -> dict[str, Any]:
    # A run that could not start before the next one is due is dropped, not queued up: missed runs are not replayed.
    return {"task": f"fleet.{name}", "schedule": seconds, "options": {"queue": QUEUE, "expires": seconds}}


def _at(name: str, when: crontab) -> dict[str, Any]:
    return {"task": f"fleet.{name}", "schedule": when, "options": {"queue": QUEUE, "expires": 3600.0}}


SCHEDULE: dict[str, dict[str, Any]] = {
    "costs": _every("costs", min(60.0, _settings.costs.interval_seconds)),
    "tick": _every("tick", 5.0),
    "cells": _every("cells", 5.0),
    "rollout": _every("rollout", 10.0),
    "scaling": _every("scaling", _settings.scaling.interval_seconds),
    "pod_costs": _every("pod_costs", 15.0),
    "alerts": _every("alerts", _settings.alerts.interval_seconds),
    "deliver": _every("deliver", 10.0),
    "health": _every("health", _settings.health.interval_seconds),
    "secrets": _every("secrets", 60.0),
    "audit": _every("audit", 3600.0),
    "backup": _at("backup", crontab(hour=_settings.backup.hour, minute=0)),
    "report_daily": _at("report_daily", crontab(hour=6, minute=0)),
    # Before the reports that link to it: on Mondays, and on the first for the month that follows.
    "plan_weekly": _at("plan", crontab(hour=5, minute=30, day_of_week="mon")),
    "plan_monthly": _at("plan", crontab(hour=5, minute=40, day_of_month=1)),
    "report_weekly": _at("report_weekly", crontab(hour=6, minute=10, day_of_week="mon")),
    "report_monthly": _at("report_monthly", crontab(hour=6, minute=20, day_of_month=1)),
}
