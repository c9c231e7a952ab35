"""Nested budgets in one table: what each level has more than the one below it, as byte lists (`kernels.lists`).

With terms sorted by magnitude a smaller budget is a prefix of a larger one's terms. So a row is cut into lists, one a
level, and level L of a dial is the sum of lists 0 to L: every term is stored once. A list holds the signed digits of
the difference between two levels' weights, which makes the sums telescope for any weights; where the larger budget
keeps +2^7 of what the smaller one had to halve (`tr.reveal`, the int8 rule), the difference is that half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from edge_tr.formats import term_table
from edge_tr.formats.term_table import LAYOUT
from edge_tr.kernels.call import DotCall
from edge_tr.kernels.cost import PACK, ROW, Work
from edge_tr.kernels.generated import largest_held
from edge_tr.kernels.kernel import Kernel, lacking
from edge_tr.kernels.lists import BYTE_TERM, FLUSH, MAX_LIST_DEPTH, PIXELS, READ_RUN, TERM, Lists, encode_lists
from edge_tr.kernels.output import OUTPUT_STRUCT, finishing, requantisation, wrapped
from edge_tr.kernels.pixels import PIXELS as PIXELS_STRUCT
from edge_tr.kernels.pixels import convolution, lookup, pixels
from edge_tr.kernels.product import DotProduct, Level, Task
from edge_tr.kernels.tables import table_of
from edge_tr.kernels.waiting import Traffic, stalls
from edge_tr.operators import ConvParams, DepthwiseParams, DotParams, FullyConnectedParams
from edge_tr.structs import Array, Field, Struct
from edge_tr.tr.hese import term_count
from edge_tr.tr.reveal import MAX_GROUP, TermArrays, reveal

MAX_STEP = 255
"""What one level may add to a weight."""
JUMPS = 0.02
"""Branches taken for each cycle of loops over lists."""
LEVEL_ROW = 60
"""Cycles of adding one level's sums of eight pixels to those below."""

LEVELS = Struct(
    "tr_levels",
    "A layer whose weights are byte lists of several budgets, one nested in the next.",
    (
        Field(PIXELS_STRUCT, "pixels"),
        Field("const uint32_t *", "table", "layout LISTS: row channel * levels + l has what level l adds to l - 1"),
        Field(OUTPUT_STRUCT, "to"),
        Field("uint32_t", "levels"),
        Field("const uint32_t *", "level", "0 to levels - 1: the one in use"),
        Field("const int32_t *", "corrections", "[levels][channels]: what a sum of that level lacks for `to`"),
    ),
)


class LevelsKernel(Kernel):
    """Any layer, with any of a build's budgets: the one that is in use is a variable."""

    name = "levels"
    doc = "byte lists of nested budgets, for builds with several of them and only for those"
    nine_bits = True
    dialled = True
    sums = True
    struct = LEVELS

    def takes(self, task: Task) -> bool:
        return int(names_of(task.params)[-1]) < MAX_LIST_DEPTH

    def works_in_place(self, params: DotParams) -> bool:
        return False

    def product(self, task: Task) -> DotProduct:
        """What requantises serves all levels, so it is proven for the reach of all."""
        settings, layers = zip(*task.below, (task.setting, task.params))
        biases = [lacking(layer, task.cut) for layer in layers]
        weights, bias = envelope(layers, biases, task.params)
        reaching = replace(task.params, weights=weights, bias=bias)
        requant = None if task.gives_sums else requantisation(reaching, biases[-1], task.isa)
        scratch = _scratch_bytes(task)
        largest = largest_held(task.cut) if scratch else None  # bytes have lanes of 32 bits
        lists = encode_levels([layer.weights for layer in layers], names_of(task.params), largest)
        table = table_of(LAYOUT.LISTS, task.setting, task.params.weights.shape[1], lists.starts, lists.words)
        body = term_table.encode(table)
        levels = []
        for number, (layer, setting, lack) in enumerate(zip(layers, settings, biases), 1):
            work = Work.of(layer, int(term_count(layer.weights).sum()), requant)
            read = lists.by_level[:number]
            estimate = work.estimate(_cycles(work, task, read, scratch), len(body), task.isa)
            estimate = estimate.slower(stalls(task.behind, _traffic(work, read, scratch, estimate.cycles)))
            levels.append(Level(layer, setting, lack - biases[-1], work.terms, estimate.cycles))
        estimate = replace(estimate, flash=estimate.flash + 4 * len(levels) * work.rows)
        return DotProduct(
            task.params, task.setting, self, body, biases[-1], requant, work.macs, work.terms, task.data_terms, scratch,
            estimate, tuple(levels),
        )  # fmt: skip

    def call(self, name: str, dot: DotProduct) -> DotCall:
        """Rows of a fully connected layer are pixels where activations are truncated first."""
        to, arrays, rows = finishing(name, dot)
        bytes_as_they_are = isinstance(dot.params, FullyConnectedParams) and dot.data_terms is None
        function = "tr_fully_connected" if bytes_as_they_are else convolution(dot.params)
        function = f"{'tr_sums' if dot.requant is None else function}_levels"
        corrections = np.stack([level.correction for level in dot.levels])
        corrections = Array("int32_t", "corrections", wrapped(corrections))
        values = {
            "pixels": pixels(dot),
            "table": f"{name}_table",
            **to,
            "levels": len(dot.levels),
            "level": "&level",
            "corrections": corrections,
        }
        return DotCall(function, self.struct, values, (corrections, *arrays), rows, lookup(dot))


def _scratch_bytes(task: Task) -> int:
    """Eight pixels of a window, or a depthwise channel in eight strips; activations that are read as they are take
    none."""
    if isinstance(task.params, DepthwiseParams):
        strips = Strips.of(task.params)
        return 2 * PIXELS * strips.height * strips.width
    return 2 * PIXELS * task.params.weights.shape[1] if isinstance(task.params, ConvParams) or task.cut else 0


