"""How is a pool or task type stopped and let go again over HTTP, in every cell that has it?"""

from __future__ import annotations

from fleet.errors import UnknownName
from fleet.gateway.exchange import Answer, Call
from fleet.gateway.problems import Problem
from fleet.gateway.schemas import PauseRequest


def listed(_call: Call) -> Answer:
    """Return what is paused, by cell, and why."""
    from fleet.dispatcher import pausing
    from fleet.dispatcher.cells import routing

    return Answer(
        {"paused": [{"name": name, "why": why, "cell": cell} for cell in routing.each_answering() for name, why in sorted(pausing.paused().items())]}
    )


def pause(call: Call) -> Answer:
    """Release nothing more to a pool, or to any pool of a task type; what runs goes on."""
    from fleet.dispatcher import pausing
    from fleet.dispatcher.cells import routing

    wish = call.sent(PauseRequest)
    _record(call, "pool.pause", wish.name, wish.why)
    cells = []
    for cell in routing.each_with(wish.name):
        pausing.pause(wish.name, wish.why)
        cells.append(cell)
    return Answer({"name": wish.name, "cells": cells})


def resume(call: Call) -> Answer:
    """Release again; held tasks go at once."""
    from fleet.dispatcher import pausing
    from fleet.dispatcher.cells import routing

    name = call.path["name"]
    try:
        cells = [cell for cell in routing.each_with(name) if name in pausing.paused()]
    except UnknownName as error:
        raise Problem(404, "no-such-name", str(error)) from error
    if not cells:
        raise Problem(404, "not-paused", f"{name!r} is not paused: GET /api/v1/pauses lists what is")
    _record(call, "pool.resume", name)
    return Answer({"name": name, "cells": [cell for cell in routing.each_with(name) if pausing.resume(name)]})


def _record(call: Call, action: str, name: str, why: str = "") -> None:
    from fleet.secrets import audit
    from fleet.settings.read_only import refuse_when_read_only

    refuse_when_read_only(f"{action} {name}")
    detail = {"why": why} if why else {}
    audit.record(action, name, actor=call.identity.name, source="gateway", detail=detail, client=call.client, cell=call.cell)
