"""Does every rule in the box fire when it should, and only then, by the fleet's own evaluation and by Prometheus' (promtool)?

A row: the labels of the incident, series that make it fire, series that come close and do not, and when to look (minutes).
Values are written as both read them: start+stepxcount, one a minute.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.alerts import rulebook, trials
from fleet.alerts.generate import FILES
from fleet.alerts.rules import RuleBook

BOOK = rulebook.load()
Series = dict[str, str]


@dataclass(frozen=True)
class Row:
    labels: dict[str, str]
    fires: Series
    quiet: Series
    minutes: int


def gauge(text: str, bad: float, good: float, minutes: int, **labels: str) -> Row:
    """A rule over one number that stands still."""
    return Row(labels, {text: f"{bad}+0x{minutes + 1}"}, {text: f"{good}+0x{minutes + 1}"}, minutes)


def shares(part: str, whole: str, bad: str, good: str, rest: str, minutes: int, **labels: str) -> Row:
    """A rule over two counters: `part` grows badly or well, the rest of the whole all the same."""
    return Row(labels, {part: bad, whole: rest}, {part: good, whole: rest}, minutes)


def ended(outcome: str) -> str:
    return f'fleet_tasks_finished_total{{outcome="{outcome}",pool="p",task_type="t"}}'


def waited(bound: str) -> str:
    name = "bucket" if bound else "count"
    le = f'le="{bound}",' if bound else ""
    return f'fleet_task_wait_seconds_{name}{{{le}task_type="t"}}'


def late(bad: str, minutes: int) -> Row:
    """Ten tasks a minute begin; so many of them in time."""
    whole = f"0+10x{minutes}"
    good = f"0+9.9x{minutes}"
    return Row({"task_type": "t"}, {waited("30.0"): bad, waited(""): whole}, {waited("30.0"): good, waited(""): whole}, minutes)


RESPONSE = 'ai_agent_response_time_seconds_{}{{agent_type="a",complexity="low"}}'
AGE = 'fleet_queue_age_seconds{task_type="t"}'
STARTED = 'fleet_task_wait_seconds_count{task_type="t"}'
SPENT = 'fleet_budget_spent_ratio{budget="b",period="day"}'
COST = 'fleet_cost_usd_total{agent_type="a",model="m"}'
BINDING, WAITING = 'fleet_target_binding{limit="maximum",pool="p"}', 'ai_agent_queue_length{pool="p"}'
TARGET, READY = 'fleet_target_replicas{pool="p"}', 'fleet_ready_replicas{pool="p"}'

ROWS: dict[str, Row] = {
    "high_error_rate": gauge('ai_agent_success_rate{agent_type="a"}', 0.89, 0.9, 6, agent_type="a"),
    "critical_error_rate": gauge('ai_agent_success_rate{agent_type="a"}', 0.79, 0.8, 4, agent_type="a"),
    "high_response_time": shares(
        RESPONSE.format("sum"), RESPONSE.format("count"), "0+310x30", "0+290x30", "0+10x30", 30, agent_type="a"
    ),
    "token_budget_exceeded": Row(
        {}, {'ai_agent_token_usage_total{agent_type="a",model="m"}': "0+17000x90"},
        {'ai_agent_token_usage_total{agent_type="a",model="m"}': "0+16000x90"}, 90,
    ),
    "queue_age_high": gauge(AGE, 301, 300, 3, task_type="t"),
    "queue_stuck": Row({"task_type": "t"}, {AGE: "1000+60x20", STARTED: "5+0x20"}, {AGE: "1000+60x20", STARTED: "5+1x20"}, 16),
    "refusals_high": shares(
        'fleet_submissions_total{answer="refused",reason="budget",task_type="t"}',
        'fleet_submissions_total{answer="accepted",reason="none",task_type="t"}', "0+2x30", "0+1x30", "0+10x30", 25, task_type="t",
    ),
    "retry_storm": shares(
        'fleet_retries_total{reason="failed",task_type="t"}', ended("done"), "0+6x30", "0+4x30", "0+10x30", 20, task_type="t"
    ),
    "dead_letters_waiting": gauge('fleet_dead_letters{task_type="t"}', 1, 0, 2, task_type="t"),
    "tasks_dying": Row({"task_type": "t"}, {ended("dead"): "0+1x20"}, {ended("dead"): "0+0.5x20"}, 18),
    "fenced_attempts": Row(
        {"step": "finish"}, {'fleet_fenced_total{step="finish"}': "0+1x20"}, {'fleet_fenced_total{step="finish"}': "0+0.5x20"}, 18
    ),
    "ghost_workers": gauge('fleet_ghost_workers{pool="p"}', 1, 0, 2, pool="p"),
    "workers_lost": Row(
        {"pool": "p"}, {'fleet_leases_expired_total{pool="p"}': "0+0.5x20"}, {'fleet_leases_expired_total{pool="p"}': "0+0.1x20"}, 15
    ),
    "workers_failed": gauge('fleet_workers{pool="p",status="failed"}', 1, 0, 6, pool="p"),
    "pool_without_workers": Row({"pool": "p"}, {TARGET: "2+0x10", READY: "0+0x10"}, {TARGET: "2+0x10", READY: "1+0x10"}, 6),
    "pool_ejected": gauge('fleet_pool_ejected{pool="p"}', 1, 0, 6, pool="p"),
    "targets_stale": gauge('fleet_target_age_seconds{pool="p"}', 121, 119, 3, pool="p"),
    "target_capped": Row(
        {"pool": "p", "limit": "maximum"}, {BINDING: "1+0x20", WAITING: "3+0x20"}, {BINDING: "1+0x20", WAITING: "0+0x20"}, 16
    ),
    "budget_nearly_spent": gauge(SPENT, 0.8, 0.79, 1, budget="b", period="day"),
    "budget_exhausted": gauge(SPENT, 1, 0.99, 1, budget="b", period="day"),
    # An hour of 12 USD after a day without, and ten hours of 6 USD each.
    "cost_spike": Row({}, {COST: "0+0.2x60"}, {COST: "0+0.1x600"}, 0),
    "beat_missing": gauge("fleet_beat_age_seconds", 181, 60, 2),
    "job_failing": Row(
        {"job": "j"}, {'fleet_job_runs_total{job="j",outcome="failed"}': "0+0.2x40"},
        {'fleet_job_runs_total{job="j",outcome="failed"}': "0+0.05x40"}, 35,
    ),
    "broker_down": gauge("fleet_broker_up", 0, 1, 2),
    "broker_memory_high": gauge("fleet_broker_memory_ratio", 0.81, 0.8, 6),
    "broker_evicting": gauge("fleet_broker_evicting", 1, 0, 1),
    "secret_age_warning": gauge('fleet_secret_age_days{secret="s"}', 91, 90, 1, secret="s"),
    "secret_age_critical": gauge('fleet_secret_age_days{secret="s"}', 181, 180, 1, secret="s"),
    "alerts_blind": gauge("fleet_alerts_blind", 1, 0, 3),
    "notifications_dead": gauge("fleet_notifications_dead", 1, 0, 1),
    "emergency_mode": gauge("fleet_emergency_mode", 1, 0, 1),
    "metrics_dropped": Row({}, {"fleet_metrics_dropped_total": "0+1x20"}, {"fleet_metrics_dropped_total": "7+0x20"}, 15),
    # Of ten a minute: 8 in time burn fourteen times too fast, 9.3 slowly.
    "wait_slo_burning_fast": late("0+8x90", 90),
    "wait_slo_burning_slowly": late("0+9.3x420", 420),
    "success_slo_burning_fast": shares(ended("failed"), ended("done"), "0+2x90", "0+0.1x90", "0+10x90", 90, task_type="t"),
    "success_slo_burning_slowly": shares(ended("dead"), ended("done"), "0+1x420", "0+0.1x420", "0+10x420", 420, task_type="t"),
}  # fmt: skip


def test_every_rule_has_its_row() -> None:
    assert ROWS.keys() == BOOK.rules.keys()


@pytest.mark.parametrize("name", ROWS)
def test_by_the_fleets_own_evaluation(name: str) -> None:
    row, alone = ROWS[name], RuleBook(rules={name: BOOK.rules[name]})
    assert any(name == key.partition("{")[0] for key in trials.play(alone, row.fires, 60.0)[look(row, row.fires)])
    assert not trials.play(alone, row.quiet, 60.0)[look(row, row.quiet)]


def test_by_prometheus_own_evaluation(tmp_path: Path) -> None:
    """promtool is part of Debian's `prometheus`; where it is absent, the same rows have been played above."""
    promtool = shutil.which("promtool")
    if promtool is None:
        return
    files = sorted(str(path) for path in (FILES / "rules").iterdir())
    tests = [played(name, series, fires) for name, row in ROWS.items() for series, fires in ((row.fires, True), (row.quiet, False))]
    file = tmp_path / "trial.yaml"
    file.write_text(yaml.safe_dump({"rule_files": files, "evaluation_interval": "1m", "tests": tests}))
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def look(row: Row, series: Series) -> int:
    """Return the minute to look at: the row's, or the last of the series."""
    return row.minutes or max(int(values.rpartition("x")[2]) for values in series.values())


def played(name: str, series: Series, fires: bool) -> dict[str, Any]:
    """Return promtool's test: is this alert among those that fire?"""
    labels = {"alertname": name, "alertstate": "firing", "severity": BOOK.rules[name].severity, **ROWS[name].labels}
    shown = ", ".join(f'{label}="{value}"' for label, value in labels.items())
    sample = {"labels": f"ALERTS{{{shown}}}", "value": 1}
    return {
        "name": f"{name} {'fires' if fires else 'is quiet'}",
        "interval": "1m",
        "input_series": [{"series": text, "values": values} for text, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname="{name}", alertstate="firing"}}',
                "eval_time": f"{look(ROWS[name], series)}m",
                "exp_samples": [sample] if fires else [],
            }
        ],
    }
