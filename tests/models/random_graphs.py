"""Random whole models as graphs: several inputs and outputs, branches that meet again, variables, and every operator.

Layers are those of `random_models`, each behind any tensor that is there. Of all other operators a random model of one
of them is spliced in: behind a fully connected layer with as many units as that has inputs. `build(rng)` returns the
bytes of a .tflite file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.ir.tflite import read
from edge_tr.ir.writer import ModelWriter
from tests.models.random_models import MOST_VALUES, RandomModel
from tests.models.random_ops import BUILDERS

MEETINGS = ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "CONCATENATION")
MOST_WEIGHTS = 20_000
"""Of the layer before a spliced model."""
MOST_SPLICED = 2_000
"""Values of a tensor of it."""


@dataclass(frozen=True)
class Kept:
    """A computed int8 tensor that layers can go on from: its shape without the batch."""

    x: int
    shape: tuple[int, ...]
    scale: float
    zero: int


class RandomGraph(RandomModel):
    """A pool of tensors, which every step adds one to; `ends`: outputs of other types than int8."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.inputs, self.kept, self.ends = [self.x], [self._here()], []
        self.start, self.states = ModelWriter(), 0
        for _ in range(int(rng.choice([0, 0, 1, 2]))):
            self._other_input()

    def _here(self) -> Kept:
        return Kept(self.x, tuple(self.shape), self.scale, self.zero)

    def _go_on(self, kept: Kept) -> None:
        self.x, self.shape, self.scale, self.zero = kept.x, kept.shape, kept.scale, kept.zero

    def _any(self) -> Kept:
        """A recent one rather than an old one."""
        back = min(int(self.rng.geometric(0.4)), len(self.kept))
        return self.kept[-back]

    def _other_input(self) -> None:
        shape = tuple(int(v) for v in self.rng.integers((1, 1, 1), (9, 9, 5)))
        self.scale, self.zero = 0.05, int(self.rng.choice([-128, 127, 3]))
        self.x, self.shape = self.model.activation((1, *shape), self.scale, self.zero), shape
        self.inputs.append(self.x)
        self.kept.append(self._here())

    def step(self) -> None:
        """One more tensor, from any that is there."""
        self._go_on(self._any())
        before, draw = self.x, self.rng.random()
        if draw < 0.55:
            self.grow()
        elif draw < 0.7:
            self.meet()
        elif draw < 0.8:
            self.remember()
        else:
            self.splice(str(self.rng.choice(list(BUILDERS))))
        if self.x != before:
            self.kept.append(self._here())

    def meet(self) -> None:
        """Two tensors of one shape: for want of another one, x and a function of it."""
        others = [other for other in self.kept if other.shape == self.shape and other.x != self.x]
        kind, here = str(self.rng.choice(MEETINGS)), self._here()
        if not others or kind in ("MAXIMUM", "MINIMUM", "CONCATENATION"):  # of one quantisation
            self._move("QUANTIZE", [self.x], self.shape, self.scale, self.zero, version=2)
            other = self._here()
            self._go_on(here)
            self._move("ABS", [self.x], self.shape, self.scale, self.zero)
        else:
            other = others[int(self.rng.integers(len(others)))]
        inputs = [self.x, other.x] if self.rng.random() < 0.5 else [other.x, self.x]
        self.computes = True
        if kind == "CONCATENATION":
            if np.prod(self.shape) > MOST_VALUES // 2:
                return
            axis = int(self.rng.integers(len(self.shape)))
            shape = (*self.shape[:axis], 2 * self.shape[axis], *self.shape[axis + 1 :])
            options = dict(axis=axis + 1, fused_activation_function="NONE")
            self._move(kind, inputs, shape, self.scale, self.zero, **options)
        elif kind in ("MAXIMUM", "MINIMUM"):
            self._move(kind, inputs, self.shape, self.scale, self.zero, version=2)
        elif kind == "SQUARED_DIFFERENCE":
            self._move(kind, inputs, self.shape, self.scale * float(self.rng.uniform(1, 4)), self._zero(), version=2)
        else:
            self._two(kind, inputs)

    def remember(self) -> None:
        """A variable of x's shape, to which x is added in each inference; then it, before or after that."""
        if self.states > 2 or np.prod(self.shape) > MOST_VALUES // 8:
            self.meet()
            return
        if not self.states:
            self.model.op("CALL_ONCE", [], [], init_subgraph_index=1)
        name, q = dict(container="", shared_name=f"v{self.states}"), (self.scale, self.zero)
        self.states, self.computes = self.states + 1, True
        handle, old = self.model.activation((), dtype="resource"), self.model.activation((1, *self.shape), *q)
        self.model.op("VAR_HANDLE", [], [handle], **name)
        self.model.op("READ_VARIABLE", [handle], [old])
        given = self._here()
        self._begins(name, q)
        new = self.add(old, q)
        self.model.op("ASSIGN_VARIABLE", [handle, new], [])
        if self.rng.random() < 0.5:
            self._go_on(given)
            self.add(old)

    def _begins(self, name: dict[str, str], q: tuple[float, int]) -> None:
        """What a reset gives a variable of x's shape."""
        held, values = self.start.activation((), dtype="resource"), self.rng.integers(-128, 128, (1, *self.shape))
        self.start.op("VAR_HANDLE", [], [held], **name)
        first = self.start.constant(values.astype(np.int8), [q[0]], [q[1]])
        self.start.op("ASSIGN_VARIABLE", [held, first], [])

    # --- models of one operator ---

    def splice(self, kind: str) -> None:
        """A random model of one operator, behind this one, if it takes and gives int8 and is small."""
        part = read(BUILDERS[kind](self.rng))
        if not _suits(part):
            self.grow()
            return
        (entry,) = (part.tensor(i) for i in part.inputs)
        size = entry.size
        if math.prod(self.shape) * size > MOST_WEIGHTS or math.prod(self.shape) == 0:
            self.grow()
            return
        if len(self.shape) != 1:
            self.flatten()
        quantization = (float(entry.quantization.scale[0]), int(entry.quantization.zero_point[0]))
        self._units(size, *quantization)
        shape = self.model.constant(np.array(entry.shape, np.int32))
        inside = self.model.activation(entry.shape, *quantization)
        self.model.op("RESHAPE", [self.x, shape], [inside])
        names = _copied(self.model, part, {entry.index: inside})
        self._ends_of(part, names)

    def _units(self, units: int, scale: float, zero: int) -> None:
        """A fully connected layer whose output has this quantisation."""
        depth, (w_scale,) = self.shape[0], self.rng.uniform(0.5, 2, 1) * scale / (self.scale * 74 * 40)
        w_scale = float(w_scale / np.sqrt(self.shape[0]) * 40)
        w = self.model.constant(self.rng.integers(-128, 128, (units, depth)).astype(np.int8), [w_scale])
        b = self.model.constant(self.rng.integers(-3000, 3000, units).astype(np.int32), [self.scale * w_scale])
        self._move("FULLY_CONNECTED", [self.x, w, b], (units,), scale, zero)

    def _ends_of(self, part: Graph, names: dict[int, int]) -> None:
        """Its int8 outputs are gone on from, the others are outputs."""
        for tensor in map(part.tensor, part.outputs):
            if tensor.dtype != "int8" or tensor.quantization is None:
                self.ends.append(names[tensor.index])
                continue
            scale, zero = float(tensor.quantization.scale[0]), int(tensor.quantization.zero_point[0])
            flat = self.model.activation((1, tensor.size), scale, zero)
            target = self.model.constant(np.array([1, tensor.size], np.int32))
            self.model.op("RESHAPE", [names[tensor.index], target], [flat])
            self.x, self.shape, self.scale, self.zero = flat, (tensor.size,), scale, zero
            self.kept.append(self._here())

    def finish(self) -> bytes:
        """Outputs: what was made last, some of the rest, and all that is not int8."""
        drawn = [kept.x for kept in self.kept[:-1] if self.rng.random() < 0.15 and kept.x not in self.inputs]
        outputs = list(dict.fromkeys([self.kept[-1].x, *drawn[:3], *self.ends]))
        outputs = [int(i) for i in self.rng.permutation(outputs)]
        return self.model.finish(self.inputs, outputs, [self.start] if self.states else [])


