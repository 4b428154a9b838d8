"""How does a new agent type begin?

Three files and a row: payload, task, test, and its declaration in the user's own fleet.yaml. What is written works at
once; what is there already is never overwritten.
"""

from __future__ import annotations

import re
from pathlib import Path

import click

from fleet.cli.answer import answer, json_option

PAYLOAD = '''"""What may a {name} task ask for?"""

from pydantic import BaseModel, ConfigDict, Field


class {model}(BaseModel):
    """Payload of the task type `{name}`."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=10_000)
'''

TASK = '''"""Which Celery task does {name} work?"""

from typing import Any

from agents.{name}.payload import {model}
from workers.base import agent_task
from workers.run import Run


def work(payload: {model}) -> dict[str, Any]:
    """Do the work; keep it apart from Celery so that it is easy to test."""
    return {{"words": len(payload.text.split())}}


@agent_task("{name}", payload={model})
def {name}(payload: {model}, run: Run) -> dict[str, Any]:
    """Run one {name} task."""
    run.progress(0.5, "working")
    return work(payload)
'''

TEST = '''"""Does {name} do its work?"""

from agents.{name}.payload import {model}
from agents.{name}.task import work


def test_{name}_counts_words() -> None:
    assert work({model}(text="one two three")) == {{"words": 3}}
'''

ROW = """\
agent_types:
  {name}: {{module: agents.{name}.task, runs: [{name}]}}

task_types:
  {name}:
    payload: agents.{name}.payload:{model}
    expected_seconds: 1

pools:
  {name}:
    agent_type: {name}
    slots: 2
    price_per_replica_hour_usd: 0.10
    min_replicas: 1
    max_replicas: 4
"""


@click.command("new-agent")
@click.argument("name")
@json_option
def new_agent(name: str, as_json: bool) -> None:
    """Write agents/NAME, its test, and its row in fleet.yaml."""
    from fleet.errors import ConfigurationError

    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name):
        raise ConfigurationError(f"{name!r} cannot name an agent type: use small letters, digits and _, starting with a letter")
    values = {"name": name, "model": "".join(part.capitalize() for part in name.split("_"))}
    files = {
        Path("agents/__init__.py"): '"""This fleet\'s own agents, one folder each."""\n',
        Path(f"agents/{name}/__init__.py"): f'"""The {name} agent."""\n',
        Path(f"agents/{name}/payload.py"): PAYLOAD.format(**values),
        Path(f"agents/{name}/task.py"): TASK.format(**values),
        Path(f"tests/test_{name}.py"): TEST.format(**values),
    }
    taken = [str(file) for file in files if file.exists() and file.name != "__init__.py"]
    if taken:
        raise ConfigurationError(f"{', '.join(taken)} exist already: choose another name, or delete them first")
    catalogue = Path("fleet.yaml")
    text = _with_row(catalogue.read_text() if catalogue.exists() else "", ROW.format(**values), name)
    for file, content in files.items():
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
    catalogue.write_text(text)
    written = [str(file) for file in files] + [str(catalogue)]
    example = f"fleet submit {name} '{{\"text\": \"hello fleet\"}}' --wait"
    answer({"written": written, "try": example}, as_json, [*(f"wrote {file}" for file in written), "", "start it:  fleet up", f"use it:    {example}"])


def _with_row(old: str, row: str, name: str) -> str:
    """Return the catalogue with the new rows added to its sections; comments and order stay."""
    import yaml

    from fleet.errors import ConfigurationError

    declared = yaml.safe_load(old) or {}
    if any(name in (declared.get(section) or {}) for section in ("agent_types", "task_types", "pools")):
        raise ConfigurationError(f"fleet.yaml declares {name!r} already")
    text = old
    for block in row.split("\n\n"):
        section, _, body = block.strip("\n").partition(":\n")
        if re.search(rf"^{section}:[ \t]*$", text, re.MULTILINE):
            head = re.compile(rf"^{section}:[ \t]*$", re.MULTILINE)
            text = head.sub(f"{section}:\n{body}".replace("\\", r"\\"), text, count=1)
        elif section in declared:
            raise ConfigurationError(f"fleet.yaml writes {section} on one line: break it into rows, then try again")
        else:
            text += ("\n" if text else "") + f"{section}:\n{body}\n"
    return text
