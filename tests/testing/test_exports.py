"""`jzrx.testing` itself."""

import subprocess
import sys

import jzrx.testing


def test_every_name_is_there() -> None:
    assert list(jzrx.testing.__all__) == sorted(jzrx.testing.__all__)
    for name in jzrx.testing.__all__:
        assert getattr(jzrx.testing, name) is not None
    assert set(jzrx.testing.__all__) <= set(dir(jzrx.testing))
    assert not hasattr(jzrx.testing, "Nothing")


def test_importing_it_loads_neither_media_nor_websockets() -> None:
    code = "import jzrx.testing, sys; print(*{'aiortc', 'av', 'websockets', 'numpy'} & sys.modules.keys())"
    plain = "import jzrx, sys; print(*{'aiortc', 'av', 'websockets', 'numpy'} & sys.modules.keys())"
    assert _printed(code) == _printed(plain), "nothing beyond what jzrx itself loads"


def _printed(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True).stdout
