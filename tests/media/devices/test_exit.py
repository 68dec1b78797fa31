"""The interpreter exits while devices are in use: no crash (sounddevice unloads PortAudio then), and no waiting."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.pulseaudio import MISSING, PulseAudio, is_installed

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

IN_USE = """
    import os, sys, time
    from jzrx.media.devices import desk as desks
    from jzrx.media.devices.player import Player
    from jzrx.media.devices.taps import EVERYBODY, InputTap

    player, microphone = Player(EVERYBODY), InputTap(EVERYBODY)
    player.play()
    desks.desk.attach(microphone)
    while not microphone.last:
        time.sleep(0.01)
"""

TOO_BUSY = re.compile(r"ALSA lib .*(under|over)run occurred\n")
"""What ALSA says where the machine was too busy to play or to listen in time: no fault of an exit."""


def run(script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    done.stderr = TOO_BUSY.sub("", done.stderr)
    return done


def test_at_any_time_while_portaudio_is_loaded() -> None:
    # It crashed, now and then, where a thread was still in PortAudio as that was unloaded.
    done = run("""
        import atexit, os, sys, threading, time
        from jzrx.media.devices.desk import desk
        from jzrx.media.devices.taps import EVERYBODY, InputTap

        # What is registered first is called last. One write a line, or those of eight processes are mixed.
        names = lambda: " ".join(thread.name for thread in threading.enumerate())
        atexit.register(lambda: os.write(1, f"{names()}{os.linesep}".encode()))
        children = []
        for turn in range(8):
            if not (child := os.fork()):
                desk.attach(InputTap(EVERYBODY))
                time.sleep(turn * 0.03)
                sys.exit()
            children.append(child)
        print(*(os.waitpid(child, 0)[1] for child in children), flush=True)
    """)
    assert done.stdout.splitlines()[:-2] == ["MainThread"] * 8
    assert done.stdout.splitlines()[-2:] == ["0 0 0 0 0 0 0 0", "MainThread"]


@pytest.mark.devices
def test_while_devices_play_and_listen(pulseaudio: PulseAudio) -> None:
    done = run(IN_USE)
    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.devices
def test_a_child_leaves_the_devices_of_its_parent_alone(pulseaudio: PulseAudio) -> None:
    done = run(f"""{IN_USE}
    import warnings
    warnings.simplefilter("ignore")  # from Python 3.12 on it warns of just this
    if not (child := os.fork()):
        desks.desk.detach(microphone)
        print(desks.desk.devices("audioinput").exception(10))
        sys.exit()
    print(os.waitpid(child, 0)[1], microphone in desks.desk.taps(EVERYBODY, "audioinput"))
    """)
    assert done.stdout.splitlines() == ["audio devices in use do not survive fork(): use spawn", "0 True"]
    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.devices
def test_a_sound_server_that_hangs_holds_nothing_up(tmp_path: Path) -> None:
    if not is_installed():
        pytest.skip(MISSING)
    server = PulseAudio(tmp_path)
    script = f"""{IN_USE}
    desks.END_TIMEOUT = 0.5
    print("in use", flush=True)
    sys.stdin.read()
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    env = {**os.environ, "PULSE_SERVER": server.address}
    try:
        with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == b"in use\n"
            server.hang()
            try:
                program.communicate(timeout=20)
            finally:
                program.kill()
        assert program.returncode == 0
    finally:
        server.stop()
