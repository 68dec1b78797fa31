"""jzrx, the Python voice client for jambonz: SIP over WebSocket, WebRTC audio, observable state."""

import logging
from typing import TYPE_CHECKING

logging.getLogger("jzrx").addHandler(logging.NullHandler())

if TYPE_CHECKING:
    from jzrx.public import *  # noqa: F403 - its __all__ names them
    from jzrx.public import ConnectionError as ConnectionError
    from jzrx.public import __all__ as __all__
else:
    # They take a third of a second to load: so long the command `jzrx` must be able to take a Ctrl-C, and its first
    # line runs after this file.
    import importlib.util

    def __getattr__(name: str) -> object:
        """A public name, or a module of the package, when it is first asked for."""
        if importlib.util.find_spec(f"{__name__}.{name}"):
            return importlib.import_module(f"{__name__}.{name}")
        import jzrx.public

        value = globals()[name] = getattr(jzrx.public, name)
        return value

    def __dir__() -> list[str]:
        """All public names, those too that were not asked for yet."""
        from jzrx.public import __all__ as names

        return sorted({*globals(), *names})
