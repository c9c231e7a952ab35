"""Averages over an image, and maxima over windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_tr.accel.cycles import DRAIN
from edge_tr.accel.gather import COLUMNS, IDLE, PADDING, Cut, cover
from edge_tr.accel.image import Image
from edge_tr.accel.layout import Placed
from edge_tr.accel.scale import average, scale_of
from edge_tr.accel.stage import Planned
from edge_tr.accel.sums import results
from edge_tr.accel.tiles import Geometry, needs_of, tile_pixels
from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.operators import MeanParams, PoolParams


def sum_layer(image: Image, p: PoolParams | MeanParams, x: Placed, y: Placed, name: str) -> Planned:
    """The average over all pixels of each channel; the result is a vector."""
    h, w, c = x.shape
    count = h * w
    if isinstance(p, MeanParams):
        scale = scale_of(int(p.requant.multiplier[0]), int(p.requant.shift[0]), 255 * count)
        bias, fields = -count * x.zero_point, results((-128, 127), p.output_zero_point)
    else:
        scale, bias, fields = average(count), 0, results(p.activation, 0)  # of x itself
    if 255 * count >= 1 << (f.SUM_BITS.value - 1):
        raise DoesNotFitError(f"{name}: the sum of {count} values")
    ops = []
    for block, pixels in enumerate(tile_pixels(x)):
        needs = {0: np.where(pixels[:, 0] < 0, PADDING, (x.base + block) * COLUMNS + np.arange(COLUMNS))}
        (cut,) = cover(needs)
        ops.append({"first": cut.first, "address": cut.address, "count": 1, "banks": 1, "mask": image.mask(cut)})
    ops[-1] |= {"last": 1, "end": 1}
    command = image.command(
        opcode=f.OPCODE.SUM, count=c, gather=image.gather(ops), parameters=image.parameters([(scale, bias)]),
        src_stride=x.blocks, dst=y.base, channels=1, **fields,
    )  # fmt: skip
    return Planned(command, c * len(ops) + DRAIN)


def maximum_layer(image: Image, p: PoolParams, x: Placed, y: Placed, name: str) -> Planned:
    """MAX_POOL_2D."""
    if p.activation != (-128, 127) and p.activation[0] > -128 and x.zero_point != p.activation[0]:
        raise DoesNotFitError(f"{name}: a maximum with an activation of its own")
    geometry = Geometry(p.kernel, p.stride, (1, 1), p.pad)
    tiles = []
    for pixels in tile_pixels(y):
        part = []
        for ky in range(p.kernel[0]):
            for kx in range(p.kernel[1]):
                need = needs_of(x, geometry, pixels, (ky, kx), 0)
                if (need >= 0).any():
                    part += cover({0: np.where(need == PADDING, IDLE, need)})
        tiles.append(part)
    return largest(image, tiles, x, y)


def largest(image: Image, tiles: Sequence[Sequence[Cut]], x: Placed, y: Placed, padding: int = 0) -> Planned:
    """The MAXIMUM command: in each column of each of y's tiles the largest of what its windows hold, or `padding`."""
    ops = []
    for part in tiles:
        ops += [
            {"first": cut.first, "address": cut.address, "count": 1, "phase": cut.phase, "banks": 1,
             "mask": image.mask(cut)} for cut in part
        ]  # fmt: skip
        ops[-1]["last"] = 1
    ops[-1]["end"] = 1
    command = image.command(
        opcode=f.OPCODE.MAXIMUM, count=x.shape[2], gather=image.gather(ops), src_stride=x.blocks, dst=y.base,
        dst_stride=y.blocks, zero_point=padding,
    )  # fmt: skip
    return Planned(command, x.shape[2] * len(ops) + DRAIN)
