"""The one place where taps meet devices: a thread that opens, moves and closes streams.

Rules
- `settle` compares what is wanted with what runs, and changes the latter; everything else only says what is wanted.
- Each tap is at the device it wants; if that is not there, or cannot be opened, at the default one; if there is none,
  at none, and tries again. So what is unplugged falls back, and what is plugged in again returns.
- Make before break: a stream ends after its taps are at the next one.
- All taps at one device share its stream.
- The interpreter does not exit under the thread: it closes the streams first. Where a device holds it up, PortAudio is
  left as it is.
"""

import atexit
import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from jzrx.media.devices.backend import SoundSystem
from jzrx.media.devices.device import AudioDevice, Kind, Plugged
from jzrx.media.devices.library import DeviceError, abandon_portaudio, load_portaudio
from jzrx.media.devices.portaudio import PortAudioStream
from jzrx.media.devices.ring import FRAME
from jzrx.media.devices.taps import DeviceChoice, InputTap, OutputTap, Tap
from jzrx.media.measure import level
from jzrx.media.mixer import mix

__all__ = ["Desk", "desk"]

KINDS: tuple[Kind, Kind] = ("audioinput", "audiooutput")
WATCH = 0.5  # s, between looks for what was plugged in or out
RETRY = 5.0  # s, before a device that could not be opened is tried again
END_TIMEOUT = 3.0  # s, that the interpreter waits for the devices as it exits
SILENCE = bytes(FRAME * 2)
NOWHERE: dict[Kind, str] = {"audioinput": "silence is sent", "audiooutput": "nothing is heard"}

T = TypeVar("T")
_log = logging.getLogger("jzrx.media")


class _Running:
    """A device with an open stream, and who is at it."""

    def __init__(self, plugged: Plugged) -> None:
        self.plugged = plugged
        self.taps: tuple[Tap, ...] = ()  # replaced, never changed: PortAudio's thread reads it
        self.stream: PortAudioStream | None = None

    def capture(self, frame: bytes) -> None:
        for tap in self.taps:
            if isinstance(tap, InputTap):
                tap.put(frame)

    def render(self) -> bytes:
        frames = [frame for tap in self.taps if isinstance(tap, OutputTap) and (frame := tap.take()) is not None]
        return frames[0] if len(frames) == 1 else mix(frames) if frames else SILENCE


