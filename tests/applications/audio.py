"""Audio of 16 kHz: what espeak-ng says, and what ears never hear; and its features by pymicro-features."""

from __future__ import annotations

import io
import subprocess
import wave

import numpy as np
from pymicro_features import MicroFrontend

RATE, STEP, WINDOW, CHANNELS = 16_000, 160, 480, 40
SCALE = 0.0390625  # of a feature as pymicro-features gives it


def said(*words: str, voice: str = "en-us", speed: int = 160) -> np.ndarray:
    """int16: the words, with half a second of silence before, between and after them."""
    silence = np.zeros(RATE // 2, np.int16)
    parts = [silence]
    for word in words:
        parts += [spoken(word, voice, speed), silence]
    return np.concatenate(parts)


def spoken(text: str, voice: str, speed: int) -> np.ndarray:
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "--stdout", text]
    data = bytearray(subprocess.run(command, capture_output=True, check=True).stdout)
    data[40:44] = (len(data) - 44).to_bytes(4, "little")  # a stream's header has no length
    with wave.open(io.BytesIO(bytes(data))) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        samples, rate = np.frombuffer(file.readframes(len(data)), np.int16), file.getframerate()
    times = np.arange(len(samples) * RATE // rate) * rate / RATE
    return np.round(np.interp(times, np.arange(len(samples)), samples)).astype(np.int16)


def features_of(samples: np.ndarray) -> np.ndarray:
    """uint16 [windows, 40] of 30 ms every 10 ms, by pymicro-features."""
    frontend, data, found, at = MicroFrontend(), samples.tobytes(), [], 0
    while at + 2 * STEP <= len(data):
        result = frontend.process_samples(data[at : at + 2 * STEP])
        at += 2 * result.samples_read
        found += [result.features] if result.features else []
    scaled = np.array(found, np.float64).reshape(-1, CHANNELS) / SCALE
    assert np.array_equal(scaled, np.round(scaled))
    return scaled.astype(np.uint16)


def as_int8(features: np.ndarray) -> np.ndarray:
    """As models of speech take them: 256 / (25.6 * 26) of each, rounded, less 128."""
    return np.clip((features.astype(np.int64) * 256 + 333) // 666 - 128, -128, 127).astype(np.int8)
