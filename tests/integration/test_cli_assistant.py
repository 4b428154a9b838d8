"""Does an assistant see the fleet over MCP, and act on it only where it was allowed to, on record?"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters, stdio_client
from rig import Rig

from fleet.dispatcher import pools
from fleet.secrets import audit

LOOKS = {"status", "explain_task", "doctor", "search_tasks", "scale_explain", "cost_report"}
ACTIONS = {"pause", "resume", "drain", "cancel"}


def talk(folder: Path, conversation: Callable[[Client], Awaitable[None]], *flags: str) -> None:
    """Start the server as an assistant does, and talk to it."""
    (folder / "agents").mkdir(exist_ok=True)
    (folder / "agents" / "nothing.py").touch()  # the module the rig's agent types name
    command = ["-m", "fleet.cli.main", "mcp", *flags]
    parameters = StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ), cwd=folder)

    async def run() -> None:
        async with Client(stdio_client(parameters)) as client:
            await conversation(client)

    asyncio.run(run())


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    answer: Any = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    return dict(answer.structured_content)


def test_an_assistant_looks_and_may_do_nothing(declared: Callable[..., Rig], tmp_path: Path) -> None:
    rig = declared(pools={"fast": {"slots": 2}}, budgets=[{"name": "all", "limits_usd": {"day": 5}}])
    worker = rig.worker("fast.1@here", "fast", slots=2)
    task_id = rig.submit("job").id
    rig.end(rig.start("fast", worker))
    waiting = [rig.submit("job").id for _ in range(3)]

    async def conversation(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == LOOKS
        assert all(tool.annotations and tool.annotations.read_only_hint and tool.description for tool in tools)
        seen = await ask(client, "status")
        assert [(row["name"], row["ready"], row["slots"]) for row in seen["pools"]] == [("fast", 1, 2)]
        assert [(lane["task_type"], lane["held"]) for lane in seen["lanes"]] == [("job", 1)]
        explained = await ask(client, "explain_task", task_id=task_id)
        assert (explained["pool"], explained["state"]) == ("fast", "done")
        assert any("went to fast" in line for line in explained["said"])
        found = await ask(client, "search_tasks", task_type="job")
        assert {row["task_id"] for row in found["under_way"]} == set(waiting)
        assert [row["task_id"] for row in found["ended"]] == [task_id]
        assert (await ask(client, "search_tasks", state="failed")) == {"under_way": [], "ended": []}
        assert [row["budget"] for row in (await ask(client, "cost_report"))["budgets"]] == ["all"]
        assert (await ask(client, "doctor"))["verdict"] in ("healthy", "warning", "unhealthy", "critical")
        for tool, named, text in (
            ("explain_task", {"task_id": "no-such-task"}, "no task no-such-task"),
            ("scale_explain", {"pool": "no_such_pool"}, "no target recorded"),
            ("pause", {"name": "fast", "why": "test"}, "pause"),
        ):
            refused: Any = await client.call_tool(tool, named)
            assert refused.is_error
            assert text in refused.content[0].text

    talk(tmp_path, conversation)
    assert [row.paused for row in pools.status()] == [""]
    assert audit.newest(10) == ()


def test_what_an_assistant_does_is_on_record(declared: Callable[..., Rig], tmp_path: Path) -> None:
    rig = declared(pools={"fast": {"slots": 1}})
    worker = rig.worker("fast.1@here", "fast")
    running, held = rig.submit("job").id, rig.submit("job").id
    rig.start("fast", worker)

    async def conversation(client: Client) -> None:
        assert {tool.name for tool in (await client.list_tools()).tools} == LOOKS | ACTIONS
        assert (await ask(client, "pause", name="fast", why="error burst"))["is_done"]
        assert [row.paused for row in pools.status()] == ["error burst"]
        assert (await ask(client, "resume", name="fast", why="over"))["is_done"]
        assert (await ask(client, "drain", worker_id=worker, why="memory"))["is_done"]
        assert (await ask(client, "cancel", task_id=held, why="duplicate"))["is_done"]
        assert not (await ask(client, "pause", name="no_such_pool", why="typo"))["is_done"]

    talk(tmp_path, conversation, "--allow-actions")
    assert (rig.state(held), rig.state(running)) == ("cancelled", "running")
    assert rig.record(held).reason == "duplicate"
    entries = audit.newest(10)[::-1]
    assert [(row.action, row.target, row.outcome) for row in entries] == [
        ("pool.pause", "fast", "ok"),
        ("pool.resume", "fast", "ok"),
        ("worker.drain", worker, "ok"),
        ("task.cancel", held, "ok"),
        ("pool.pause", "no_such_pool", "ok"),
        ("pool.pause", "no_such_pool", "failed"),
    ]
    assert {(row.actor, row.source) for row in entries} == {("mcp", "fleet mcp")}
    assert entries[0].detail["why"] == "error burst"
