"""Does a switch give everything to one track and leave the rest of the route as it stands?"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import ConfigurationError, UnknownName
from fleet.release import traffic


def route(**weights: int) -> dict[str, Any]:
    """The VirtualService as the chart renders it."""
    routes = [
        {"destination": {"host": f"{track}-gateway.fleet.svc.cluster.local", "port": {"number": 8080}}, "weight": weight}
        for track, weight in weights.items()
    ]
    return {"metadata": {"name": "gateway", "resourceVersion": "7"}, "spec": {"hosts": ["x"], "http": [{"name": "gateway", "route": routes}]}}


@given(share=st.integers(0, 100), track=st.sampled_from(["blue", "green"]))
def test_the_patch_gives_everything_to_the_track(share: int, track: str) -> None:
    before = route(blue=share, green=100 - share)
    kept = copy.deepcopy(before)
    patch = traffic.patch(before, track)
    assert before == kept
    assert patch["metadata"] == {"resourceVersion": "7"}
    after = {**before, "spec": {**before["spec"], **patch["spec"]}}
    assert traffic.weights(after) == {"blue": 0, "green": 0} | {track: 100}
    for old, new in zip(before["spec"]["http"][0]["route"], after["spec"]["http"][0]["route"], strict=True):
        assert {**old, "weight": 0} == {**new, "weight": 0}


def test_a_route_without_weights_has_one_destination() -> None:
    one = route(blue=100)
    del one["spec"]["http"][0]["route"][0]["weight"]
    assert traffic.weights(one) == {"blue": 100}


def test_an_unknown_track_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"unknown track 'gren'.*did you mean 'green'.*blue, green"):
        traffic.patch(route(blue=100, green=0), "gren")


@pytest.mark.parametrize("service", [{"spec": {}}, {"spec": {"http": []}}])
def test_somebody_elses_route_is_refused(service: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="no HTTP route"):
        traffic.weights(service)


def test_a_route_without_tracks_is_refused() -> None:
    plain = route(blue=100)
    plain["spec"]["http"][0]["route"][0]["destination"]["host"] = "gateway.fleet.svc.cluster.local"
    with pytest.raises(ConfigurationError, match="no track"):
        traffic.weights(plain)
