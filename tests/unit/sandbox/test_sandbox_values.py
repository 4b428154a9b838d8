"""Do values leave the sandbox unchanged, and only plain ones?"""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.sandbox.values import MAX_DEPTH, NotPlain, from_plain, to_plain

KEYS = st.none() | st.booleans() | st.integers() | st.text(st.characters()) | st.binary() | st.floats(allow_nan=False)
PLAIN = st.recursive(
    KEYS | st.complex_numbers(allow_nan=False) | st.builds(range, st.integers(0, 9), st.integers(0, 9)),
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner) | st.sets(KEYS) | st.frozensets(KEYS)
    ),
    max_leaves=20,
)


class Claims(int):
    """Says it equals everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def there_and_back(value: Any) -> Any:
    return from_plain(json.loads(json.dumps(to_plain(value))))


@given(PLAIN)
def test_a_plain_value_arrives_as_it_left(value: Any) -> None:
    arrived = there_and_back(value)
    assert arrived == value
    assert type(arrived) is type(value)


def test_special_numbers_and_texts_arrive() -> None:
    assert math.isnan(there_and_back(math.nan))
    assert there_and_back([math.inf, -math.inf, -0.0]) == [math.inf, -math.inf, 0.0]
    assert there_and_back("\ud800") == "\ud800"
    assert there_and_back(10**6000) == 10**6000
    assert there_and_back({"tuple": (1, [2])}) == {"tuple": (1, [2])}


@pytest.mark.parametrize("value", [Claims(), [Claims()], {1: object()}, len, Claims, iter([]), ...])
def test_anything_with_behaviour_of_its_own_stays_inside(value: Any) -> None:
    with pytest.raises(NotPlain):
        to_plain(value)


def test_a_value_that_contains_itself_or_is_too_deep_stays_inside() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(NotPlain, match=f"deeper than {MAX_DEPTH}"):
        to_plain(circle)


def test_a_value_with_too_many_items_stays_inside() -> None:
    with pytest.raises(NotPlain, match="more than"):
        to_plain([0] * 100_000)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_whatever_arrives_is_a_value_or_refused(plain: Any) -> None:
    try:
        from_plain(plain)
    except NotPlain:
        pass
