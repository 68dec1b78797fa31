"""A loop's clock that can be put forward, so that nobody waits for what is due in a minute."""

import asyncio


class Clock:
    """The clock of the running loop from now on. Media has a loop, and a clock, of its own; so has the other side."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._ahead, original = 0.0, loop.time
        loop.time = lambda: original() + self._ahead  # type: ignore[method-assign]

    def put_forward(self, seconds: float) -> None:
        """What is due by then is due now, and each thing whose time has come is done in its turn."""
        self._ahead += seconds
