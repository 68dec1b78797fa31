"""The public names of jzrx.media, and what importing them costs."""

import subprocess
import sys

import pytest

import jzrx.media


def test_the_public_names():
    names = ["AudioFrame", "microphone", "pcm", "ringback", "silence", "tone", "wav"]
    assert jzrx.media.__all__ == dir(jzrx.media) == names
    for name in jzrx.media.__all__:
        assert getattr(jzrx.media, name).__doc__
    with pytest.raises(AttributeError, match="camera"):
        _ = jzrx.media.camera  # pyright: ignore[reportAttributeAccessIssue]


def test_pyav_is_loaded_with_the_first_source_and_numpy_never():
    code = """
import sys, jzrx.media
assert "av" not in sys.modules
jzrx.media.tone().open(48000).read()
assert "av" in sys.modules and "numpy" not in sys.modules and "aiortc" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
