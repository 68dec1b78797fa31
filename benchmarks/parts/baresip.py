"""A real baresip whose calls are measured: DTLS-SRTP, ICE, and a WAV file that it plays in each call."""

import json
import os
import select
import socket
import subprocess
import time
import wave
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from jzrx.sip import Headers, Request, parse_message
from tests.media.speech import speech

__all__ = ["PROGRAM", "Baresip", "baresip"]

PROGRAM = Path("/usr/bin/baresip")
PATIENCE = 20.0  # s
MODULES = ("g711", "opus", "aufile", "ice", "dtls_srtp")
APPLICATIONS = ("account", "menu", "ctrl_tcp")


class Baresip:
    """It dials us by UDP, and we answer: that is all the SIP there is."""

    def __init__(self, directory: Path, codec: str) -> None:
        self._sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sip.bind(("127.0.0.1", 0))
        self._sip.settimeout(PATIENCE)
        control = _configure(directory, codec)
        log = (directory / "log").open("wb")
        self._process = subprocess.Popen(
            [PROGRAM, "-4", "-f", directory], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        log.close()
        self._control = _connected(control)
        self._answers: dict[str, str] = {}  # by Call-ID

    def call(self, answer: Callable[[str], str]) -> None:
        """Let it call once; `answer` makes the answer to its offer."""
        host, port = self._sip.getsockname()
        text = json.dumps({"command": "dial", "params": f"sip:jzrx@{host}:{port}"}).encode()
        self._control.sendall(b"%d:%b," % (len(text), text))
        calls = len(self._answers)
        while len(self._answers) == calls:
            self._serve(answer)

    def serve(self, seconds: float) -> None:
        """Answer what it asks in its calls, for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._sip], [], [], left)[0]:
                self._serve(str)

    def _serve(self, answer: Callable[[str], str]) -> None:
        """Answer a request. When ICE is done it offers again, and gets the same answer again."""
        data, address = self._sip.recvfrom(65536)
        request = parse_message(data)
        if isinstance(request, Request) and request.method == "INVITE":
            call_id = request.headers.get("Call-ID") or ""
            if call_id not in self._answers:
                self._answers[call_id] = answer(request.body.decode())
            host, port = self._sip.getsockname()
            headers = Headers((("Contact", f"<sip:{host}:{port}>"), ("Content-Type", "application/sdp")))
            body = self._answers[call_id].encode()
            self._sip.sendto(bytes(request.response(200, to_tag="jzrx", headers=headers, body=body)), address)

    def cpu(self) -> float:
        """The seconds of CPU that it has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        self._control.close()
        self._sip.close()
        self._process.kill()
        self._process.wait(PATIENCE)


def _configure(directory: Path, codec: str) -> int:
    """Write its files; the port that it listens on for commands."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        control = int(free.getsockname()[1])
    # It plays only what has the codec's own format.
    rate, channels = (48000, 2) if codec == "opus" else (8000, 1)
    config = {
        "sip_listen": "127.0.0.1:0",
        "ctrl_tcp_listen": f"127.0.0.1:{control}",
        "net_interface": "127.0.0.1",
        "module_path": "/usr/lib/baresip/modules",
        "audio_source": f"aufile,{directory}/speech.wav",
        "audio_player": f"aufile,{directory}/heard.wav",
        "rtp_ports": "33000-35999",
        "rtcp_mux": "yes",
        "call_max_calls": "0",
        # As ours: mono in effect, 24 kbit/s, complexity 5, copies for losses.
        "opus_bitrate": "24000",
        "opus_complexity": "5",
        "opus_application": "voip",
        "opus_inbandfec": "yes",
        "opus_packet_loss": "10",
    }
    modules = [f"module\t{name}.so" for name in MODULES] + [f"module_app\t{name}.so" for name in APPLICATIONS]
    (directory / "config").write_text(
        "\n".join([*(f"{name}\t{value}" for name, value in config.items()), *modules, ""])
    )
    account = (
        f"<sip:baresip@127.0.0.1>;regint=0;mediaenc=dtls_srtp;medianat=ice;audio_codecs={codec}/{rate}/{channels}\n"
    )
    (directory / "accounts").write_text(account)
    (directory / "contacts").write_text("")
    mono = speech(30, rate)
    with wave.open(str(directory / "speech.wav"), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(b"".join(mono[i : i + 2] * channels for i in range(0, len(mono), 2)))
    return control


def _connected(port: int) -> socket.socket:
    """It takes commands as soon as it has started."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextmanager
def baresip(codec: str) -> Generator[Baresip]:
    """One that runs."""
    with TemporaryDirectory() as directory:
        program = Baresip(Path(directory), codec)
        try:
            yield program
        finally:
            program.end()
