"""What is heard, as a WAV file."""

import wave
from pathlib import Path
from types import TracebackType
from typing import Self

from jzrx import AudioFrame
from jzrx.cli.exits import CommandError, Exit

__all__ = ["WavFile"]

RATE = 48000  # Hz


class WavFile:
    """A WAV file, whole in whatever way the command ends. CommandError where it cannot be written."""

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._raw = Path(path).open("wb")  # noqa: SIM115 - __exit__ closes it
        except OSError as error:
            raise self._cannot(error) from error
        self._wave = wave.open(self._raw, "wb")  # noqa: SIM115 - likewise
        self._wave.setparams((1, 2, RATE, 0, "NONE", ""))
        self._is_broken = False

    def take(self, frame: AudioFrame) -> None:
        """Write 20 ms."""
        if self._is_broken:
            return
        try:
            self._wave.writeframesraw(frame.data)
        except OSError as error:
            self._is_broken = True
            raise self._cannot(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        failures: list[OSError] = []
        for file in (self._wave, self._raw):
            try:
                file.close()
            except OSError as failure:
                failures.append(failure)
        if failures and not self._is_broken:
            raise self._cannot(failures[0]) from failures[0]

    def _cannot(self, error: OSError) -> CommandError:
        return CommandError(f"cannot write --record {self._path}: {error.strerror or error}", Exit.USAGE)