def _traffic(work: Work, lists: Sequence[Lists], scratch: int, cycles: int) -> Traffic:
    """What is read where it is: lists byte by byte."""
    passes = -(-work.positions // PIXELS) if scratch else work.positions
    size, outputs = sum(len(part.words) for part in lists), work.positions * work.rows
    return Traffic(passes, size, 1, work.channel_bytes, passes, outputs, JUMPS * cycles)


def _cycles(work: Work, task: Task, lists: Sequence[Lists], scratch: int) -> float:
    """Of the level whose `lists` are these and all below."""
    terms, runs, flushes = (sum(getattr(part, name) for part in lists) for name in ("terms", "runs", "flushes"))
    isa, per_row = task.isa, ROW[task.isa] + LEVEL_ROW * len(lists)
    if not scratch:
        return work.positions * (terms * BYTE_TERM[isa] + runs * READ_RUN[isa] + work.rows * per_row)
    tiles, times = -(-work.positions // PIXELS), -(-work.positions // PIXELS)
    if isinstance(task.params, DepthwiseParams):
        height, width, _ = task.params.output_shape
        tiles, times = -(-height // PIXELS) * width, task.params.input_shape[2]
    reading = terms * TERM[isa] + runs * READ_RUN[isa] + flushes * FLUSH[isa]
    return tiles * (reading + work.rows * per_row) + times * (scratch // 4) * PACK[isa]


@dataclass(frozen=True)
class LevelLists:
    """`words` uint8, row after row and in a row level after level; `starts` [rows * levels + 1] counts bytes: a level
    that adds nothing to a row has no bytes. `by_level`: each level's own lists."""

    starts: np.ndarray
    words: np.ndarray
    by_level: tuple[Lists, ...]


@dataclass(frozen=True)
class Strips:
    """A depthwise layer's channel in eight strips of output rows side by side (tr_levels.c): elements of a strip."""

    height: int
    width: int

    @classmethod
    def of(cls, params: DepthwiseParams) -> Strips:
        (rows, columns, _), (kh, kw) = params.output_shape, params.kernel
        return cls(
            (-(-rows // PIXELS) - 1) * params.stride[0] + (kh - 1) * params.dilation[0] + 1,
            (columns - 1) * params.stride[1] + (kw - 1) * params.dilation[1] + 1,
        )

    def offsets(self, params: DepthwiseParams) -> np.ndarray:
        """int64 [K]: elements from a window's corner to each of its taps."""
        y, x = np.mgrid[: params.kernel[0], : params.kernel[1]]
        return (y * params.dilation[0] * self.width + x * params.dilation[1]).ravel()


def names_of(params: DotParams) -> np.ndarray:
    """int64 [K], ascending: what lists call each element of the reduction axis."""
    if isinstance(params, DepthwiseParams):
        return Strips.of(params).offsets(params)
    return np.arange(params.weights.shape[1])


def encode_levels(levels: Sequence[np.ndarray], names: np.ndarray, largest: int | None) -> LevelLists:
    """Lists of all rows and levels of weights [rows, K], from the fewest terms to the most; see `encode_lists`."""
    rows = len(levels[0])
    parts = [encode_lists(_named(terms, names), rows, largest) for terms in differences(levels)]
    filled = [_filled(terms, rows) for terms in differences(levels)]
    pieces = [
        part.words[part.starts[row] : part.starts[row + 1]] if has[row] else np.zeros(0, np.uint8)
        for row in range(rows)
        for part, has in zip(parts, filled)
    ]
    starts = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])])
    return LevelLists(starts, np.concatenate(pieces), tuple(parts))


def differences(levels: Sequence[np.ndarray]) -> list[TermArrays]:
    """The signed digits that each level adds. ValueError if one adds more to a weight than nine bits hold."""
    whole = [level.astype(np.int16) for level in levels]
    steps = [whole[0], *(after - before for before, after in pairwise(whole))]
    if any(np.abs(step).max(initial=0) > MAX_STEP for step in steps):
        raise ValueError("levels that are not nested")
    return [reveal(step, MAX_GROUP, None).term_arrays() for step in steps]


def _named(terms: TermArrays, names: np.ndarray) -> TermArrays:
    return terms._replace(element=names[terms.element])


def _filled(terms: TermArrays, rows: int) -> np.ndarray:
    """bool [rows]: rows with a term."""
    return np.bincount(terms.row, minlength=rows) > 0


def envelope(levels: Sequence[DotParams], biases: Sequence[np.ndarray], params: DotParams) -> tuple[np.ndarray, ...]:
    """(weights [rows, K], bias int32 [rows]) whose reach is that of every level's: what constants that serve all
    levels are proven for. `biases`, int64 [rows] by level: what sums lack; `params` is the largest level's.

    Rows without a weight, whose result is a constant, keep none only if that is the same at all levels.
    """
    stack = np.stack([level.weights for level in levels])
    at = np.abs(stack.astype(np.int16)).argmax(axis=0)
    weights = np.take_along_axis(stack, at[None], axis=0)[0]
    lacks = [lack - biases[-1] for lack in biases]
    values = np.stack([*(level.bias.astype(np.int64) for level in levels), *lacks])
    far = np.take_along_axis(values, np.abs(values).argmax(axis=0)[None], axis=0)[0]
    varies = ~weights.any(axis=1) & (np.stack(lacks) != 0).any(axis=0)
    weights[varies, 0] = 1
    return weights, np.clip(far, np.iinfo(np.int32).min, np.iinfo(np.int32).max).astype(np.int32)
