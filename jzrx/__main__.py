"""`python -m jzrx`."""

import sys

from jzrx.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
