"""The command `jzrx`, run as a user runs it."""

import os
import subprocess
import sys

JZRX = [sys.executable, "-m", "jzrx"]


def run(*arguments: str, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command without a terminal: its exit status, and what it printed."""
    return subprocess.run(
        [*JZRX, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
