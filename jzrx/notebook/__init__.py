"""A phone in a notebook (extra `[notebook]`): `Softphone` in a cell is a live one."""

try:
    import anywidget as _  # noqa: F401
except ImportError as error:
    raise ImportError("jzrx.notebook needs the extra: pip install 'jzrx[notebook]'") from error

from jzrx.notebook.softphone import Softphone

__all__ = ["Softphone"]
