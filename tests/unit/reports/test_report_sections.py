"""Does a report tick what is met, name what is not, and never invent a number?"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fleet.registry.roster import WorkerRecord
from fleet.reports import page, plots
from fleet.reports.facts import Facts, Machine, Machines, Period, Pool, Span, Work
from fleet.reports.lines import Line, Report
from fleet.reports.machines import of_workers
from fleet.reports.sections import report
from fleet.settings import ReportSettings

DAY = 86_400.0
NODES = Machines("nodes", "the metrics API", [Machine("n1", 0.2, 0.3), Machine("n2", 0.4, None)])
WORKER = WorkerRecord("w", "a", "a", "idle", 1, 0, 0.0, 1, "1", "", "h1", 1, 0.0, 0.0, 1.0, host_cpu=0.2, host_memory=0.5)
FULL = Machines("workers' machines", "heartbeats", [Machine("n1", 0.1, 0.2), Machine("n2", 0.9, 0.9)])


def work(ended: int = 200, failed: int = 0, p95: float | None = 2.0, late: int = 0) -> Work:
    return Work(ended, failed, 1.0, p95, ended, late, {"job": (ended, failed)} if ended else {})


def facts(span: Span = "daily", now: Work | None = None, **more: object) -> Facts:
    this = Period(DAY, 2 * DAY, now or work(), 2_500_000, {"job": 2_500_000}, [], 0)
    last = Period(0.0, DAY, work(100, 5), 1_000_000, {"job": 1_000_000}, [], 0)
    built = Facts(
        span, "main", this, last, [(DAY + n, n, 0) for n in range(48)], {"idle": 2}, NODES, [("all (day)", 0.5)], [],
        (3.0, 2.0, 4.0), [], {"llm_api_key": "fresh"}, [Pool("a", 1, 4, 3, 2, {"demand": 9, "maximum": 1}, [(DAY, 1, 1)])], 30.0, 0.01,
    )  # fmt: skip
    return replace(built, **more)  # type: ignore[arg-type]


def open_points(done: Report) -> str:
    return "; ".join(check.text for check in done.checklist if not check.done)


def test_a_good_day_leaves_nothing_to_do() -> None:
    done = report(facts())
    assert open_points(done) == ""
    assert all(check.todo == "" for check in done.checklist)


def test_each_missed_goal_is_something_to_do() -> None:
    bad = facts(
        now=work(100, 2, p95=9.0), workers={"failed": 1}, machines=FULL, budgets=[("all (day)", 0.85)],
        anomalies=["job: five times its usual cost"], secrets={"broker": "critical"},
    )  # fmt: skip
    said = open_points(report(replace(bad, now=replace(bad.now, failed_logins=7))))
    for point in (
        "p95: 9.00 s",
        "error rate: 2.0%",
        "1 failed",
        "CPU",
        "memory",
        "85% used",
        "five times",
        "broker",
        "logins: 7",
    ):
        assert point in said


def test_a_fleet_that_did_nothing_is_neither_praised_nor_blamed() -> None:
    done = report(facts("monthly", now=work(0, p95=None)))
    judged = {line.label: line.ok for section in done.sections for line in section.lines}
    assert judged["response p95"] is None
    assert judged["error rate"] is None
    assert judged["tasks that succeeded"] is None


def test_a_restore_nobody_rehearsed_lately_is_something_to_do() -> None:
    drill = {"at": 1.9 * DAY, "made_at": 1.9 * DAY - 60, "ok": True, "seconds": 3.0}
    assert "drill" in open_points(report(facts("monthly")))
    assert "drill" not in open_points(report(facts("monthly", drills=[drill])))
    assert "drill" in open_points(report(facts("monthly", drills=[{**drill, "ok": False}])))
    assert "drill" in open_points(report(facts("monthly", drills=[{**drill, "at": -DAY}])))


def test_recovery_time_and_point_come_from_the_drills_that_succeeded() -> None:
    drills = [{"at": (2 - n) * DAY, "made_at": (2 - n) * DAY, "ok": n != 1, "seconds": 3.0 + n} for n in range(3)]
    lines = {line.label: line.value for s in report(facts("monthly", drills=drills)).sections for line in s.lines}
    assert lines["drills"] == "3, 2 of them succeeded"
    assert lines["RTO: longest restore"] == "5.0 s"
    assert lines["RPO: longest time without a proven backup"] == "48.0 h"


def test_goals_are_settings() -> None:
    strict = ReportSettings(p95_seconds=1.5, success_slo=0.999)
    done = report(facts("monthly", goals=strict))
    lines = {line.label: line for section in done.sections for line in section.lines}
    assert lines["response p95"].ok is False
    assert lines["tasks that succeeded"].goal == ">= 99.9%"


def test_a_burning_error_budget_is_told_by_its_speed() -> None:
    lines = {line.label: line.value for s in report(facts("monthly", last_day=work(100, 6))).sections for line in s.lines}
    assert lines["error budget burn, last day"] == "6.0 x"


def test_thresholds_are_judged_by_the_pools_own_waits() -> None:
    slow = Pool("a", 2, 4, 3, 2, {"demand": 9}, started=100, late=5)
    idle = Pool("b", 2, 4, 3, 2, {"minimum": 9}, started=100, late=0)
    said = {line.label: line for s in report(facts("weekly", pools=[slow, idle])).sections for line in s.lines}
    assert said["threshold: pool a"].ok is False
    assert "lower min_replicas" in said["threshold: pool b"].goal
    assert said["threshold: pool b"].ok is None


def test_what_moved_is_named_better_or_worse() -> None:
    lines = {line.label for s in report(facts("monthly")).sections for line in s.lines}
    assert "better: error rate" in lines
    assert "worse: cost of a task" in lines


def test_longer_spans_hold_what_shorter_ones_do() -> None:
    spans: tuple[Span, ...] = ("daily", "weekly", "monthly")
    titles = [{section.title for section in report(facts(span)).sections} for span in spans]
    assert titles[0] < titles[1] < titles[2]
    assert any("maximum" in line.value for section in report(facts("weekly")).sections for line in section.lines)


@given(ended=st.integers(1, 10_000), share=st.floats(0, 1))
def test_the_error_budget_is_spent_exactly_when_the_goal_is_missed(ended: int, share: float) -> None:
    failed = int(ended * share)
    level = next(s for s in report(facts("monthly", now=work(ended, failed))).sections if s.title == "Service level")
    goal, budget = level.lines[0].ok, level.lines[1].ok
    assert goal == (failed <= ended * 0.01) or abs(failed / ended - 0.01) < 1e-9
    assert goal == budget or abs(failed / ended - 0.01) < 1e-9


def test_the_page_needs_nothing_else_and_escapes_what_it_shows() -> None:
    shown = facts(anomalies=["<script>alert(1)</script>"])
    html = page.as_html(report(shown), plots.draw(shown))
    assert "<script>" not in html
    assert html.count("<svg") == 2
    assert "src=" not in html
    assert "- [ ] unusual use" in page.as_markdown(report(shown))


def line(label: str, machines: Machines) -> Line:
    return next(one for s in report(facts(machines=machines)).sections for one in s.lines if one.label.startswith(label))


def test_each_machine_counts_once_as_heard_last() -> None:
    newer = replace(WORKER, worker_id="x", silent_seconds=0.2, host_cpu=0.9)
    older_build = replace(WORKER, worker_id="y", hostname="h2", host_cpu=None, host_memory=None)
    other = replace(WORKER, worker_id="z", hostname="h3", host_cpu=0.1)
    assert of_workers([WORKER, newer, older_build, other]) == (Machine("h1", 0.9, 0.5), Machine("h3", 0.1, 0.5))


def test_the_fullest_machine_is_held_against_the_goal() -> None:
    assert line("CPU of nodes", NODES).value == "30.0% on average, n2 40.0% (2 by the metrics API)"
    assert line("CPU of nodes", NODES).ok
    hot = Machines("nodes", "the metrics API", [Machine("n1", 0.1, 0.1), Machine("n2", 0.95, 0.1)])
    assert line("CPU of nodes", hot).ok is False
    assert line("memory of nodes", hot).ok


def test_what_nobody_said_is_not_judged() -> None:
    silent = Machines("nodes", "the metrics API", [Machine("n1", None, None)])
    assert line("CPU of nodes", silent).ok is None


def test_a_plot_is_as_high_as_what_it_shows() -> None:
    pool = Pool("a", 1, 9, 3, 2, {"demand": 9}, [(DAY + n, n, n) for n in range(10)])
    drawn = plots.draw(facts(pools=[pool]))
    assert "<!-- 40 -->" in drawn["Tasks ended (red: failed)"], "the axis reaches the highest slice, 47 tasks"
    assert "<!-- 8 -->" in drawn["Pool a: target and ready replicas"]
