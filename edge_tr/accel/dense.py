"""Fully connected layers on the multipliers of the lanes."""

from __future__ import annotations

import numpy as np

from edge_tr.accel.cycles import DRAIN, Gaps
from edge_tr.accel.image import Image
from edge_tr.accel.layout import COLUMNS, Placed
from edge_tr.accel.stage import Planned
from edge_tr.accel.sums import reach_of, results
from edge_tr.accel.sums import scales as scales_of
from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.operators import FullyConnectedParams


def dense_layer(
    image: Image, p: FullyConnectedParams, x: Placed, y: Placed, name: str, pieces: bool = False
) -> Planned:
    """FULLY_CONNECTED: 64 outputs side by side, one input a cycle; the bias as three more inputs, 1, 2^8 and 2^16.

    pieces  each 64 outputs are a command, so that their weights may be streamed
    """
    scales = scales_of(p)
    each = len(set(scales)) > 1
    if reach_of(p).max() >= 1 << 24 or np.abs(p.bias.astype(np.int64)).max() >= (1 << 23) - (1 << 15) - 128:
        raise DoesNotFitError(f"{name}: its sums may need more than 25 bits")
    h, w, c = x.shape
    if x.vector:
        order, channels, pixels, stride = np.arange(p.depth), 1, p.depth, 0
    else:
        at = np.argsort(x.position.ravel())
        order = (at[None, :] * c + np.arange(c)[:, None]).ravel()
        channels, pixels, stride = c, h * w, x.blocks
    rows = p.weights[:, order].T.astype(np.int64)  # [inputs, units]
    bias = p.bias.astype(np.int64)
    low = ((bias + 128) & 255) - 128
    middle = (((bias - low >> 8) + 128) & 255) - 128
    rows = np.concatenate([rows, [low], [middle], [(bias - low - (middle << 8)) >> 16]])
    blocks = -(-p.units // COLUMNS)
    padded = np.zeros((len(rows), blocks * COLUMNS), np.int64)
    padded[:, : p.units] = rows
    data = padded.astype(np.int8).view(np.uint8).reshape(len(rows), blocks, COLUMNS).transpose(1, 0, 2)
    words = [[int.from_bytes(row.tobytes(), "little") for row in block] for block in data]
    parameters = image.parameters([(scale, 0) for scale in (scales if each else scales[:1])])
    pause = COLUMNS + 8 if each else 7  # until the next block may begin
    step, cycles, gaps, shares = 1 if pieces else blocks, 0, [], {}
    for first in range(0, blocks, step):
        own = [word for block in words[first : first + step] for word in block]
        start = image.dense(own)
        command = image.command(
            opcode=f.OPCODE.DENSE, tiles=step, count=channels, pixels=pixels, each=each,
            weights=start, extent=(start, start + 2 * len(own)),
            parameters=parameters + (first * COLUMNS if each else 0),
            channels=min(step * COLUMNS, p.units - first * COLUMNS) if each else 1, src=x.base, src_stride=stride,
            dst=y.base + first, zero_point=x.zero_point, extreme=127 - x.zero_point,
            **results(p.activation, p.output_zero_point),
        )  # fmt: skip
        read = [cycles + i * (len(rows) + pause) + len(rows) for i in range(step)]
        shares[command] = step * (len(rows) + pause) - (0 if each else 7) + DRAIN
        cycles += shares[command]
        gaps += [(at, at + pause) for at in read[:-1]] + [(read[-1], cycles)]
    return Planned(command, cycles, gaps=Gaps(tuple(gaps), False), shares=shares)
