"""`python -m jzrx`, and the script `jzrx`."""

import signal
import sys

__all__ = ["main"]

INTERRUPTED = 130


def main() -> int:
    """Run a command, as the last thing that the process does; its exit status."""
    try:
        from jzrx.cli.main import main as run  # late: Ctrl-C while it loads is no traceback

        return run()
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # nor is one while Python ends


if __name__ == "__main__":
    sys.exit(main())
