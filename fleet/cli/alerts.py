"""How does an operator see incidents, take them, and quiet them?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from fleet.cli.answer import answer, json_option, table


@click.group("alerts")
def group() -> None:
    """Incidents, silences, channels and rules."""


@group.command("list")
@click.option("--rule", help="Only of this rule.")
@click.option("--all", "everything", is_flag=True, help="Pending ones too.")
@json_option
def list_(rule: str | None, everything: bool, as_json: bool) -> None:
    """Show the open incidents, worst first."""
    from fleet.alerts import incidents
    from fleet.alerts.message import number
    from fleet.alerts.silences import silenced
    from fleet.clock import SYSTEM, utc

    client, cell = _store()
    book = incidents.read(client, cell)
    shown = [i for i in book.incidents.values() if (i.is_open or (everything and i.status == "pending"))]
    shown = [i for i in shown if rule in (None, i.rule)]
    shown.sort(key=lambda i: ({"critical": 0, "warning": 1, "info": 2}[i.severity], i.since))
    heads = ("incident", "severity", "status", "since", "now", "quiet because")
    rows = []
    for incident in shown:
        worst = incident.worst
        quiet = silenced(incident, book.silences, SYSTEM.now())
        value = number(worst.value) if worst else "-"
        since = f"{utc(incident.since):%Y-%m-%d %H:%M} UTC"
        status = incident.status + (f" by {incident.acknowledged_by}" if incident.acknowledged_by else "")
        rows.append((incident.key, incident.severity, status, since, value, f"silence {quiet}" if quiet else ""))
    answer({"incidents": shown, "silences": book.silences}, as_json, table(heads, rows) if rows else "no open incident")


@group.command("ack")
@click.argument("incident")
@click.option("--by", default=None, help="Who takes it; default: you.")
@json_option
def ack(incident: str, by: str | None, as_json: bool) -> None:
    """Take INCIDENT: it is not repeated until it is resolved."""
    from fleet.alerts.evaluate import take_over
    from fleet.alerts.job import audit, rules
    from fleet.clock import SYSTEM
    from fleet.secrets.audit import process_actor

    client, cell = _store()
    who = by or process_actor()
    audit("incident.acknowledge", incident, actor=who, detail={})
    take_over(client, cell, rules(), incident, who, SYSTEM.now())
    answer({"incident": incident, "acknowledged_by": who}, as_json, f"{incident} is yours, {who}")


@group.command("silence")
@click.argument("matchers", nargs=-1)
@click.option("--for", "lasts", default="2h", show_default=True, help="How long.")
@click.option("--why", "--comment", "comment", default="", help="Why; it is shown and recorded.")
@click.option("--remove", "remove", multiple=True, metavar="ID", help="End this silence instead.")
@json_option
def silence(matchers: tuple[str, ...], lasts: str, comment: str, remove: tuple[str, ...], as_json: bool) -> None:
    """Keep incidents quiet that match all MATCHERS: a rule's name, or label=value."""
    import secrets

    from fleet.alerts import incidents, silences
    from fleet.alerts.expression import duration
    from fleet.alerts.job import audit
    from fleet.clock import SYSTEM, utc
    from fleet.secrets.audit import process_actor

    client, cell = _store()
    who, now = process_actor(), SYSTEM.now()
    if remove:
        audit("silence.remove", ",".join(remove), actor=who, detail={})
        count = incidents.drop_silences(client, cell, remove)
        answer({"removed": count}, as_json, f"{count} silence(s) ended")
        return
    made = silences.Silence(secrets.token_hex(4), silences.matchers(matchers), now + duration(lasts), who, comment, now)
    audit("silence.add", made.id, actor=who, detail={"matchers": made.matchers, "for": lasts, "comment": comment})
    incidents.put_silence(client, cell, made)
    answer(made, as_json, f"silence {made.id} until {utc(made.until):%Y-%m-%d %H:%M} UTC")


