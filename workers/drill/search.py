"""Where could a secret have been left, and is one there?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from fleet.secrets import audit
from fleet.store.client import connect
from fleet.telemetry.redaction import MASK
from workers.drill.stage import Stage

CARELESS = f"careless with {MASK}".encode()
FLOWER_PAGES = ("/tasks", "/api/tasks", "/workers", "/fleet", "/api/workers")


@dataclass(frozen=True, slots=True)
class Found:
    """What the search saw: bytes looked at by place, and which secret was found where."""

    bytes_searched: Mapping[str, int]
    found: tuple[str, ...]
    is_blind: tuple[str, ...]
    """Places where the agents' carelessness should have left a mask and did not: what is not seen there proves nothing."""


def search(stage: Stage, planted: Mapping[str, str], answers: Iterable[bytes]) -> Found:
    """Look for every planted value everywhere."""
    places = {
        "answers": b"\n".join(answers),
        "logs": b"\n".join(file.read_bytes() for file in sorted(stage.folder.glob("*.log"))),
        "traces": b"\n".join(stage.provider.traces),
        "metrics": httpx.get(f"{stage.urls['metrics']}/metrics", timeout=30).content,
        "audit": b"\n".join(json.dumps(entry.content()).encode() for entry in audit.entries()),
        "flower": _flower(stage),
        "redis keys": _dumped(),
        "redis files": _files(stage.folder),
    }
    found = [
        f"{name} in {place}" for place, content in places.items() for name, value in planted.items() if value.encode() in content
    ]
    blind = [place for place in ("logs", "traces") if CARELESS not in places[place]]
    blind += [place for place in ("answers", "redis keys") if MASK.encode() not in places[place]]
    blind += [place for place, content in places.items() if not content]
    return Found({place: len(content) for place, content in places.items()}, tuple(found), tuple(dict.fromkeys(blind)))


def _flower(stage: Stage) -> bytes:
    with httpx.Client(base_url=stage.urls["flower"], auth=stage.flower_login, timeout=30) as http:
        return b"\n".join(http.get(page).content for page in FLOWER_PAGES)


def _dumped() -> bytes:
    """Return every key as the server would write it to disk, uncompressed."""
    client = connect(decode=False)
    client.config_set("rdbcompression", "no")
    return b"".join(client.dump(key) or b"" for key in client.scan_iter("*", count=1000))


def _files(folder: Path) -> bytes:
    """Return the snapshot and the append-only files, as somebody who stole the disk has them."""
    connect().save()
    return b"".join(file.read_bytes() for file in sorted((folder / "broker").rglob("*")) if file.suffix in (".rdb", ".aof"))
