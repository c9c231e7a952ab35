"""What a kernel is: everything that planning and code generation ask one way of computing dot products.

A kernel is one module beside this one: what it takes, how its weights lie, scratch, costs by instruction set, and its
call in C. `registry` lists them all, and nobody else knows one by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from edge_tr.kernels.call import DotCall
from edge_tr.kernels.cost import Estimate, Work
from edge_tr.kernels.generated import Code
from edge_tr.kernels.output import requantisation
from edge_tr.kernels.pixels import TILES, tiles
from edge_tr.kernels.product import DotProduct, Task
from edge_tr.kernels.waiting import PLANES, WINDOWS, Traffic, copying, stalls, table_stalls
from edge_tr.operators import ConvParams, DepthwiseParams, DotParams
from edge_tr.structs import Struct


@dataclass(frozen=True)
class Made:
    """What a kernel computes with: the encoded weight table or the generated code, scratch in bytes, and costs."""

    body: bytes | Code
    scratch_bytes: int
    estimate: Estimate
    straight: tuple[float, float] = (0.0, 0.0)  # bytes of straight-line code that an inference runs, and their cycles


class Kernel(ABC):
    """One way to compute a layer's dot products. `name` is what `--kernel` calls it, `doc` says it in half a line.
    `dialled`: it computes with any of a build's budgets; the others hold one. `nine_bits`: its layout holds int16
    weights of -255 to 255; the others, int8 ones. `sums`: it also gives an operator that is made of dot products their
    sums (``tr_sums_<routine>``)."""

    name: ClassVar[str]
    doc: ClassVar[str]
    dialled: ClassVar[bool] = False
    sums: ClassVar[bool] = False
    nine_bits: ClassVar[bool] = False
    struct: ClassVar[Struct] = TILES  # of its calls in C

    @property
    def headers(self) -> tuple[str, ...]:
        """C headers that declare what it calls."""
        return (f"tr_{self.name}.h",)

    @abstractmethod
    def takes(self, task: Task) -> bool:
        """Whether it can compute the layer, whose weights its layout holds."""

    def able(self, task: Task) -> bool:
        """Whether it can compute the layer."""
        held = self.nine_bits or task.revealed.values.dtype == np.int8
        return held and (self.sums or not task.gives_sums) and self.takes(task)

    def works_in_place(self, params: DotParams) -> bool:
        """Whether the output may take the place of the input. Pointwise convolutions: pixels are copied before those
        are written."""
        return isinstance(params, ConvParams) and keeps_shape(params) and is_pointwise(params)

    @abstractmethod
    def product(self, task: Task) -> DotProduct:
        """A layer that it takes."""

    def products(self, task: Task) -> tuple[DotProduct, ...]:
        """The same in all ways that its weights can be read: where they are, or copied into RAM first."""
        return (self.product(task),)

    def call(self, name: str, dot: DotProduct) -> DotCall:
        """How C computes the layer called `name`: most kernels read pixels and a table (tr_pixels.h)."""
        return tiles(name, dot, self.name)


class OneBudgetKernel(Kernel):
    """A kernel that holds one of a build's budgets. What it reads: of its table `load_bytes` at once, all of it for
    `tile` pixels (0: once); and it takes `jumps` branches for each cycle of its loops."""

    tile: ClassVar[int] = 1
    load_bytes: ClassVar[float] = 4
    jumps: ClassVar[float] = 0.02

    def lacks(self, task: Task) -> np.ndarray:
        """int64 [rows]: what its sums lack."""
        return lacking(task.params, task.cut)

    def product(self, task: Task) -> DotProduct:
        return self.products(task)[0]

    def products(self, task: Task) -> tuple[DotProduct, ...]:
        bias = self.lacks(task)
        requant = None if task.gives_sums else requantisation(task.params, bias, task.isa)
        work = Work.of(task.params, int(task.revealed.counts.sum()), requant)
        made = self.made(task, work)
        behind = task.behind if self.runs_hot(task) else replace(task.behind, hot=False)
        traffic = self.traffic(task, work, made)
        waiting = made.estimate.slower(stalls(behind, traffic))
        product = DotProduct(
            task.params, task.setting, self, made.body, bias, requant, work.macs, work.terms, task.data_terms,
            made.scratch_bytes, waiting,
        )  # fmt: skip
        if task.gives_sums:
            return (product,)
        parts = self.by_parts(task, product, table_stalls(behind, traffic))
        copied = copying(behind, traffic.table, task.isa) + stalls(behind, replace(traffic, table=0))
        if not 0 < traffic.table <= behind.staging or copied >= stalls(behind, traffic):
            return product, *parts
        return product, replace(product, estimate=made.estimate.slower(copied), staged_bytes=traffic.table), *parts

    def runs_hot(self, task: Task) -> bool:
        """Whether its code is among the runtime's that runs from RAM where a board has some for it."""
        return True

    def by_parts(self, task: Task, product: DotProduct, stalls: float) -> tuple[DotProduct, ...]:
        """The same with parts of the table copied into scratch, where that takes less than `stalls`, the cycles that it
        waits for its table."""
        return ()

    def traffic(self, task: Task, work: Work, made: Made) -> Traffic:
        """What the layer reads in one inference."""
        table = len(made.body) if isinstance(made.body, bytes) else 0
        code, code_cycles = made.straight
        jumps = self.jumps * max(0.0, made.estimate.cycles - code_cycles)
        passes = -(-work.positions // self.tile) if self.tile else 1
        outputs, tiles, beside = work.positions * work.rows, float(passes), WINDOWS
        if isinstance(task.params, DepthwiseParams):
            tiles, beside = task.params.output_shape[0] * work.rows, PLANES
        return Traffic(
            passes, table, self.load_bytes, work.channel_bytes, tiles, outputs, jumps, beside, code, code_cycles
        )

    @abstractmethod
    def made(self, task: Task, work: Work) -> Made:
        """Weights, scratch and costs of a layer that it takes."""


def lacking(params: DotParams, cut: bool) -> np.ndarray:
    """int64 [rows], what sums lack of activations as they are; `cut`: of x - zero_point cut to s terms."""
    bias = params.bias.astype(np.int64)
    return bias if cut else bias - params.input_zero_point * params.weights.sum(axis=1, dtype=np.int64)


def keeps_shape(params: DotParams) -> bool:
    """Whether a convolution's output has its input's shape."""
    return params.input_shape == params.output_shape


def is_pointwise(params: ConvParams) -> bool:
    """Whether every window is the pixel at the output's place."""
    return params.kernel == params.stride == (1, 1) and params.pad == (0, 0)
