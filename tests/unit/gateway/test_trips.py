"""Do requests that share a trip each get their own answer, and how many trips does that take?"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from fleet.errors import ConfigurationError, StoreUnavailable
from fleet.gateway.trips import MOST, Trip


def test_who_comes_while_a_trip_is_under_way_shares_the_next() -> None:
    groups: list[list[int]] = []
    let_go = threading.Event()

    def ask(numbers: list[int]) -> Sequence[int]:
        let_go.wait(10)
        groups.append(numbers)
        return [number * 10 for number in numbers]

    async def come() -> list[int]:
        trip: Trip[int, int] = Trip(ask)
        first = trip(0)
        await asyncio.sleep(0)  # the first leaves alone
        await asyncio.sleep(0)
        rest = [trip(number) for number in range(1, MOST + 51)]
        let_go.set()
        answers = list(await asyncio.gather(first, *rest))
        assert await trip(7) == 70, "an idle one leaves again"
        return answers

    assert asyncio.run(come()) == [number * 10 for number in range(MOST + 51)]
    assert [len(group) for group in groups] == [1, MOST, 50, 1]


def test_an_error_belongs_to_its_question_and_a_failed_trip_to_all_on_it() -> None:
    def ask(words: list[str]) -> Sequence[str | Exception]:
        if "down" in words:
            raise StoreUnavailable("away")
        return [ConfigurationError("no") if word == "bad" else word.upper() for word in words]

    async def come(*words: str) -> list[object]:
        trip: Trip[str, str] = Trip(ask)
        return list(await asyncio.gather(*(trip(word) for word in words), return_exceptions=True))

    good, bad, other = asyncio.run(come("a", "bad", "b"))
    assert (good, other) == ("A", "B")
    assert isinstance(bad, ConfigurationError)
    assert all(isinstance(answer, StoreUnavailable) for answer in asyncio.run(come("a", "down")))


def test_a_request_that_was_given_up_holds_up_nobody() -> None:
    async def come() -> int:
        trip: Trip[int, int] = Trip(list)
        given_up, kept = trip(1), trip(2)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        return await kept

    assert asyncio.run(come()) == 2
