"""Which commands change something, which cannot be taken back, and which are worth watching?

One table for the read-only mode, for questions before what cannot be undone, for `--watch`, and for `fleet schema`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import click

from fleet.cli.examples import epilog

Path = tuple[str, ...]

CHANGES: Final[Mapping[Path, str]] = {
    # command: the parameter that makes it change something; empty: it always does
    **dict.fromkeys(
        (
            ("actions", "take"), ("actions", "undo"), ("alerts", "ack"), ("alerts", "run"), ("alerts", "silence"),
            ("alerts", "send-test"), ("backup", "create"), ("backup", "restore"), ("backup", "forget"),
            ("budget", "set"), ("budget", "grant"), ("budget", "drop"), ("cost", "controls", "set"),
            ("cost", "controls", "undo"), ("cost", "reconcile"), ("keys", "create"), ("keys", "revoke"),
            ("pools", "pause"), ("pools", "resume"), ("rollout", "start"), ("rollout", "promote"), ("rollout", "abort"),
            ("release", "switch"), ("release", "rollback"), ("scale", "apply"), ("scale", "pin"), ("scale", "unpin"),
            ("secrets", "put"), ("secrets", "delete"), ("secrets", "rotate"), ("secrets", "login"), ("secrets", "mirror"),
            ("secrets", "drill"), ("submit",), ("tasks", "cancel"), ("tasks", "dead", "replay"), ("tasks", "dead", "discard"),
            ("workers", "drain"), ("workers", "undrain"), ("cells", "drain"), ("cells", "undrain"), ("up",), ("worker",), ("maintenance",), ("beat",),
        ),
        "",
    ),
    ("broker", "acl"): "applied", ("secrets", "policy"): "applied", ("doctor",): "fix", ("mcp",): "allow_actions",
}  # fmt: skip

DESTROYS: Final[Mapping[Path, str]] = {
    # command: what is asked, with its arguments
    ("tasks", "cancel"): "Cancel {task_ids} for good?",
    ("tasks", "dead", "discard"): "",
    ("secrets", "delete"): "",
    ("backup", "restore"): "",
    ("backup", "forget"): "",
    ("budget", "drop"): "Forget budget {name}, with what it has spent?",
    ("keys", "revoke"): "Close the key {key_id} at once?",
    ("rollout", "abort"): "Take everything back from the new version of {pool}?",
}
"""An empty question: the command asks by itself, because it knows better what it is about to do."""

WATCHED: Final[frozenset[Path]] = frozenset({
    ("status",), ("pools",), ("workers",), ("tasks", "list"), ("tasks", "search"), ("tasks", "dead", "list"), ("scale", "status"),
    ("alerts", "list"), ("actions", "list"), ("budget", "show"), ("cost", "report"), ("rollout", "status"), ("health",), ("doctor",),
})  # fmt: skip


def effect(path: Path) -> str:
    """Return what a command does to the fleet: reads, changes, or destroys."""
    if path in DESTROYS:
        return "destroys"
    return "changes" if path in CHANGES else "reads"


def guarded(command: click.Command, path: Path) -> click.Command:
    """Give a command and what is under it the options and refusals the table asks for; once."""
    if getattr(command, "is_guarded", False):
        return command
    command.is_guarded = True  # type: ignore[attr-defined]
    command.epilog = epilog(path)
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            guarded(inner, (*path, name))
    if path in DESTROYS:
        _ask_first(command, path, DESTROYS[path])
    if path in WATCHED:
        _watch(command)
    if path in CHANGES:
        _refuse_when_read_only(command, path, CHANGES[path])
    return command


def _refuse_when_read_only(command: click.Command, path: Path, option: str) -> None:
    call = _callback(command)

    def checked(**given: Any) -> Any:
        if not given.get("dry_run") and (not option or given.get(option)):
            from fleet.settings.read_only import refuse_when_read_only

            refuse_when_read_only(f"fleet {' '.join(path)}")
        return call(**given)

    command.callback = checked


def _ask_first(command: click.Command, path: Path, question: str) -> None:
    call, known = _callback(command), {option.name for option in command.params}
    added = [name for name in ("yes", "dry_run") if name not in known]

    def asked(**given: Any) -> Any:
        new = {name: given.pop(name) for name in added}
        if new.get("dry_run"):
            from fleet.cli.answer import answer

            meant = {name: value for name, value in given.items() if value not in (None, (), False) and name not in ("as_json", "yes")}
            said = " ".join(f"{name}={' '.join(value) if isinstance(value, tuple) else value}" for name, value in meant.items())
            document = {"dry_run": True, "command": " ".join(path), "arguments": meant}
            answer(document, given.get("as_json", False), f"nothing was done; fleet {' '.join(path)} would be done with {said}")
            return None
        if question and not new.get("yes"):
            words = {name: ", ".join(value) if isinstance(value, tuple) else value for name, value in given.items()}
            click.confirm(question.format(**words), abort=True, err=True)
        return call(**given)

    texts = {"yes": "Do not ask.", "dry_run": "Only say what it would be done to."}
    command.params += [click.Option([f"--{name.replace('_', '-')}"], is_flag=True, help=texts[name]) for name in added]
    command.callback = asked


def _watch(command: click.Command) -> None:
    call = _callback(command)

    def again_and_again(**given: Any) -> Any:
        every = given.pop("watch")
        if every is None or click.get_current_context().invoked_subcommand is not None:
            return call(**given)
        while True:
            if sys.stdout.isatty():
                click.clear()
            with suppress(SystemExit):  # a command that judges by its exit code goes on being watched
                call(**given)
            try:
                time.sleep(every)
            except KeyboardInterrupt:
                return None

    text = "Look again every so many seconds, until Ctrl-C."
    command.params.append(click.Option(["--watch"], type=click.FloatRange(min=0.2), metavar="SECONDS", help=text))
    command.callback = again_and_again


def _callback(command: click.Command) -> Callable[..., Any]:
    if command.callback is None:
        raise TypeError(f"command {command.name!r} does nothing: it has no place in the tables of effects")
    return command.callback
