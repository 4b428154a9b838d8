"""Which users has the chart's own Redis? Those of `fleet broker acl`, written with blanks that Helm fills in.

`python -m fleet.secrets.chart_users` writes the chart's file. Helm knows the cell and the queues, the pod's start script the
passwords. Nobody may change users there: their passwords are a Secret's, and what is rotated at the server alone would be
gone with its next start.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fleet.secrets import broker_acl
from fleet.secrets.broker_acl import User

FILE = Path(__file__).resolve().parents[2] / "charts/fleet/files/redis/users.acl"
CELL, QUEUE, PRIORITY = "@CELL@", "@QUEUE@", "@PRIORITY@"
"""Blanks: the cell's name, a pool's queue, and the two control characters between a queue and a priority."""
STANDARD_QUEUES = "fleet.*"
"""Pools' queues, unless they are named otherwise: a new pool is no reason to start Redis again."""
BY_HAND = "operator"
"""People have a user of their own there, without a program's name."""


def text() -> str:
    """Return the file: a line for each program, its name first."""
    lines = [
        f"{user.name.removeprefix('fleet-')} {' '.join(_rules(user))}"
        for user in broker_acl.users(CELL, [QUEUE])
        if user.name != f"fleet-{BY_HAND}"
    ]
    return "\n".join([*lines, ""])


def _rules(user: User) -> Iterator[str]:
    for rule in user.rules:
        access, is_queue, rest = rule.partition(QUEUE)
        if is_queue and not rest:  # its priorities and versions begin alike
            yield f"{access}{STANDARD_QUEUES}"
            yield f"@QUEUES:{access}@"
        elif not is_queue and rule not in broker_acl.ROTATE.split():
            yield rule.replace(broker_acl.PRIORITY, PRIORITY)


if __name__ == "__main__":
    FILE.write_text(text())
