"""`jzrx call TARGET`: one call for scripts. What it is to do in the call stands among its arguments, in their order."""

import asyncio
import contextlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import attrs
from attrs import frozen
from reactivex import operators

from jzrx import (
    CallEndCause,
    CallError,
    CallSnapshot,
    CallState,
    JambonzCall,
    JambonzCallOptions,
    create_jambonz_client,
)
from jzrx.cli.exits import CommandError, Exit
from jzrx.cli.running import run_in_order
from jzrx.cli.screen import Screen
from jzrx.cli.wav_file import WavFile
from jzrx.media import silence, wav
from jzrx.ui.printable import printable

__all__ = ["Order", "Step", "run"]


@frozen
class Step:
    """Something to do in the call: play a WAV file, send DTMF tones, or stay for so many seconds."""

    what: Literal["play", "dtmf", "wait"]
    value: Any


@frozen(kw_only=True)
class Order:
    """What the user wants. Without steps the call lasts until the other side, or Ctrl-C, ends it."""

    target: str
    steps: Sequence[Step]
    record: str | None
    timeout: float
    headers: Mapping[str, str]
    codecs: Sequence[str]
    as_json: bool


def run(screen: Screen, account: Mapping[str, Any], order: Order) -> int:
    """Make the call; the exit status tells why it ended. Raises CommandError or an error of jzrx."""
    return run_in_order(_run(screen, account, order))


async def _run(screen: Screen, account: Mapping[str, Any], order: Order) -> int:
    # What cannot be played, called or offered is said before anything is sent.
    for step in order.steps:
        if step.what == "play":
            wav(step.value)
    options = JambonzCallOptions(headers=order.headers, preferred_codecs=order.codecs, no_answer_timeout=order.timeout)
    # A script hears and speaks by its files; a person by the microphone and the speaker, where there are any.
    scripted = bool(order.steps) or order.record is not None
    devices: dict[str, Any] = {"audio": silence, "speaker": False} if scripted else {}
    client = create_jambonz_client(account, **devices)
    client.uri_of(order.target)
    with contextlib.nullcontext() if order.record is None else WavFile(order.record) as record:
        outlets = _Outlets()
        if order.as_json:
            print_snapshot = outlets.of(lambda snapshot: screen.line(json.dumps(attrs.asdict(snapshot))))
            client.snapshot.subscribe(print_snapshot)
        tell = Screen(io.StringIO()) if order.as_json else screen
        async with client:
            tell.line(f"registered as {client.options.username} with {client.options.server}")
            call = client.call(order.target, options)
            if record is not None:
                call.audio.incoming.subscribe(outlets.of(record.take))
            _follow(tell, call, outlets)
            cause = await _lead(tell, call, order.steps, outlets)
            was_answered = call.snapshot.value.answered_at is not None
            if was_answered:
                tell.line(f"ended after {call.duration} s: {printable(str(cause))}")
    _check(cause, was_answered=was_answered)
    return Exit.OK


class _Outlets:
    """Where what happens goes to: lines and sound. `broken` fails when one takes no more (a full disk, a reader who has
    gone): then there is no use in the call."""

    def __init__(self) -> None:
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.broken.add_done_callback(lambda broken: broken.cancelled() or broken.exception())

    def of(self, put: Callable[[Any], None]) -> Callable[[Any], None]:
        """The same outlet, watched; it does not raise."""

        def watched(value: Any) -> None:
            try:
                put(value)
            except (CommandError, OSError) as error:
                if not self.broken.done():
                    self.broken.set_exception(error)

        return watched


async def _lead(screen: Screen, call: JambonzCall, steps: Sequence[Step], outlets: _Outlets) -> CallEndCause:
    """Take the steps, hang up after the last one, and return why the call ended."""
    finished = asyncio.ensure_future(call.finished())
    steering = asyncio.ensure_future(_take(screen, call, steps))
    try:
        first: set[asyncio.Future[Any]] = {finished, steering, outlets.broken}
        done, _ = await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if call.state is not CallState.ENDED:
            for outcome in done:
                outcome.result()  # raises what went wrong in a call that is still up
            await call.hangup()
        return await finished
    finally:
        for task in (finished, steering):
            task.cancel()
        await asyncio.gather(finished, steering, return_exceptions=True)


async def _take(screen: Screen, call: JambonzCall, steps: Sequence[Step]) -> None:
    await call.answered()
    try:
        await call.media_ready()
    except CallError as error:
        raise CommandError(error.message, Exit.MEDIA) from error
    if not steps:
        await call.finished()
    for step in steps:
        match step.what:
            case "play":
                screen.line(f"plays {step.value}")
                await call.audio.play(wav(step.value)).wait()
            case "dtmf":
                screen.line(f"sends {step.value}")
                await call.send_dtmf(step.value)
            case "wait":
                await asyncio.sleep(step.value)


def _follow(screen: Screen, call: JambonzCall, outlets: _Outlets) -> None:
    """A line for each state of the call, and for each tone that comes."""
    began = asyncio.get_running_loop().time()

    def show(state: CallState) -> None:
        if state is not CallState.ENDED:
            screen.line(f"{asyncio.get_running_loop().time() - began:7.2f}  {screen.paint_word(state)}")

    def tell_tone(tone: str) -> None:
        screen.line(f"heard the tone {tone}")

    states = call.snapshot.pipe(operators.map(_state))
    states.pipe(operators.distinct_until_changed()).subscribe(outlets.of(show))
    call.on("dtmf", tell_tone)


def _state(call: CallSnapshot) -> CallState:
    return call.state


def _check(cause: CallEndCause, *, was_answered: bool) -> None:
    """Raises CommandError, with the status that tells why, unless the call ended normally."""
    match cause:
        case CallEndCause(code=408, originator="system") if was_answered:
            status = Exit.MEDIA
        case CallEndCause(code=503, originator="system"):
            status = Exit.CONNECTION
        case _ if was_answered:
            return
        case CallEndCause(code=408):
            status = Exit.NO_ANSWER
        case _:
            status = Exit.REFUSED
    raise CommandError(f"the call failed: {cause}", status)
