"""How is a task submitted from a terminal?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from fleet.cli.answer import answer, json_option
from fleet.cli.progress import progress


@click.command()
@click.argument("task_type", required=False)
@click.argument("payload", required=False, default="{}")
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON lines: {task_type, payload, ...options}.",
)
@click.option("--tenant", default="default", show_default=True)
@click.option("--priority", type=click.IntRange(0, 9), default=5, show_default=True, help="9 is first.")
@click.option("--delay", "delay_seconds", type=float, default=0.0, help="Seconds to wait before it may run.")
@click.option("--deadline", "deadline_seconds", type=float, help="Seconds after which it is not wanted any more.")
@click.option("--complexity", type=float, default=0.5, show_default=True, help="0 (easy) to 1 (hard).")
@click.option("--key", "idempotency_key", default="", help="Same key, same task.")
@click.option("--wait", is_flag=True, help="Wait for the result and print it.")
@click.option("--timeout", type=float, default=300.0, show_default=True, help="Longest wait in seconds.")
@json_option
def submit(
    task_type: str | None, payload: str, file: Path | None, wait: bool, timeout: float, as_json: bool, **options: Any
) -> None:
    """Submit one task, as in  fleet submit code_generation '{"prompt": "..."}' --wait , or a file of them."""
    if file is not None:
        _submit_file(file, as_json)
        return
    if task_type is None:
        raise click.UsageError("name a task type, or a file of tasks with --file")
    from fleet.dispatcher.submit import submit as submit_task

    handle = submit_task(task_type, _payload(payload), **options)
    document = handle.submission.as_dict()
    if wait and handle.is_accepted:
        document |= {"result": handle.get(timeout)}
        answer(document, as_json, json.dumps(document["result"], indent=2))
    else:
        pool = f" on {handle.submission.pool}" if handle.submission.pool else ""
        answer(document, as_json, f"{handle.submission.answer} {handle.id}{pool}: {handle.submission.reason}")
    if not handle.is_accepted:
        sys.exit(1)


def _payload(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.UsageError(
            f'the payload is not JSON ({error}); quote it for the shell: \'{{"prompt": "..."}}\''
        ) from None
    if not isinstance(value, dict):
        raise click.UsageError(f"the payload is a JSON object, not {type(value).__name__}")
    return value


def _submit_file(file: Path, as_json: bool) -> None:
    from fleet.dispatcher.submit import TaskRequest, submit_many
    from fleet.errors import ConfigurationError, FleetError

    requests, problems = [], []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if line.strip():
            try:
                requests.append((number, TaskRequest(**json.loads(line))))
            except (ValueError, TypeError) as error:
                problems.append({"line": number, "problem": str(error)})
    if not requests:
        raise ConfigurationError(f"{file} holds no task: each line is a JSON object with task_type and payload")
    accepted = []
    with progress("submitting", len(requests), as_json=as_json) as steps:
        answers = submit_many(request for _, request in requests)
        for (number, _), result in zip(requests, answers, strict=True):
            steps.done("submitting")
            if isinstance(result, FleetError | Exception):
                problems.append({"line": number, "problem": str(result)})
            elif result.is_accepted:
                accepted.append(result.id)
            else:
                problems.append({"line": number, "problem": f"{result.submission.answer}: {result.submission.reason}"})
    lines = [f"{len(accepted)} accepted", *(f"{file}:{row['line']}: {row['problem']}" for row in problems)]
    answer({"accepted": accepted, "problems": problems}, as_json, lines)
    if problems:
        sys.exit(1)
