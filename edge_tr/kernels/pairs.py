"""Weights as generated straight-line code over two pixels a word (`generated`, `straightline`)."""

from __future__ import annotations

from edge_tr.kernels.call import DotCall, Generated
from edge_tr.kernels.cost import CALL, PACK, RUN, Estimate, Work, column, packing
from edge_tr.kernels.generated import Code, generate, plane_shape
from edge_tr.kernels.instructions import Counts
from edge_tr.kernels.kernel import Made, OneBudgetKernel, keeps_shape
from edge_tr.kernels.machines import MACHINES
from edge_tr.kernels.output import OUTPUT_STRUCT, output, output_arrays, output_rows
from edge_tr.kernels.pixels import PIXELS, convolution, lookup, pixels
from edge_tr.kernels.product import DotProduct, Task
from edge_tr.operators import ConvParams, DepthwiseParams, DotParams
from edge_tr.structs import Field, Struct

MAX_TAPS = 144
"""Of a depthwise window, so that the loop around its code stays within a branch of Armv6-M, 2 KB."""
MOST_TERMS = 1 << 13
"""Of a layer in C: GCC 12 takes 0.3 ms and 10 KB a term, so minutes and gigabytes for a model of millions."""
PLANE_ROW = 1.5
"""Of the cycles of a run: a row of a depthwise layer's plane."""
LOAD_BYTES = column(4, 2.1, 2.1, 4, 4, 4, 4)
PRODUCT_BYTES = column(8, 6, 6, 8, 8, 10, 10)
ADD_BYTES = column(4, 2, 2, 4, 4, 2.5, 2.5)
FLUSH_BYTES = column(30, 22, 22, 26, 26, 30, 30)

PAIRS = Struct(
    "tr_pairs",
    "A layer whose dot products are generated straight-line code over two pixels a word.",
    (
        Field(PIXELS, "pixels"),
        Field("tr_code *", "code", "CONV_2D"),
        Field("tr_plane *const *", "planes", "DEPTHWISE_CONV_2D [output.channels]; null where all weights are zero"),
        Field(OUTPUT_STRUCT, "to"),
    ),
    before="""\
/* Sums of all rows, [rows][2], of `words`. */
typedef void tr_code(const int32_t *words, int32_t *sums);

/* All sums of one channel of a depthwise layer, in place: `words` is its padded plane, and the two sums of
 * each window replace the words below its corner, which no later window reads. */
typedef void tr_plane(int32_t *words);

""",
)


class PairsKernel(OneBudgetKernel):
    """Convolutions, depthwise or not, of more than one output pixel."""

    name = "pairs"
    doc = "generated straight-line code over two pixels a word"
    nine_bits = True
    tile = 2
    jumps = 0
    struct = PAIRS

    def takes(self, task: Task) -> bool:
        params = task.params
        if not isinstance(params, (ConvParams, DepthwiseParams)):
            return False
        if isinstance(params, DepthwiseParams) and params.weights.shape[1] > MAX_TAPS:
            return False
        if task.isa == "c" and task.revealed.counts.sum() > MOST_TERMS:
            return False
        height, width, _ = params.output_shape
        return height * width > 1

    def works_in_place(self, params: DotParams) -> bool:
        """Of a depthwise layer it copies a channel before it writes that."""
        return super().works_in_place(params) or (isinstance(params, DepthwiseParams) and keeps_shape(params))

    def made(self, task: Task, work: Work) -> Made:
        code = generate(task.params, task.revealed, task.cut, task.isa)
        estimate, straight = _estimate(work, task.params, code)
        return Made(code, code.scratch_bytes, estimate, straight)

    def call(self, name: str, dot: DotProduct) -> DotCall:
        code, symbol = dot.code, f"tr_{name}_code"
        if code.sweeps:
            functions = {f"{symbol}{n}": function for n, function in enumerate(code.functions)}
            entry, generated = {"planes": f"{name}_planes"}, Generated("tr_plane", functions, "planes")
        else:
            (function,) = code.functions
            entry, generated = {"code": symbol}, Generated("tr_code", {symbol: function})
        values = {"pixels": pixels(dot), **entry, "to": output(name, dot)}
        function = f"{convolution(dot.params)}_pairs"
        return DotCall(function, self.struct, values, output_arrays(dot), output_rows(dot), lookup(dot), generated)


def _estimate(work: Work, params: DotParams, code: Code) -> tuple[Estimate, tuple[float, float]]:
    """The layer's, and of its straight-line code the bytes that an inference runs and their cycles."""
    isa, machine = code.isa, MACHINES[code.isa]
    programs = [function.program for function in code.functions if function is not None]
    counts = sum((tile.counts for program in programs for tile in program.tiles), Counts())
    body = counts.cycles(machine)
    if code.sweeps:
        height, width, _ = params.output_shape
        windows = (height + 1) // 2 * width
        rows, pitch = plane_shape(params)
        times = windows
        run = windows * (body + 6 * len(programs)) + CALL[isa] * len(programs)
        run += len(programs) * rows * (pitch * PACK[isa] + PLANE_ROW * RUN[isa])
    else:
        times = pairs = (work.positions + 1) // 2
        run = pairs * (body + CALL[isa] + packing(work, params, isa))
    size = counts.loads * LOAD_BYTES[isa] + (counts.first_flushes + counts.flushes) * FLUSH_BYTES[isa]
    size += (counts.shifts + counts.additions + counts.doubles) * ADD_BYTES[isa] + 16 * len(programs)
    size += counts.products * PRODUCT_BYTES[isa]
    return work.estimate(run, round(size), isa), (times * size, times * body)
