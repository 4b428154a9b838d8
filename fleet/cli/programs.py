"""Which programs does a container or a Procfile start?"""

from __future__ import annotations

import click


@click.command()
@click.argument("pool")
def worker(pool: str) -> None:
    """Become a worker process of POOL: one replica. SIGTERM drains it."""
    from fleet.supervisor import programs

    programs.become(programs.worker(pool))


@click.command()
def maintenance() -> None:
    """Become the worker that runs beat's jobs."""
    from fleet.supervisor import programs

    programs.become(programs.worker(programs.MAINTENANCE))


@click.command()
def beat() -> None:
    """Become the scheduler."""
    from fleet.supervisor import programs

    programs.become(programs.beat())


@click.command()
@click.option("--port", default=5555, show_default=True, help="Port to listen on.")
@click.option("--address", default="127.0.0.1", show_default=True, help="Address to listen on.")
def flower(port: int, address: str) -> None:
    """Become Flower. FLOWER_BASIC_AUTH=user:password is required: an open Flower shows every task."""
    import os
    import sys

    from fleet.supervisor import programs

    if not os.environ.get("FLOWER_BASIC_AUTH") and not os.environ.get("FLOWER_AUTH_PROVIDER"):
        click.echo(
            "fleet: Flower without a password shows every task to everybody: set FLOWER_BASIC_AUTH=user:password",
            err=True,
        )
        sys.exit(1)
    programs.become(programs.Program("flower", programs.flower_command(port, address)))
