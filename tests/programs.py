"""Programs of the README and the docs, run as a reader would: pasted into a file."""

import asyncio
import subprocess
import sys
from pathlib import Path

from jzrx.testing import EmbeddedSbc


def run(code: str, folder: Path) -> list[str]:
    """The lines that it prints; it must print no error."""
    (folder / "example.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


async def run_towards_the_sbc(code: str, folder: Path) -> list[str]:
    """The same on the embedded SBC, in the place of the server, the realm and the number that examples name."""
    async with EmbeddedSbc({"alice": "secret"}) as sbc:
        for there, here in (
            ("wss://sbc.example.com:8443", sbc.url),
            ("acme.sip.example.com", sbc.realm),
            ("+15551230123", "echo"),
        ):
            code = code.replace(there, here)
        return await asyncio.to_thread(run, code, folder)