def _suits(part: Graph) -> bool:
    """Whether a model has one int8 input, and is small."""
    ends = [part.tensor(i) for i in part.inputs]
    entry = len(ends) == 1 and ends[0].dtype == "int8" and ends[0].quantization is not None
    return entry and max(tensor.size for tensor in part.tensors) <= MOST_SPLICED


def _copied(model: ModelWriter, part: Graph, names: dict[int, int]) -> dict[int, int]:
    """The operators and tensors of a model in another one: the new tensors' indices by those in `part`."""
    for tensor in part.tensors:
        q = tensor.quantization
        scale, zero = ((), None) if q is None else (q.scale, q.zero_point)
        if tensor.index in names:
            continue
        if tensor.data is not None:
            names[tensor.index] = model.constant(tensor.data, scale, zero, 0 if q is None else q.axis)
        else:
            variable = tensor.index in part.states
            one = (None, 0) if q is None else (float(scale[0]), int(zero[0]))
            names[tensor.index] = model.activation(tensor.shape, *one, dtype=tensor.dtype, variable=variable)
    for op in part.ops:
        _copy(model, op, {**names, -1: -1})
    return names


def _copy(model: ModelWriter, op: Op, names: dict[int, int]) -> None:
    inputs, outputs, inner = ([names[i] for i in tensors] for tensors in (op.inputs, op.outputs, op.intermediates))
    model.op(op.kind, inputs, outputs, op.version, inner, **op.options)


def build(rng: np.random.Generator, most_steps: int = 8) -> bytes:
    """A graph of a few layers."""
    model = RandomGraph(rng)
    for _ in range(int(rng.integers(1, most_steps + 1))):
        model.step()
    if not model.computes:  # as is refused
        model.rescale()
        model.kept.append(model._here())
    return model.finish()
