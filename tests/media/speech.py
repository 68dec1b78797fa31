"""Something like speech, made here, and how much of it is left at the other end."""

from typing import Any

import numpy as np

VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
"""The formants of a, i, u, e, o (Peterson and Barney, 1952), in Hz."""


def speech(seconds: float, rate: int, seed: int = 1) -> bytes:
    """Vowels at a gliding pitch with hisses and pauses between them, s16le mono."""
    chance = np.random.default_rng(seed)
    parts: list[Any] = []
    pitch, length = 120.0, 0
    while length < seconds * rate:
        count = int(rate * chance.uniform(0.12, 0.3))
        target = chance.uniform(95, 220)
        glide = np.linspace(pitch, target, count)
        pitch = target
        phase = np.cumsum(glide / rate)
        harmonics = np.zeros(count)
        formants = VOWELS[chance.integers(len(VOWELS))]
        for number in range(1, int(3400 / pitch)):
            gain = sum(1 / (1 + ((number * pitch - formant) / 90) ** 2) for formant in formants) + 0.003
            harmonics += gain * np.sin(2 * np.pi * number * phase)
        envelope = np.minimum(1, np.minimum(np.arange(count), np.arange(count)[::-1]) / (0.02 * rate))
        vowel = harmonics / np.max(np.abs(harmonics)) * envelope
        hiss = chance.normal(0, 0.05, int(rate * chance.uniform(0.03, 0.08)))
        pause = np.zeros(int(rate * chance.choice([0.0, 0.0, 0.05, 0.2])))
        parts += [vowel * 0.5, hiss, pause]
        length += count + len(hiss) + len(pause)
    samples = np.concatenate(parts)[: int(seconds * rate)]
    samples += chance.normal(0, 0.0005, len(samples))  # a quiet room: nothing that was heard is digital silence
    return (samples * 20000).astype("<i2").tobytes()


def _frames(pcm: bytes, rate: int) -> Any:
    """20 ms each, scaled to 1."""
    samples = np.frombuffer(pcm, "<i2").astype(float) / 32768
    size = rate // 50
    return samples[: len(samples) // size * size].reshape(-1, size)


def _spectra(frames: Any, bins: int) -> Any:
    """The power of each frame by frequency."""
    return np.abs(np.fft.rfft(frames * np.hanning(frames.shape[1])))[:, 2:bins] ** 2


def log_spectral_distance(clean: bytes, heard: bytes, rate: int, lag: int) -> float:
    """How far the spectra of 20 ms are from each other, in dB, averaged over where there is speech.

    `heard` is `lag` samples behind. Below -50 dB of the loudest nothing counts, as the ear hears nothing there.
    """
    heard = heard[2 * lag :]
    length = min(len(clean), len(heard)) // 2 * 2
    one, other = (_frames(pcm[:length], rate) for pcm in (clean, heard))
    bins = one.shape[1] * 3500 // rate
    first, second = (_spectra(frames, bins) for frames in (one, other))
    floor = np.max(first) * 1e-5
    difference = 10 * np.log10((first + floor) / (second + floor))
    spoken = np.sum(one**2, axis=1) > np.max(np.sum(one**2, axis=1)) * 1e-3
    return float(np.mean(np.sqrt(np.mean(difference[spoken] ** 2, axis=1))))


def find_lag(clean: bytes, heard: bytes, rate: int, longest: float = 0.5) -> int:
    """By how many samples `heard` is behind, at its best."""
    one, other = (np.frombuffer(pcm, "<i2").astype(float) for pcm in (clean, heard))
    count = min(len(one), len(other))
    size = 1 << (2 * count).bit_length()
    product = np.fft.irfft(np.conj(np.fft.rfft(one[:count], size)) * np.fft.rfft(other[:count], size))
    return int(np.argmax(product[: int(longest * rate)]))