@group.command("history")
@click.option("-n", "count", default=50, show_default=True)
@click.option("--dead", is_flag=True, help="Notifications that were given up, with the last error.")
@click.option("--waiting", is_flag=True, help="Notifications that wait in the outbox.")
@json_option
def history(count: int, dead: bool, waiting: bool, as_json: bool) -> None:
    """Show the latest transitions, or what became of notifications."""
    from fleet.alerts import incidents, outbox
    from fleet.clock import utc

    client, cell = _store()
    if dead:
        rows: list[dict[str, Any]] = outbox.given_up(client, cell, count)
        lines = [f"{utc(r['at'] / 1000):%Y-%m-%d %H:%M} {_untold(r['entry'])}, {r['attempts']} attempts: {r['error']}" for r in rows]
    elif waiting:
        rows = outbox.waiting(client, cell)
        lines = [f"{r['lane']}: {r['waiting']} waiting, {r['attempts']} attempts {r['error']}".rstrip() for r in rows]
    else:
        rows = incidents.history(client, cell, count)
        lines = [f"{utc(r['at']):%Y-%m-%d %H:%M:%S} {r['kind']:<12} {r['severity']:<8} {r['incident']}" for r in rows]
    answer({"history": rows}, as_json, lines or ["nothing"])


@group.command("send-test")
@click.argument("channel")
@json_option
def send_test(channel: str, as_json: bool) -> None:
    """Send a test notification through CHANNEL, now, and say what the receiver answered."""
    import secrets
    from dataclasses import replace

    from fleet.alerts import deliver
    from fleet.alerts.job import read_secret, rules
    from fleet.alerts.message import Notification, Subject
    from fleet.clock import SYSTEM
    from fleet.errors import UnknownName

    _, cell = _store()
    book = rules()
    if channel not in book.channels:
        raise UnknownName("channel", channel, book.channels)
    row, now = book.channels[channel], SYSTEM.now()
    subject = Subject("send_test", (), "1", now, 1)
    text = "This is a test. Nobody has to do anything."
    note = Notification(
        secrets.token_hex(16), cell, channel, "firing", "send_test", "info", text, "none", "-", now, (subject,), 1,
        dedup=f"{cell}/send_test",
    )  # fmt: skip
    secret = read_secret(row.secret) if row.secret else ""
    outcome = deliver.tell(note, row, secret)
    if outcome.answer == "told" and row.kind == "pagerduty":  # what was opened there for a test is closed again
        outcome = deliver.tell(replace(note, id=secrets.token_hex(16), kind="resolved"), row, secret)
    answer(outcome, as_json, f"{outcome.answer} {outcome.reason}".strip())
    if outcome.answer != "told":
        sys.exit(1)


@group.command("test")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def test(file: Path, as_json: bool) -> None:
    """Run the rule tests in FILE; exit 1 when an expectation is not met."""
    from fleet.alerts import trials

    results = trials.run(file)
    lines = [
        f"{'ok  ' if not r.problems else 'FAIL'} {r.name}" + "".join(f"\n     {p}" for p in r.problems) for r in results
    ]
    answer({"results": results}, as_json, lines or ["no tests in this file"])
    if any(result.problems for result in results):
        sys.exit(1)


@group.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@json_option
def check(file: Path | None, as_json: bool) -> None:
    """Check the rules of FILE (default: the fleet's own file) and say what holds at this moment."""
    from fleet.alerts import rulebook
    from fleet.settings import catalogue_file

    book = rulebook.load(file or catalogue_file())
    unheard = [rule.name for rule in book.rules.values() if not book.channels_of(rule)]
    lines = [f"{len(book.rules)} rules, {len(book.channels)} channels: ok"]
    if unheard:
        lines.append(
            f"{len(unheard)} rules go to no channel: add `routes` for their severity ({', '.join(unheard[:3])}...)"
        )
    answer({"rules": sorted(book.rules), "channels": sorted(book.channels), "unheard": unheard}, as_json, lines)


@group.command("run")
@json_option
def run(as_json: bool) -> None:
    """Look once and deliver what is due, as the scheduled job does."""
    from fleet.alerts import job

    done = job.run()
    told = ", ".join(f"{count} {what}" for what, count in done.delivered.items()) or "nothing to deliver"
    lines = [f"{len(done.looked.announcements)} announcements, {told}"]
    lines += [f"blind: {rule}: {reason}" for rule, reason in done.looked.blind.items()]
    answer(
        {"announcements": len(done.looked.announcements), "delivered": done.delivered, "blind": done.looked.blind},
        as_json,
        lines,
    )


def _untold(entry: str) -> str:
    from fleet.alerts.message import Notification

    note = Notification.from_json(entry)
    return f"{note.channel} was not told: {note.title}"


def _store() -> Any:
    from fleet.settings import current
    from fleet.store.client import connect

    return connect(), current().cell
