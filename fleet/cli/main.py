"""Which commands are there?

A table of names; a command's module is imported when the command is used, so that `fleet --help` starts in no time.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

COMMANDS: dict[str, tuple[str, str, str]] = {
    # name: (module, attribute, one line for the help page)
    "demo": ("fleet.cli.demo", "demo", "Run real tasks on a throw-away fleet and show what happened."),
    "up": ("fleet.cli.up", "up", "Run the whole fleet on this machine, in one terminal."),
    "submit": ("fleet.cli.submit", "submit", "Submit a task, or a file of tasks."),
    "status": ("fleet.cli.tasks", "status", "Show the fleet, or one task."),
    "tasks": ("fleet.cli.tasks", "tasks", "List, search and cancel tasks; dead letters."),
    "explain": ("fleet.cli.explain", "explain", "Say why something was decided."),
    "workers": ("fleet.cli.workers", "workers", "Show, drain and undrain workers."),
    "pools": ("fleet.cli.pools", "pools", "Show, pause and resume pools."),
    "cells": ("fleet.cli.cells", "group", "Cells: list, where a tenant is, drain, undrain."),
    "top": ("fleet.cli.top", "top", "Watch the fleet live; drain, pause, resume, explain by key."),
    "config": ("fleet.cli.config", "config", "Show and check settings and catalogue."),
    "doctor": ("fleet.cli.doctor", "doctor", "Find what is wrong, and what mends it."),
    "bench": ("fleet.cli.bench", "bench", "Measure dispatch beside plain Celery."),
    "gameday": ("fleet.cli.gameday", "gameday", "Break a throw-away fleet on purpose, and score what follows."),
    "backup": ("fleet.cli.backup", "group", "Save a cell, restore it, rehearse it."),
    "report": ("fleet.cli.report", "report", "The daily, weekly and monthly report."),
    "health": ("fleet.cli.health", "health", "Show what the health job found and mended."),
    "new-agent": ("fleet.cli.new_agent", "new_agent", "Write a new agent type: code, catalogue row, test."),
    "simulate": ("fleet.cli.simulate", "simulate", "Try dispatch and scaling settings before they are trusted."),
    "plan": ("fleet.cli.plan", "plan", "Forecast next month's need and bill; propose changes, backtested."),
    "scale": ("fleet.cli.scale", "scale", "Targets: status, explain, history, pins, manifests."),
    "cost": ("fleet.cli.cost", "group", "Costs: report, prices, model choice, export, controls."),
    "budget": ("fleet.cli.budget", "group", "Budgets: set, grant, show, history."),
    "alerts": ("fleet.cli.alerts", "group", "Incidents, silences, channels and rules."),
    "actions": ("fleet.cli.actions", "group", "What the fleet did by itself; undo it."),
    "secrets": ("fleet.cli.secrets", "group", "Secrets: put, rotate, age, audit."),
    "keys": ("fleet.cli.keys", "group", "API keys of the gateway."),
    "audit": ("fleet.cli.audit", "group", "The audit log: verify, list, export."),
    "broker": ("fleet.cli.broker", "group", "The broker's users."),
    "rollout": ("fleet.cli.rollout", "group", "Roll a version out in steps; status, promote, abort."),
    "release": ("fleet.cli.release", "group", "Releases: check, smoke, switch, watch, rollback."),
    "render": ("fleet.cli.render", "render", "Render the catalogue as chart values."),
    "worker": ("fleet.cli.programs", "worker", "Become a worker process of a pool."),
    "maintenance": ("fleet.cli.programs", "maintenance", "Become the worker that runs beat's jobs."),
    "beat": ("fleet.cli.programs", "beat", "Become the scheduler."),
    "flower": ("fleet.cli.programs", "flower", "Become Flower, behind a password."),
    "metrics": ("fleet.cli.metrics", "command", "Serve the fleet's numbers to Prometheus."),
    "gateway": ("fleet.cli.gateway", "command", "Serve the HTTP API."),
    "mcp": ("fleet.cli.mcp", "mcp", "Serve the fleet to an assistant (MCP over stdio)."),
    "scaler": ("fleet.cli.scaler", "scaler", "Serve targets to KEDA (gRPC)."),
    "probe": ("fleet.cli.probe", "probe", "Tell by exit code whether a worker really works."),
    "schema": ("fleet.cli.schema", "schema", "Describe every command for programs (JSON)."),
    "completion": ("fleet.cli.completion", "completion", "Print shell completion."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        from fleet.cli.effects import guarded

        command: click.Command = getattr(import_module(module), attribute)
        return guarded(command, (cmd_name,))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from fleet.errors import did_you_mean

            ctx.fail(f"unknown command {args[0]!r}{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="agent-fleet")
def cli() -> None:
    """Agent Fleet: AI-agent work in production on Celery."""


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line. Exit codes: 0 done, 1 refused or failed (the reason is on stderr), 2 wrong usage."""
    from fleet.errors import FleetError

    # Agents declared in a fleet.yaml here are imported from here, as Celery's own command does it.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return cli.main(args=arguments, prog_name="fleet", standalone_mode=True)
    except FleetError as error:
        click.echo(f"fleet: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
