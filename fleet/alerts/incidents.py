"""Where do incidents live, and how are they changed by one at a time?

One hash, one version. A change is computed from a version and saved only onto that version, together with the outbox
entries it causes; who comes second reads again and finds nothing left to announce.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, cast

import orjson

from fleet.alerts.silences import Silence
from fleet.alerts.states import Announcement, Incident, Member
from fleet.alerts.windows import Labels
from fleet.store import keys
from fleet.store.client import Client, available
from fleet.store.scripts import script

VERSION_FIELD: Final = "#version"


@dataclass(frozen=True, slots=True)
class Book:
    """All incidents and silences, as of one version."""

    version: str
    incidents: Mapping[str, Incident]
    silences: tuple[Silence, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What a look at the fleet changes."""

    incidents: Mapping[str, Incident | None]
    announcements: Sequence[Announcement] = ()
    outbox: Sequence[tuple[str, str]] = ()
    """(lane, text) in the order they must leave."""
    moment: str = ""
    moments: int = 1
    coarse: str = ""
    coarses: int = 1

    @property
    def is_empty(self) -> bool:
        return not (self.incidents or self.outbox or self.moment or self.coarse)


def read(client: Client, cell: str) -> Book:
    """Return the incidents and silences in one round trip."""
    prefix = keys.prefix(cell)
    with available():
        pipeline = client.pipeline(transaction=True)
        pipeline.hgetall(prefix + "incidents")
        pipeline.hgetall(prefix + "silences")
        found, silences = cast("list[dict[str, str]]", pipeline.execute())
    version = found.pop(VERSION_FIELD, "0")
    return Book(
        version,
        {key: decode(text) for key, text in found.items()},
        tuple(decode_silence(text) for text in silences.values()),
    )


def save(client: Client, cell: str, version: str, change: Change) -> bool:
    """Save the change onto the version it was computed from; False: somebody was faster, look again."""
    payload = {
        "changed": {key: encode(incident) if incident else False for key, incident in change.incidents.items()},
        "history": [history_entry(announcement) for announcement in change.announcements],
        "outbox": list(change.outbox),
        "moment": change.moment,
        "moments": change.moments,
        "coarse": change.coarse,
        "coarses": change.coarses,
    }
    answer = script("alerts/save.lua")(client, [keys.prefix(cell)], [version, orjson.dumps(payload)])
    return bool(answer)


def history(client: Client, cell: str, count: int) -> list[dict[str, Any]]:
    """Return the newest transitions, newest first."""
    with available():
        rows = cast(
            "list[tuple[str, dict[str, str]]]", client.xrevrange(keys.prefix(cell) + "incident_history", count=count)
        )
    return [
        {"at": int(stream_id.split("-")[0]) / 1000, **json.loads(fields["transition"])} for stream_id, fields in rows
    ]


def put_silence(client: Client, cell: str, silence: Silence) -> None:
    with available():
        client.hset(keys.prefix(cell) + "silences", silence.id, json.dumps(asdict(silence)))


def drop_silences(client: Client, cell: str, ids: Sequence[str]) -> int:
    if not ids:
        return 0
    with available():
        return int(client.hdel(keys.prefix(cell) + "silences", *ids))


def history_entry(announcement: Announcement) -> str:
    incident = announcement.incident
    worst = incident.worst
    return json.dumps(
        {
            "id": announcement.id,
            "kind": announcement.kind,
            "incident": incident.key,
            "rule": incident.rule,
            "severity": incident.severity,
            "since": incident.since,
            "value": worst.value if worst else None,
            "by": incident.acknowledged_by,
        }
    )


def encode(incident: Incident) -> str:
    return orjson.dumps(incident).decode()


def decode(text: str) -> Incident:
    data: dict[str, Any] = orjson.loads(text)
    members = tuple(
        # JSON knows no infinity: a value that is none is written as null.
        Member(_labels(member["labels"]), math.inf if member["value"] is None else member["value"], member["since"])
        for member in data.pop("members")
    )
    labels, fires = _labels(data.pop("labels")), tuple(data.pop("recent_fires"))
    return Incident(**data, labels=labels, members=members, recent_fires=fires)


def decode_silence(text: str) -> Silence:
    data: dict[str, Any] = json.loads(text)
    return Silence(**{**data, "matchers": _labels(data["matchers"])})


def _labels(pairs: Sequence[Sequence[str]]) -> Labels:
    return tuple([(name, value) for name, value in pairs])
