"""What each column needs of activation memory, for a step of a tile of 64 pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.accel.arrival import Arrival
from edge_tr.accel.gather import COLUMNS, IDLE, PADDING, Cut, cover
from edge_tr.accel.image import Image
from edge_tr.accel.layout import Placed
from edge_tr.accel.steps import Piece, Step
from edge_tr.formats import accelerator as f

MAX_REPEAT = 63
Tap = tuple[int, int]  # ky, kx


@dataclass(frozen=True)
class Geometry:
    """What a window layer needs of its input: kernel, stride, dilation, padding."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pad: tuple[int, int]


def tile_pixels(output: Placed) -> list[np.ndarray]:
    """For each word of an output channel int64 [64, 2]: pixel (y, x) of each column, -1 if none."""
    h, w, _ = output.shape
    words = int(output.position.max()) // COLUMNS + 1
    pixels = np.full((words * COLUMNS, 2), -1, np.int64)
    y, x = np.mgrid[:h, :w]
    pixels[output.position.ravel()] = np.stack([y.ravel(), x.ravel()], axis=1)
    return list(pixels.reshape(words, COLUMNS, 2))


def needs_of(x: Placed, g: Geometry, pixels: np.ndarray, tap: Tap, channel: int) -> np.ndarray:
    """int64 [64]: address that each column needs for a tap."""
    h, w, _ = x.shape
    iy = pixels[:, 0] * g.stride[0] + tap[0] * g.dilation[0] - g.pad[0]
    ix = pixels[:, 1] * g.stride[1] + tap[1] * g.dilation[1] - g.pad[1]
    inside = (iy >= 0) & (iy < h) & (ix >= 0) & (ix < w)
    at = (x.base + channel * x.blocks) * COLUMNS + x.position[iy.clip(0, h - 1), ix.clip(0, w - 1)]
    return np.where(pixels[:, 0] < 0, IDLE, np.where(inside, at, PADDING))


def gather_cycles(x: Placed, g: Geometry, pixels: np.ndarray, step: Step) -> int:
    """How many windows one step of one tile takes."""
    return sum(len(channels) * len(_cuts(x, g, pixels, piece, channels[0])) for piece, channels, _ in step.loads)


def _cuts(x: Placed, g: Geometry, pixels: np.ndarray, piece: Piece, channel: int) -> list[Cut]:
    """The windows that hold what a piece needs of a channel."""
    return cover({b: needs_of(x, g, pixels, (piece.ky, kx), channel) for kx, b in zip(piece.kxs, piece.banks)})


def step_ops(image: Image, x: Placed, g: Geometry, pixels: np.ndarray, step: Step) -> list[dict[str, int]]:
    """The gather operations of one step for one tile."""
    ops = []
    for piece, channels, entry in step.loads:
        gaps = set(np.diff(channels).tolist()) or {1}
        if len(gaps) > 1:
            raise ValueError("channels of a piece must be evenly spaced")
        for cut in _cuts(x, g, pixels, piece, channels[0]):
            for at in range(0, len(channels), MAX_REPEAT):
                offset = (channels[at] - channels[0]) * x.blocks
                ops.append(
                    {
                        "first": cut.first,
                        "address": (cut.address + offset) % f.ACTIVATION_WORDS.value,
                        "stride": gaps_of(gaps) * x.blocks,
                        "count": len(channels[at : at + MAX_REPEAT]),
                        "phase": cut.phase,
                        "banks": sum(1 << b for b in cut.banks),
                        "entry": entry + at,
                        "mask": image.mask(cut),
                    }
                )
    ops[-1]["last"] = 1
    return ops


def needed_words(x: Placed, g: Geometry, pixels: np.ndarray, step: Step, arrival: Arrival) -> int:
    """How many words of x must have come for one step of one tile."""
    needs = [
        needs_of(x, g, pixels, (piece.ky, kx), channel)
        for piece, channels, _ in step.loads
        for kx in piece.kxs
        for channel in channels
    ]
    at = np.stack(needs)
    return arrival.needed(at[at >= 0] // COLUMNS - x.base)


def gaps_of(gaps: set[int]) -> int:
    """The one distance between channels."""
    (gap,) = gaps
    return gap
