"""The lock under which the graph of observable values changes.

One for the process, because a hook may follow several clients, each on a thread of its own. It is held for
microseconds, while values are computed, and never while a subscriber runs.
"""

import threading

__all__ = ["LOCK"]

LOCK = threading.RLock()
