"""Awaiting Rx observables: the first value that fits, and the latest value, again and again.

Apart, because `jzrx.store` knows no asyncio. The observable may belong to another thread's loop.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import TypeVar

from reactivex import Observable

from jzrx.action import Deferred
from jzrx.errors import JambonzError

T = TypeVar("T")

__all__ = ["first", "latest"]

_NOTHING = object()


async def first(source: Observable[T], fits: Callable[[T], bool], timeout: float | None = None) -> T:
    """The first value of `source` that fits; every value is looked at, when it comes.

    Raises `TimeoutError` after `timeout` seconds, `JambonzError` when `source` completes first, and what `fits` raises.
    """
    found = Deferred[T]()
    latest_value: object = None

    def look(value: T) -> None:
        nonlocal latest_value
        latest_value = value
        try:
            if fits(value):
                found.resolve(value)
        except Exception as error:
            found.reject(error)

    def give_up() -> None:
        found.reject(JambonzError("the state ended before it had the value that was waited for"))

    with source.subscribe(look, found.reject, give_up):
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return await found.action
        except TimeoutError as error:
            if not limit.expired():
                raise  # of `fits`
            raise TimeoutError(f"not within {timeout} s: the state is {latest_value!r}") from error


async def latest(source: Observable[T]) -> AsyncIterator[T]:
    """The changed values of `source` until it completes; of those that come while the body runs, only the last."""
    loop = asyncio.get_running_loop()
    news = asyncio.Event()
    values: list[T] = []
    ended = False
    last: object = _NOTHING

    def put(value: T) -> None:
        values[:] = [value]
        tell()

    def end() -> None:
        nonlocal ended
        ended = True
        tell()

    def tell() -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(news.set)

    with source.subscribe(put, None, end):
        while True:
            await news.wait()
            news.clear()
            is_last = ended
            while values:
                value = values.pop()
                if value != last:
                    last = value
                    yield value
            if is_last:
                return
