"""How does a pipeline check, switch, watch and take back a release? Exit code 1: no, and the reason."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from fleet.cli.answer import answer, json_option
from fleet.cli.progress import progress

if TYPE_CHECKING:
    from fleet.release.verdict import Verdict

NAMESPACE = click.option("--namespace", default="fleet", show_default=True, help="Kubernetes namespace of the fleet.")
ROUTE = click.option("--route", default="gateway", show_default=True, help="The VirtualService that holds the weights.")


@click.group("release")
def group() -> None:
    """Check, try, switch, watch and take back a release."""


@group.command()
@NAMESPACE
@click.option("--track", default="", help="Look at this track only, e.g. green.")
@click.option("--wait", "wait_seconds", default=60.0, show_default=True, help="Seconds it may take to become so.")
@json_option
def check(namespace: str, track: str, wait_seconds: float, as_json: bool) -> None:
    """Is everything up: Deployments available, pods ready, ScaledObjects obeyed?"""
    from fleet.release.namespace import Namespace

    asked, began = Namespace(namespace), time.monotonic()
    with progress("waiting", wait_seconds, as_json=as_json) as steps:
        while not (verdict := asked.check(track)).ok and (waited := time.monotonic() - began) < wait_seconds:
            steps.reached(verdict.reason, waited, wait_seconds)
            time.sleep(min(2.0, wait_seconds - waited))
    _say(verdict, as_json)


@group.command()
@click.option("--url", required=True, help="The gateway of the track.")
@click.option("--api-key", envvar="FLEET_API_KEY", required=True, help="Default: the environment's FLEET_API_KEY.")
@click.option("--task", "tasks", multiple=True, metavar="TYPE=JSON", help="Try this task, too; may be repeated.")
@click.option("--within", default=120.0, show_default=True, help="Seconds until every task must be done.")
@json_option
def smoke(url: str, api_key: str, tasks: tuple[str, ...], within: float, as_json: bool) -> None:
    """Does it work: one small task of each type that can be tried, through the front door?"""
    from fleet import catalogue
    from fleet.release import smoke as trial

    declared = catalogue.current().task_types
    wanted: dict[str, Any] = {name: payload for name, payload in trial.SMALL.items() if name in declared}
    wanted.update(map(_task, tasks))
    if not wanted:
        raise click.UsageError("no declared task type can be tried by itself: name one with --task TYPE=JSON")
    with progress(f"trying {', '.join(wanted)}", as_json=as_json):
        verdict = trial.smoke(url, api_key, wanted, within)
    _say(verdict, as_json)


@group.command()
@click.option("--prometheus", required=True, help="Where Prometheus answers queries.")
@click.option("--track", default="", help="Read the metrics page of this track.")
@click.option("--selector", help="Label matchers instead, e.g. 'job=\"fleet\"'.")
@click.option("--seconds", default=300.0, show_default=True)
@click.option("--every", default=10.0, show_default=True, help="Seconds between two looks.")
@click.option("--window", default=60.0, show_default=True, help="Seconds of samples in a look.")
@click.option("--success-rate", default=0.95, show_default=True, help="Least share of tasks done.")
@click.option("--p95", default=60.0, show_default=True, help="Most seconds from submission to outcome, 95 %.")
@click.option("--error-rate", default=0.02, show_default=True, help="Largest share of 5xx answers of the gateway.")
@click.option("--patience", default=2, show_default=True, help="Looks in a row that make a breach.")
@json_option
def watch(
    prometheus: str, track: str, selector: str | None, seconds: float, every: float, window: float,
    success_rate: float, p95: float, error_rate: float, patience: int, as_json: bool,
) -> None:  # fmt: skip
    """Does it keep the goals while it has the traffic? Ends at the first breach."""
    from fleet.release import watch as watching
    from fleet.release.goals import Goals

    goals = Goals(success_rate, p95, error_rate, patience=patience)
    chosen = watching.of_track(track) if selector is None else selector
    with progress("watching", seconds, as_json=as_json) as steps:
        began = time.monotonic()
        verdict = watching.watch(
            prometheus, seconds, goals, selector=chosen, every_seconds=every, window_seconds=window,
            tell=lambda look: steps.reached(f"watching: {look.tasks:.0f} tasks in a look", time.monotonic() - began, seconds),
        )  # fmt: skip
    _say(verdict, as_json)


@group.command()
@NAMESPACE
@ROUTE
@click.option("--to", "track", required=True, help="The track that gets all traffic.")
@json_option
def switch(namespace: str, route: str, track: str, as_json: bool) -> None:
    """Give all traffic to a track; a second time changes nothing."""
    _give(namespace, route, track, as_json)


@group.command()
@NAMESPACE
@ROUTE
@click.option("--to", "track", required=True, help="The track that had the traffic before.")
@json_option
def rollback(namespace: str, route: str, track: str, as_json: bool) -> None:
    """Give the traffic back to the old track; harmless when it has it still."""
    _give(namespace, route, track, as_json)


def _give(namespace: str, route: str, track: str, as_json: bool) -> None:
    from fleet.release.namespace import Namespace

    _say(Namespace(namespace).give_traffic(track, route), as_json)


def _task(text: str) -> tuple[str, Any]:
    name, equals, payload = text.partition("=")
    try:
        return name, json.loads(payload if equals else "")
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not TYPE=JSON: {error}", param_hint="--task") from None


def _say(verdict: Verdict, as_json: bool) -> None:
    answer(verdict, as_json, f"{'ok' if verdict.ok else 'no'}: {verdict.reason}")
    if not verdict.ok:
        sys.exit(1)
