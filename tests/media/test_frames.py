"""The frame that a user gets."""

import sys

import numpy
import pytest
from attrs.exceptions import FrozenInstanceError

from jzrx.media import AudioFrame


def test_a_frame_as_samples():
    frame = AudioFrame(b"\x01\x00\xff\xff", 48000, 0.02, concealed=True)
    samples = frame.to_numpy()
    assert samples.dtype == numpy.int16
    assert samples.tolist() == [1, -1]


def test_without_numpy_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ImportError, match=r"jzrx\[audio\]"):
        AudioFrame(b"").to_numpy()


def test_a_frame_is_a_value_with_a_short_repr():
    assert AudioFrame(b"ab") == AudioFrame(b"ab")
    assert "<1920 bytes>" in repr(AudioFrame(bytes(1920)))
    with pytest.raises(FrozenInstanceError):
        AudioFrame(b"").rate = 8000  # pyright: ignore[reportAttributeAccessIssue]
