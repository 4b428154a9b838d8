"""How do requests that arrive at the same moment share one trip to the store?

While one trip is under way the next one fills: the busier the gateway, the less of a thread hop and a round trip falls to
each request. A request that comes alone leaves at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fleet.gateway.threads import POOL

if TYPE_CHECKING:
    from fleet.dispatcher.submission import Submission
    from fleet.dispatcher.submit import Encoder
    from fleet.dispatcher.tasks import TaskRecord

MOST = 100
Asked = TypeVar("Asked")
Given = TypeVar("Given")


class Trip(Generic[Asked, Given]):
    """One kind of question to the store; `ask` runs on a thread and answers each question of a list, or gives its error."""

    def __init__(self, ask: Callable[[list[Asked]], Sequence[Given | Exception]]) -> None:
        self._ask = ask
        self._waiting: deque[tuple[Asked, asyncio.Future[Given]]] = deque()
        self._is_under_way = False

    def __call__(self, asked: Asked) -> asyncio.Future[Given]:
        """Return the answer to come."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Given] = loop.create_future()
        self._waiting.append((asked, answer))
        if not self._is_under_way:
            self._is_under_way = True
            loop.call_soon(self._leave, loop)
        return answer

    def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        group = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        if not group:
            self._is_under_way = False
            return
        asked = [question for question, _ in group]
        trip = loop.run_in_executor(POOL, self._ask, asked)
        trip.add_done_callback(partial(self._arrived, loop, [answer for _, answer in group]))

    def _arrived(
        self, loop: asyncio.AbstractEventLoop, answers: list[asyncio.Future[Given]], trip: asyncio.Future[Any]
    ) -> None:
        failed = trip.exception()
        for answer, given in zip(answers, [failed] * len(answers) if failed else trip.result(), strict=True):
            if answer.done():  # its request was given up
                continue
            if isinstance(given, BaseException):
                answer.set_exception(given)
            else:
                answer.set_result(given)
        self._leave(loop)


class Trips:
    """The gateway's frequent questions."""

    def __init__(self) -> None:
        self.submit: Trip[Encoder, Submission] = Trip(_submit)
        self.look: Trip[str, tuple[TaskRecord, Any] | None] = Trip(_look)


def _submit(encoders: list[Encoder]) -> Sequence[Submission | Exception]:
    from fleet.dispatcher.submit import submit_together

    return submit_together(encoders)


def _look(task_ids: list[str]) -> Sequence[tuple[TaskRecord, Any] | None]:
    from fleet.dispatcher.tasks import look

    return look(task_ids)
