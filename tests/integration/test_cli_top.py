"""Does `fleet top` on a real terminal show what the fleet's own reading says, and do what its keys promise, on record?"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

from eventually import eventually
from rig import Rig

from fleet.cli.answer import plain
from fleet.costs import rate
from fleet.costs.durable import DurableLedger, ledger_url
from fleet.costs.entries import Entry
from fleet.costs.ledger import roll_up
from fleet.diagnostics.glance import fleet_at_a_glance
from fleet.dispatcher import pools
from fleet.registry import roster
from fleet.secrets import audit
from fleet.settings import current

TOP = [sys.executable, "-m", "fleet.cli.main", "top"]


def prepared(folder: Path) -> Path:
    (folder / "agents").mkdir()
    (folder / "agents" / "nothing.py").touch()  # the module the rig's agent types name
    return folder


def test_a_picture_and_its_json_are_the_fleets_own_reading(declared: Callable[..., Rig], tmp_path: Path) -> None:
    rig = declared(pools={"fast": {"slots": 2}})
    worker = rig.worker("fast.1@here", "fast", slots=2)
    for _ in range(5):
        rig.submit("job")
    rig.end(rig.start("fast", worker))
    folder = prepared(tmp_path)
    told = subprocess.run([*TOP, "--json"], cwd=folder, capture_output=True, text=True, check=True).stdout
    seen, mine = json.loads(told), plain(fleet_at_a_glance())
    for changing in ("at", "lanes", "workers"):
        del seen[changing], mine[changing]
    assert seen == mine
    picture = subprocess.run([*TOP, "--once"], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert all(len(line) <= 80 for line in picture.splitlines())
    assert "job" in picture
    assert "workers: 1 idle" in picture


def test_the_last_hour_is_both_ledgers_and_no_more(declared: Callable[..., Rig]) -> None:
    rig = declared()
    seconds, _ = rig.store.time()

    def entry(name: str, minutes_ago: int, micros: int) -> Entry:
        at = (seconds - 60 * minutes_ago) * 1000
        return Entry(name, at, "call", "a", 1, "t", "k", "g", "m", "p", 1, 1, 0, 0, micros, False, "o")

    def hour() -> int:
        return rate.last_hour(rig.store, current().cell, current())

    assert hour() == 0
    rig.store.xadd(rig.key("ledger"), {"call": "hot", "at": seconds * 1000, "micros": 40})
    assert hour() == 40, "the durable ledger need not be in reach"
    durable = DurableLedger(ledger_url(current()))
    durable.append([entry("older", 61, 1000), entry("newer", 30, 2)])
    assert hour() == 42
    roll_up(rig.store, current().cell, durable)
    assert hour() == 42, "an entry that moved is the same entry"
    durable.close()


def test_keys_act_and_are_on_record(declared: Callable[..., Rig], tmp_path: Path) -> None:
    rig = declared(pools={"fast": {"slots": 1}})
    worker = rig.worker("fast.1@here", "fast")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**os.environ, "TERM": "xterm"}
    command = [*TOP, "--every", "0.2"]
    process = subprocess.Popen(
        command, cwd=prepared(tmp_path), env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    screen = bytearray()

    def shows(text: str) -> bool:
        while select.select([ours], [], [], 0.05)[0]:
            screen.extend(os.read(ours, 65536))
        return text.encode() in screen

    try:
        eventually(lambda: shows("fast"), 20)
        os.write(ours, b"p")
        eventually(lambda: shows("pause fast? y/n"))
        assert [row.paused for row in pools.status()] == [""], "nothing happens before the answer"
        os.write(ours, b"y")
        eventually(lambda: shows("fast is paused"))
        assert [bool(row.paused) for row in pools.status()] == [True]
        os.write(ours, b"r")
        eventually(lambda: shows("fast is resumed"))
        os.write(ours, b"d")
        eventually(lambda: shows("drain which?"))
        os.write(ours, b"1")
        eventually(lambda: shows(f"worker {worker}: "))
        assert roster.workers()[0].status == "maintenance"
        os.write(ours, b"q")
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait(timeout=20)
        os.close(ours)
    entries = audit.newest(10)[::-1]
    assert [(row.action, row.target, row.source) for row in entries] == [
        ("pool.pause", "fast", "fleet top"),
        ("pool.resume", "fast", "fleet top"),
        ("worker.drain", worker, "fleet top"),
    ]
