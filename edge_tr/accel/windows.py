"""Convolutions on the term array: which terms go to which bank and step, and what is gathered when."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edge_tr.accel.arrival import Arrival, Stream, pace, paced
from edge_tr.accel.cycles import Load, Played, play
from edge_tr.accel.image import Image
from edge_tr.accel.layout import Placed
from edge_tr.accel.stage import Planned
from edge_tr.accel.steps import HALF_ENTRIES, ROWS, Plan, conv_steps, depthwise_steps, parts
from edge_tr.accel.sums import check_sums, results, scales, wrapped
from edge_tr.accel.terms import Terms, terms_of
from edge_tr.accel.tiles import Geometry, gather_cycles, needed_words, step_ops, tile_pixels
from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.operators import ConvParams, DepthwiseParams

HALF = f.OUTPUTS.value  # columns that leave in a cycle
PARTIAL_CHANNELS = f.PARTIAL_WORDS.value // 2


@dataclass(frozen=True)
class Windows:
    """A window layer whose way to fill the data memory is chosen.

    plan     of a tile
    tiles    by word of an output channel: its pixels, int64 [64, 2]
    terms    of a tile
    gathers  by tile and entry of `plan`: cycles
    """

    p: ConvParams | DepthwiseParams
    x: Placed
    y: Placed
    double: bool
    plan: Plan
    tiles: list[np.ndarray]
    terms: Terms
    gathers: list[list[int]]

    @property
    def geometry(self) -> Geometry:
        """Of its windows."""
        return Geometry(self.p.kernel, self.p.stride, self.p.dilation, self.p.pad)

    def placed(self, x: Placed, y: Placed) -> Windows:
        """The same layer with its tensors elsewhere, in the same layout."""
        return replace(self, x=x, y=y)

    def loads(self, first: int = 0, end: int | None = None) -> list[Load]:
        """Of tiles first to end - 1."""
        loads = []
        for tile in range(len(self.tiles))[first:end]:
            halves = 2 if tile + 1 < len(self.tiles) or (self.tiles[tile][:, 0] >= 0).sum() > HALF else 1
            for gather, counts in zip(self.gathers[tile], self.terms.groups):
                loads.append(Load(gather, tuple((words, rows * halves) for words, rows in counts)))
        return loads

    def needed(self, arrival: Arrival) -> list[int]:
        """By load: how many words of x must have come."""
        return [
            needed_words(self.x, self.geometry, pixels, part.step, arrival)
            for pixels in self.tiles
            for part in self.plan
        ]


def window_layer(
    image: Image,
    p: ConvParams | DepthwiseParams,
    x: Placed,
    y: Placed,
    name: str,
    compact: bool,
    arrival: Arrival | None = None,
) -> Planned:
    """CONV_2D or DEPTHWISE_CONV_2D on the array. `arrival`: how x comes meanwhile; else it is there."""
    w, played, waits = choose_windows(p, x, y, name, compact, arrival)
    command = emit_windows(image, w, (0, len(w.tiles)), window_parameters(image, w), image.terms(w.terms.words), waits)
    return Planned(command, played.cycles, gaps=played.gaps)


def choose_windows(
    p: ConvParams | DepthwiseParams, x: Placed, y: Placed, name: str, compact: bool, arrival: Arrival | None = None
) -> tuple[Windows, Played, tuple[int, int]]:
    """Of the ways to fill the data memory the fastest, or the one with the fewest words; how it goes, and how its steps
    wait for the input."""
    check_sums(p, name)
    best = None
    for double, plan in _plans(p, x, name):
        w = _windows(p, x, y, double, plan)
        waits, stream, needed = (0, 0), None, []
        if arrival:
            least = w.needed(arrival)
            waits, stream = pace(least, arrival.words), Stream(arrival.words, arrival.late)
            needed = paced(waits, len(least), arrival.words)
        played = play(w.loads(), double, stream, needed)
        rank = (len(w.terms.words), played.cycles) if compact else (played.cycles, len(w.terms.words))
        if best is None or rank < best[0]:
            best = (rank, w, played, waits)
    return best[1:]


def _plans(p: ConvParams | DepthwiseParams, x: Placed, name: str) -> list[tuple[bool, Plan]]:
    """Ways to fill the data memory: (whether half of it at a time, plan)."""
    split, rows = not _is_linear(x), len(p.weights)
    options = []
    for double in (True, False):
        capacity = HALF_ENTRIES if double else 2 * HALF_ENTRIES
        if isinstance(p, DepthwiseParams):
            plan = [part for g, steps in enumerate(depthwise_steps(p, split, capacity)) for part in parts(steps, (g,))]
        else:
            steps = conv_steps(p.kernel, p.stride[1], x.shape[2], split, capacity)
            plan = parts(steps, tuple(range(-(-rows // ROWS))))
        if rows <= PARTIAL_CHANNELS or all(part.first and part.final for part in plan):
            options.append((double, tuple(plan)))
    if not options:
        raise DoesNotFitError(f"{name}: more than {PARTIAL_CHANNELS} channels with sums in several parts")
    return options


def _windows(p: ConvParams | DepthwiseParams, x: Placed, y: Placed, double: bool, plan: Plan) -> Windows:
    w = Windows(p, x, y, double, plan, tile_pixels(y), terms_of(p, plan), [])
    w.gathers.extend([gather_cycles(x, w.geometry, pixels, part.step) for part in plan] for pixels in w.tiles)
    return w


def window_parameters(image: Image, w: Windows) -> int:
    """The channels' parameters; the first one's address."""
    p = w.p
    offsets = w.x.zero_point * p.weights.astype(np.int64).reshape(len(p.weights), -1).sum(axis=1)
    biases = [wrapped(int(b) + c - int(o)) for b, c, o in zip(p.bias, w.terms.corrections, offsets)]
    return image.parameters(list(zip(scales(p), biases)))


def emit_windows(
    image: Image, w: Windows, tiles: tuple[int, int], parameters: int, weights: int, waits: tuple[int, int] = (0, 0)
) -> int:
    """The command for tiles [first, end); its index. `waits`: words of an INPUT under way that the first step needs,
    and how many more each further one; (0, 0): it is not under way."""
    pixels = w.tiles[slice(*tiles)]
    ops = [op for some in pixels for part in w.plan for op in step_ops(image, w.x, w.geometry, some, part.step)]
    ops[-1]["end"] = 1
    halves_last = 2 if (pixels[-1][:, 0] >= 0).sum() > HALF else 1
    return image.command(
        opcode=f.OPCODE.ARRAY, halves=2 if len(pixels) > 1 else halves_last, halves_last=halves_last,
        double_buffer=w.double, tiles=len(pixels), count=len(w.terms.words), weights=weights, gather=image.gather(ops),
        parameters=parameters, dst=w.y.base + tiles[0], dst_stride=w.y.blocks, zero_point=w.x.zero_point,
        src=waits[0], src2=waits[1], extent=(weights, weights + len(w.terms.words)), channels=len(w.p.weights),
        **results(w.p.activation, w.p.output_zero_point),
    )  # fmt: skip


def _is_linear(x: Placed) -> bool:
    h, w, _ = x.shape
    return bool((x.position.ravel() == np.arange(h * w)).all())
