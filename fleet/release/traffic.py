"""Which track has the traffic, and what must change so that another has it? Pure: a VirtualService in, a patch out.

A route's destination is `<track>-gateway.<namespace>...`; a track may be one that is not installed now (weight 0).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from fleet.errors import ConfigurationError, UnknownName

Manifest = Mapping[str, Any]


def weights(service: Manifest) -> dict[str, int]:
    """Return track -> its share of the traffic in percent."""
    found: dict[str, int] = {}
    for route in _routes(service):
        host = route["destination"]["host"].partition(".")[0]
        track, dash, _ = host.rpartition("-")
        if not dash:
            raise ConfigurationError(f"the route leads to {host!r}, which is no track: give the traffic release tracks")
        found[track] = int(route.get("weight", 100 if len(_routes(service)) == 1 else 0))
    return found


def only(track: str, known: Mapping[str, int]) -> dict[str, int]:
    """Return the weights with which the track has everything."""
    if track not in known:
        raise UnknownName("track", track, known)
    return {name: 100 if name == track else 0 for name in known}


def patch(service: Manifest, track: str) -> dict[str, Any]:
    """Return the merge patch that gives the track everything, valid for this very version of the object.

    A merge patch replaces lists whole, so it carries the routes as they stand with new weights.
    """
    wanted = only(track, weights(service))
    http = copy.deepcopy(service["spec"]["http"])
    for route in http[0]["route"]:
        route["weight"] = wanted[route["destination"]["host"].partition(".")[0].rpartition("-")[0]]
    return {"metadata": {"resourceVersion": service["metadata"]["resourceVersion"]}, "spec": {"http": http}}


def _routes(service: Manifest) -> list[Any]:
    try:
        return list(service["spec"]["http"][0]["route"])
    except (KeyError, IndexError):
        raise ConfigurationError("the VirtualService has no HTTP route: is it the fleet's own?") from None
