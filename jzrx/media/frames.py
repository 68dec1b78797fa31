"""What is heard, a frame at a time."""

from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from numpy import int16
    from numpy.typing import NDArray

__all__ = ["AudioFrame"]


@frozen
class AudioFrame:
    """20 ms of a call's sound, after playout.

    `data` is s16le mono at `rate` Hz (960 samples at 48000); `timestamp` is the frame's index times 0.02 s since the
    first; `concealed`: no packet was there for it, it was made up or is silence.
    """

    data: bytes = field(repr=lambda data: f"<{len(data)} bytes>")
    rate: int = 48000
    timestamp: float = 0.0
    concealed: bool = False

    def to_numpy(self) -> "NDArray[int16]":
        """The samples as a read-only int16 array. Raises ImportError without numpy, which comes with `jzrx[audio]`."""
        try:
            import numpy
        except ImportError as error:
            raise ImportError("to_numpy() needs numpy: pip install 'jzrx[audio]'", name="numpy") from error
        return numpy.frombuffer(self.data, dtype="<i2")
