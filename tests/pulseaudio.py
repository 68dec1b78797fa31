"""A PulseAudio of the tests' own: speakers to listen to, microphones to speak into, plugs to pull.

It needs no sound card, no D-Bus and no user's session.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jzrx.media.devices.ring import RATE
from jzrx.media.measure import tone_level
from jzrx.media.sources import tone

MISSING = "PulseAudio is not installed; run tests/interop/install.sh as root"
PROGRAMS = ("pulseaudio", "pacat", "parec")


def is_installed() -> bool:
    """Whether all is there that these tests need."""
    return all(map(shutil.which, PROGRAMS))


class PulseAudio:
    """The server, with the speakers spk1 (the default one) and spk2 and the microphones mic1 and mic2."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.address = f"unix:{folder}/native"
        self._plugged: dict[str, list[int]] = {}
        log, self._process = folder / "log", None
        # norewinds=1: else a null sink stalls for 1.9 s when a stream begins.
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=true"]
        command += ["--use-pid-file=no", f"--log-target=file:{log}"]
        command += ["-L", f"module-native-protocol-unix auth-anonymous=1 socket={folder}/native"]
        command += ["-L", "module-always-sink"]
        home = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "PULSE_RUNTIME_PATH": str(folder)}
        self._process = subprocess.Popen(command, env={**os.environ, **home}, stderr=subprocess.DEVNULL)
        self.pulse: Any = self._connect()
        for speaker in ("spk1", "spk2"):
            self.plug_speaker(speaker)
        for microphone in ("mic1", "mic2"):
            self.plug_microphone(microphone)
        self.use_defaults()

    def _connect(self) -> Any:
        import pulsectl

        pulse = pulsectl.Pulse("tests", server=self.address, connect=False)
        for _ in range(500):
            try:
                pulse.connect(autospawn=False)
            except pulsectl.PulseError:
                if self._process is None or self._process.poll() is not None:
                    break
                pulse.close()
                pulse = pulsectl.Pulse("tests", server=self.address, connect=False)
                time.sleep(0.01)
            else:
                return pulse
        pulse.close()
        raise AssertionError(f"PulseAudio does not start:\n{(self._folder / 'log').read_text()}")

    def use_defaults(self) -> None:
        """spk1 and mic1 are the default devices."""
        self.pulse.sink_default_set("spk1")
        self.pulse.source_default_set("mic1")

    def plug_speaker(self, name: str) -> None:
        self._plug(name, "module-null-sink", f"sink_name={name} sink_properties=device.description={name.title()}")

    def plug_microphone(self, name: str) -> None:
        """A microphone; what is played to the sink NAME-room is heard by it."""
        self._plug(name, "module-null-sink", f"sink_name={name}-room")
        self._plugged[name].append(
            self.pulse.module_load("module-remap-source", f"master={name}-room.monitor source_name={name}")
        )

    def _plug(self, name: str, module: str, arguments: str) -> None:
        options = f"norewinds=1 rate={RATE} channels=1 {arguments}"
        self._plugged[name] = [self.pulse.module_load(module, options)]

    def unplug(self, name: str) -> None:
        for module in reversed(self._plugged.pop(name)):
            self.pulse.module_unload(module)

    def streams(self) -> list[str]:
        """The devices at which this process has streams, sorted."""
        sinks = {sink.index: sink.name for sink in self.pulse.sink_list()}
        sources = {source.index: source.name for source in self.pulse.source_list()}
        outputs = [sinks[each.sink] for each in self.pulse.sink_input_list() if _is_ours(each)]
        inputs = [sources[each.source] for each in self.pulse.source_output_list() if _is_ours(each)]
        return sorted(outputs + inputs)

    @contextmanager
    def speak(self, microphone: str, hz: float) -> Iterator[None]:
        """A tone, before this microphone."""
        reader = tone(hz).open(RATE)
        minute = self._folder / f"{hz}.raw"
        minute.write_bytes(b"".join(filter(None, (reader.read() for _ in range(50)))) * 60)
        with self._run("pacat", f"--device={microphone}-room", str(minute)):
            yield

    def listen(self, speaker: str, seconds: float = 0.5) -> bytes:
        """What this speaker plays from now on."""
        with self._run("parec", f"--device={speaker}.monitor", "--latency-msec=20") as recorder:
            assert recorder.stdout is not None
            return recorder.stdout.read(int(seconds * RATE) * 2)

    @contextmanager
    def _run(self, program: str, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
        command = [program, "--raw", f"--rate={RATE}", "--channels=1", "--format=s16le", *arguments]
        address = {**os.environ, "PULSE_SERVER": self.address}
        with subprocess.Popen(command, env=address, stdout=subprocess.PIPE) as process:
            try:
                yield process
            finally:
                process.kill()

    def hang(self) -> None:
        """Answer nothing from now on, and still be there."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def stop(self) -> None:
        self.pulse.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _is_ours(stream: Any) -> bool:
    return bool(stream.proplist.get("application.process.id") == str(os.getpid()))


def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Return as soon as it is so; AssertionError when it is not in time. The server tells its facts only when asked."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


async def at(pulseaudio: PulseAudio, *streams: str) -> None:
    """Return when this process has just these streams."""
    try:
        await asyncio.to_thread(eventually, lambda: pulseaudio.streams() == sorted(streams))
    except AssertionError:
        raise AssertionError(f"{pulseaudio.streams()} in place of {sorted(streams)}") from None


async def plays(pulseaudio: PulseAudio, speaker: str, hz: float) -> None:
    """Return when the speaker plays a tone of `hz`."""
    await asyncio.to_thread(eventually, lambda: tone_level(pulseaudio.listen(speaker, 0.1), RATE, hz) > 0.05)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = terminalreporter.getreports("skipped")  # of tests, and of modules, which have no keywords
    if skipped := [report for report in reports if "devices" in getattr(report, "keywords", ())]:
        terminalreporter.section("NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.line(f"{len(skipped)} tests of microphones and speakers did not run: {MISSING}", red=True)


@pytest.fixture(scope="session")
def pulseaudio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulseAudio]:
    if not is_installed():
        pytest.skip(MISSING)
    server = PulseAudio(tmp_path_factory.mktemp("pulse"))
    yield server
    server.stop()


@pytest.fixture
def pulseaudio(pulseaudio_server: PulseAudio, monkeypatch: pytest.MonkeyPatch) -> Iterator[PulseAudio]:
    """The sound server of this test; every device is plugged in."""
    monkeypatch.setenv("PULSE_SERVER", pulseaudio_server.address)
    yield pulseaudio_server
    for name in ("spk1", "spk2", "mic1", "mic2"):
        if name not in pulseaudio_server._plugged:
            (pulseaudio_server.plug_speaker if name[0] == "s" else pulseaudio_server.plug_microphone)(name)
    pulseaudio_server.use_defaults()
