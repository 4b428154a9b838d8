"""Do declarations, grants, controls and the ledger survive what operators and crashes do to them?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from integration.spending import BOOK, BUDGETS, CELL, call, spend

from fleet.catalogue.declaration import Catalogue
from fleet.costs import configured, job
from fleet.costs.budget_store import apply_catalogue, declared, drop_budget, grant, history, set_budget, show
from fleet.costs.budgets import Window
from fleet.costs.calls import Call, UnpricedModel, allow, most_it_costs, record_call, void_call
from fleet.costs.controls import controls, set_control, undo
from fleet.costs.durable import DurableLedger
from fleet.costs.ledger import hot_entries
from fleet.costs.outcomes import arms, learned_costs, outcomes, record_attempt, record_task
from fleet.costs.prices import Quote, Usage
from fleet.costs.report import as_html, as_text
from fleet.costs.reservations import Wanted, held, release, reserve
from fleet.errors import ConfigurationError, NotFound, UnknownName
from fleet.settings import CostSettings, Settings
from fleet.store import keys


class Audited(list[tuple[str, Mapping[str, Any]]]):
    def __call__(self, action: str, detail: Mapping[str, Any]) -> None:
        self.append((action, detail))


@pytest.fixture
def client(store: redis.Redis) -> redis.Redis:
    for key in store.scan_iter(match=f"{keys.prefix(CELL)}*"):
        store.delete(key)
    return store


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[DurableLedger]:
    ledger = DurableLedger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield ledger
    ledger.close()


def test_an_operators_change_wins_over_the_catalogue_until_it_is_dropped(client: redis.Redis) -> None:
    audit = Audited()
    assert apply_catalogue(client, CELL, BUDGETS) == ()
    set_budget(client, CELL, {"name": "team", "limits_usd": {"day": 2}}, audit)
    assert apply_catalogue(client, CELL, BUDGETS) == ("team",)
    team, origin = declared(client, CELL)["team"]
    assert (team.limits, team.parent, origin) == ({Window.DAY: 2_000_000}, "org", "operator")
    drop_budget(client, CELL, "team", audit)
    assert apply_catalogue(client, CELL, BUDGETS) == ()
    assert declared(client, CELL)["team"][0] == BUDGETS[1]
    assert [action for action, _ in audit] == ["budget.set", "budget.drop"]


def test_a_change_that_cannot_be_leaves_everything_as_it_was(client: redis.Redis) -> None:
    apply_catalogue(client, CELL, BUDGETS)
    before = declared(client, CELL)
    with pytest.raises(ConfigurationError):
        set_budget(client, CELL, {"name": "org", "parent": "team"}, Audited())
    with pytest.raises(UnknownName):
        drop_budget(client, CELL, "org", Audited())
    assert declared(client, CELL) == before


def test_a_paused_task_resumes_on_a_grant_and_its_window_tells_the_story(client: redis.Redis) -> None:
    apply_catalogue(client, CELL, BUDGETS)
    for number in range(3):
        reserve(client, CELL, [Wanted(f"w{number}", "t", "code_generation", 160_000)])
        spend(client, number, tokens=20_000, task=f"w{number}")
        release(client, CELL, [f"w{number}"])
    wanted = Wanted("late", "t", "code_generation", 150_000)
    [verdict] = reserve(client, CELL, [wanted])
    assert verdict.allowed, "the last task gets what is left"
    release(client, CELL, ["late"])
    spend(client, 9, tokens=2_500, task="other")
    [verdict] = reserve(client, CELL, [wanted])
    assert (verdict.status, verdict.budget, verdict.window) == ("pause", "team", "day")
    audit = Audited()
    assert grant(client, CELL, "team", Window.DAY, 250_000, audit) == 250_000
    [verdict] = reserve(client, CELL, [wanted])
    assert verdict.allowed
    [fill] = [fill for fill in show(client, CELL) if fill.budget == "team"]
    assert (fill.limit, fill.spent, fill.reserved, fill.fired) == (750_000, 500_000, 150_000, 100)
    assert [past.as_dict() for past in history(client, CELL, "team")] == [fill.as_dict()]
    assert audit == [("budget.grant", {"budget": "team", "window": "day", "task": "", "amount": "0.25 USD"})]


def test_grants_name_what_they_raise(client: redis.Redis) -> None:
    apply_catalogue(client, CELL, BUDGETS)
    with pytest.raises(UnknownName, match="did you mean 'team'"):
        grant(client, CELL, "tean", Window.DAY, 1, Audited())
    with pytest.raises(ConfigurationError, match="no limit per hour"):
        grant(client, CELL, "team", Window.HOUR, 1, Audited())
    with pytest.raises(ConfigurationError, match="names the task"):
        grant(client, CELL, "team", Window.TASK, 1, Audited())
    with pytest.raises(NotFound):
        history(client, CELL, "nobody")


def test_one_task_may_be_given_more_than_its_own_cap(client: redis.Redis) -> None:
    apply_catalogue(client, CELL, BUDGETS)
    reserve(client, CELL, [Wanted("big", "t", "code_generation", 100_000)])
    most = Quote("gpt-5", 250_000, "test", is_free=False)
    refused = allow(client, CELL, call(1, "big"), most)
    assert (refused.status, refused.window, refused.available) == ("pause", "task", 200_000)
    grant(client, CELL, "team", Window.TASK, 100_000, Audited(), task="big")
    assert allow(client, CELL, call(1, "big"), most).allowed


def test_an_allowed_call_that_was_never_made_costs_nothing(client: redis.Redis) -> None:
    apply_catalogue(client, CELL, BUDGETS)
    reserve(client, CELL, [Wanted("a", "t", "code_generation", 100_000)])
    most = most_it_costs(call(1), BOOK, datetime.now(tz=UTC), input_tokens=1000, max_output_tokens=5000)
    assert allow(client, CELL, call(1), most).allowed
    reservation = held(client, CELL, "a")
    assert reservation is not None
    assert (reservation.reserved, reservation.committed, reservation.calls_in_flight) == (100_000, 32_000, 1)
    assert void_call(client, CELL, call(1)) == 32_000
    assert void_call(client, CELL, call(1)) == 0
    assert release(client, CELL, ["a"]) == 100_000
    assert hot_entries(client, CELL) == []


def test_an_unpriced_model_is_not_recorded_as_free(client: redis.Redis) -> None:
    with pytest.raises(UnpricedModel, match="in no price list"):
        record_call(client, CELL, call(1, model="nobody"), Usage(1, 1), BOOK, datetime.now(tz=UTC))
    assert hot_entries(client, CELL) == []


def test_controls_are_audited_and_undone_one_by_one(client: redis.Redis) -> None:
    audit = Audited()
    before = controls(client, CELL)
    set_control(client, CELL, "downgrade.gpt-5", "none", audit)
    set_control(client, CELL, "limit.fleet", "requests=7", audit)
    now = controls(client, CELL)
    assert "gpt-5" not in now.downgrade
    assert now.limits == {"fleet": (7, 0, 0)}
    assert [undo(client, CELL, audit) for _ in range(2)] == ["limit.fleet", "downgrade.gpt-5"]
    after = controls(client, CELL)
    assert (after.limits, after.downgrade) == (before.limits, before.downgrade)
    with pytest.raises(NotFound):
        undo(client, CELL, audit)
    assert [action for action, _ in audit] == ["cost.control.set"] * 2 + ["cost.control.undo"] * 2


def test_the_catalogue_puts_everything_in_force_but_what_an_operator_set(client: redis.Redis) -> None:
    sections = {
        "budgets": {"org": {"level": "organisation", "limits_usd": {"day": 1}}},
        "prices": {"mine": {"local": True}},
        "limits": {"tenant:big": {"requests": 5, "usd": 2}},
        "quotas": {"openai/gpt-5": {"requests": 500, "tokens": 90_000}},
        "downgrades": {"gpt-4o": "gemini-2.0-flash"},
    }
    catalogue = Catalogue(agent_types={}, task_types={}, pools={}, compatibility={}, sections=sections)
    settings = Settings()
    set_control(client, CELL, "limit.model:*", "requests=9", Audited())
    configured.put_in_force(client, CELL, settings, catalogue)
    now = controls(client, CELL)
    assert now.limits == {"model:*": (9, 0, 0), "tenant:big": (5, 0, 2_000_000)}
    assert now.quotas == {"openai/gpt-5": (500, 90_000)}
    assert now.downgrade["gpt-4o"] == "gemini-2.0-flash"
    assert list(declared(client, CELL)) == ["org"]
    wrong = catalogue.model_copy(update={"sections": sections | {"limits": {"team:x": "none"}}})
    with pytest.raises(ConfigurationError, match="team:x"):
        configured.put_in_force(client, CELL, settings, wrong)


def test_the_job_reports_what_was_spent(client: redis.Redis, durable: DurableLedger) -> None:
    apply_catalogue(client, CELL, BUDGETS)
    reserve(client, CELL, [Wanted("gone", "t", "code_generation", 10_000)])
    for number in range(10):
        spend(client, number)
    assert job.last_report(client, CELL) is None
    run = job.run(client, CELL, durable, CostSettings())
    assert run.moved == 10
    assert (run.report.analysis.total, run.report.analysis.month_limit) == (80_000, 10_000_000)
    report = job.last_report(client, CELL)
    assert report is not None
    assert report["total_usd"] == "0.080000"
    assert {fill["budget"] for fill in report["budgets"]} == {"org", "team"}
    assert "gpt-5" in as_text(run.report)
    page = as_html(run.report)
    assert "<svg" in page
    assert "http" not in page.partition("<svg")[0]


def test_names_in_a_report_page_are_text(client: redis.Redis, durable: DurableLedger) -> None:
    evil = Call("x", "x", "<script>alert(1)</script>", "k", "gpt-5", "openai")
    record_call(client, CELL, evil, Usage(1000, 1000), BOOK, datetime.now(tz=UTC))
    page = as_html(job.run(client, CELL, durable, CostSettings()).report)
    assert "<script>" not in page


def test_outcomes_are_learned_per_task_type_and_model(client: redis.Redis) -> None:
    for number in range(30):
        record_attempt(client, CELL, "code_generation", "gpt-5", passed=number % 3 != 0, micros=100)
        record_task(client, CELL, "code_generation", "escalate", passed=True, micros=100 + number)
    assert outcomes(client, CELL, "code_generation")["gpt-5"].won == 20
    assert learned_costs(client, CELL, "code_generation") == {("code_generation", "gpt-5"): 100}
    assert learned_costs(client, CELL, "general") == {}
    arm = arms(client, CELL, "code_generation")["escalate"]
    assert (arm.tasks, arm.mean) == (30, 114.5)
