"""Completing the library's calls in an asyncio event loop."""

from __future__ import annotations

import asyncio
from typing import Any, Callable


class Bridge:
    """A future of the running event loop, finished from another thread. Cancelling it stops the call."""

    __slots__ = ("_loop", "future")

    def __init__(self, stop: Callable[[], None]):
        self._loop = asyncio.get_running_loop()
        self.future = self._loop.create_future()
        self.future.add_done_callback(lambda future: stop() if future.cancelled() else None)

    def finish(self, value: Any, exception: BaseException | None) -> None:
        self._loop.call_soon_threadsafe(self._set, value, exception)

    def _set(self, value: Any, exception: BaseException | None) -> None:
        if self.future.done():
            return
        if exception is None:
            self.future.set_result(value)
        else:
            self.future.set_exception(exception)