class Desk:
    """All taps of the process. Its thread, "jzrx-audio", runs while there is one, and for single questions."""

    def __init__(self, system: SoundSystem | None = None) -> None:
        self._system = system or SoundSystem()
        self._lock = threading.Lock()  # of the next three
        self._work = queue.SimpleQueue[Callable[[], object]]()
        self._thread: threading.Thread | None = None
        self._over = False  # the interpreter exits
        self._pid = 0  # of the process that the thread is in
        # From here on the thread's own.
        self._taps: tuple[Tap, ...] = ()
        self._running: dict[Kind, list[_Running]] = {"audioinput": [], "audiooutput": []}
        self._failed: dict[Plugged, tuple[float, str]] = {}  # until when, and why
        self._told: dict[Kind, set[str]] = {kind: set() for kind in KINDS}
        self._said: set[str] = set()  # what was to be told in this round

    # --- from any thread --------------------------------------------------------------------------------------------

    def attach(self, tap: Tap) -> None:
        """Bring `tap` to the device that it wants, soon. It gets silence until then."""
        self._submit(lambda: self._change((*self._taps, tap)))

    def detach(self, tap: Tap) -> None:
        """Take it away again; the last one closes the device."""
        self._submit(lambda: self._change(tuple(each for each in self._taps if each is not tap)))

    def devices(self, *kinds: Kind) -> Future[list[AudioDevice]]:
        """The devices that are there. The future raises DeviceError without the library."""
        return self._submit(lambda: [each.device for kind in kinds for each in self._system.devices(kind)])

    def choose(self, choice: DeviceChoice, kind: Kind, device_id: str | None) -> Future[bool]:
        """Use a device (None: the default one) for all that `choice` covers. False: it is unknown, or does not open.

        The future raises DeviceError without the library.
        """
        return self._submit(lambda: self._choose(choice, kind, device_id))

    def taps(self, choice: DeviceChoice, kind: Kind) -> list[Tap]:
        """What is at a device now, or wants to be."""
        return [tap for tap in self._taps if tap.kind == kind and choice.covers(tap.choice)]

    def level(self, choice: DeviceChoice, kind: Kind) -> float:
        """The loudest of those taps now, 0.0 to 1.0 (RMS of the last 20 ms)."""
        return max((level(tap.last) for tap in self.taps(choice, kind)), default=0.0)

    def _submit(self, work: Callable[[], T]) -> "Future[T]":
        done = Future["T"]()

        def run() -> None:
            try:
                done.set_result(work())
            except BaseException as error:
                done.set_exception(error)
                if not isinstance(error, DeviceError):
                    _log.exception("the audio devices failed")

        done.set_running_or_notify_cancel()
        with self._lock:
            if self._over:
                done.set_exception(DeviceError("the program ends: there are no audio devices any more"))
                return done
            if self._thread is not None and os.getpid() != self._pid:
                done.set_exception(DeviceError("audio devices in use do not survive fork(): use spawn"))
                return done
            self._work.put(run)
            if self._thread is None:
                self._pid = os.getpid()
                self._thread = threading.Thread(target=self._run, name="jzrx-audio", daemon=True)
                atexit.register(self._end)
                self._thread.start()
        return done

    def _end(self) -> None:
        """The interpreter exits."""
        thread = self._thread
        if os.getpid() == self._pid and thread is not None:
            with self._lock:
                self._over = True
                self._work.put(lambda: self._change(()))
            thread.join(END_TIMEOUT)
        if os.getpid() != self._pid or (thread is not None and thread.is_alive()):
            abandon_portaudio()

    # --- on the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        # sounddevice ends PortAudio as the interpreter exits, and what was registered last is called first: we.
        with contextlib.suppress(DeviceError):
            load_portaudio()
            atexit.unregister(self._end)
            atexit.register(self._end)
        while True:
            try:
                work = self._work.get(timeout=WATCH if self._taps else 0)
            except queue.Empty:
                if self._taps:
                    self._guarded_settle()
                    continue
                with self._lock:
                    if self._work.empty():
                        self._system.close()
                        self._thread = None
                        atexit.unregister(self._end)
                        return
            else:
                work()

    def _guarded_settle(self) -> None:
        try:
            self._settle()
        except Exception:
            _log.exception("the audio devices failed")

    def _change(self, taps: tuple[Tap, ...]) -> None:
        self._taps = taps
        self._settle()

    def _choose(self, choice: DeviceChoice, kind: Kind, device_id: str | None) -> bool:
        plugged = self._system.devices(kind)
        if not plugged or (device_id is not None and device_id not in [each.id for each in plugged]):
            return False
        self._failed.clear()
        undo = choice.choose(kind, device_id)
        moved = self.taps(choice, kind)
        wishes = [tap.device_id for tap in moved]
        for tap in moved:
            tap.device_id = None
        self._settle()
        target = device_id if device_id is not None else plugged[0].id
        if all(self._place(tap) == target for tap in moved):
            return True
        undo()
        for tap, wish in zip(moved, wishes, strict=True):
            tap.device_id = wish
        self._settle()
        return False

    def _place(self, tap: Tap) -> str | None:
        return next((running.plugged.id for running in self._running[tap.kind] if tap in running.taps), None)

    def _settle(self) -> None:
        self._taps = tuple(tap for tap in self._taps if not tap.is_over)
        for kind in KINDS:
            taps = [tap for tap in self._taps if tap.kind == kind]
            if taps or self._running[kind]:
                self._settle_kind(kind, taps)

    def _settle_kind(self, kind: Kind, taps: list[Tap]) -> None:
        self._said = set()
        plugged, problem = self._look(kind)
        ended = [each for each in self._running[kind] if each.stream is None or not each.stream.is_alive]
        for running in ended:
            self._running[kind].remove(running)
        places: dict[int, list[Tap]] = {}
        for tap in taps:
            place, reason = self._find(kind, tap, plugged)
            if place is not None:
                places.setdefault(id(place), []).append(tap)
            else:
                tap.last = b""
                self._tell(tap, f"{reason or problem}: {NOWHERE[kind]}")
        for running in self._running[kind]:  # the new ones begin, and with the same step the old ones end
            running.taps = tuple(places.get(id(running), ()))
        for running in (*ended, *(each for each in self._running[kind] if not each.taps)):
            running.taps = ()
            if running.stream is not None:
                running.stream.close()
        self._running[kind] = [each for each in self._running[kind] if each.taps]
        self._told[kind] = self._said  # what is not so any more may be told again

    def _look(self, kind: Kind) -> tuple[list[Plugged], str]:
        try:
            return self._system.devices(kind), f"there is no {'microphone' if kind == 'audioinput' else 'speaker'}"
        except DeviceError as error:
            return [], str(error)

    def _find(self, kind: Kind, tap: Tap, plugged: list[Plugged]) -> tuple[_Running | None, str | None]:
        """Where `tap` is to be, opened if need be; or why nowhere."""
        reason = None
        wanted = [each for each in plugged if each.id == tap.wanted]
        if tap.wanted is not None and not wanted and plugged:
            self._tell(tap, f"there is no device {tap.wanted!r} now; {plugged[0].id!r} is used")
        for device in dict.fromkeys((*wanted, *plugged[:1])):
            try:
                return self._opened(kind, device), None
            except DeviceError as error:
                reason = str(error)
        return None, reason

    def _opened(self, kind: Kind, device: Plugged) -> _Running:
        running = next((each for each in self._running[kind] if each.plugged == device), None)
        if running is not None:
            return running
        until, why = self._failed.get(device, (0.0, ""))
        if time.monotonic() < until:
            raise DeviceError(why)
        running = _Running(device)
        try:
            running.stream = self._system.open(
                kind, device, capture=running.capture, render=running.render, others=any(self._running.values())
            )
        except Exception as error:
            why = str(error) if isinstance(error, DeviceError) else f"{device.id!r}: {error!r}"
            self._failed[device] = time.monotonic() + RETRY, why
            raise DeviceError(why) from error
        self._running[kind].append(running)
        return running

    def _tell(self, tap: Tap, what: str) -> None:
        """Say it once, as long as it is so."""
        if what not in self._told[tap.kind] | self._said:
            _log.log(logging.INFO if tap.is_default else logging.WARNING, "audio: %s", what)
        self._said.add(what)


desk = Desk()
"""The desk of this process."""
