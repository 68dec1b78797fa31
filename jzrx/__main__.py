"""`python -m jzrx`, and the script `jzrx`."""

import sys

__all__ = ["main"]

INTERRUPTED = 130


def main() -> int:
    """Run a command; its exit status."""
    try:
        from jzrx.cli.main import main as run  # late: Ctrl-C while it loads is no traceback

        return run()
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
