"""The typed graph every later stage works on: frozen, validated, of integers.

Shapes are NHWC as in TFLite; weights keep TFLite's layouts (CONV_2D: OHWI,
DEPTHWISE_CONV_2D: 1HWO, FULLY_CONNECTED: OI).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from edge_tr.record import Record


@dataclass(frozen=True)
class Quantization:
    """Affine quantisation, real = scale * (q - zero_point).

    `scale` is float32 as stored, length 1 (per tensor) or the length of `axis`
    (per channel); `zero_point` is int64 of the same length.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    axis: int = 0

    @property
    def per_tensor(self) -> bool:
        return self.scale.size == 1


@dataclass(frozen=True)
class Tensor:
    """One tensor of the subgraph. `data` is read-only, None for activations. `unsigned`: it is uint8 in the file, where
    each value and zero point is this one plus 128 (`ir.unsigned`). `free` are the axes whose length the file leaves
    open (-1 in its shape_signature); `shape` has what the file says instead, 1 as a rule."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str  # numpy name: "int8", "int32", "float32", ...
    quantization: Quantization | None = None
    data: np.ndarray | None = None
    unsigned: bool = False
    free: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def item_bytes(self) -> int:
        """Of one element."""
        return np.dtype(self.dtype).itemsize

    @property
    def bytes(self) -> int:
        """Of all elements."""
        return self.size * self.item_bytes


@dataclass(frozen=True)
class Op:
    """One operator. `kind` is TFLite's builtin name, `options` its options by snake_case name.

    An absent optional input is -1, as in TFLite. `updates` are states (`Graph.states`) that it writes beside its
    outputs; what it reads of them is among its inputs. `record` is what Prepare made of it (`operators.prepared`): None
    in a file as it was read, and never in a graph that a later stage sees. `intermediates` are tensors that only say
    how values inside the operator are quantised. `part`: which of an operator's dot products it is (`operators.dots`);
    empty for an operator of the file.
    """

    index: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, object] = field(default_factory=dict)
    version: int = 1
    record: Record | None = field(default=None, repr=False, compare=False)
    updates: tuple[int, ...] = ()
    intermediates: tuple[int, ...] = ()
    part: str = ""

    @property
    def targets(self) -> tuple[int, ...]:
        """The tensors that are a layer's each: its outputs, or the states that an operator without outputs updates."""
        return self.outputs or self.updates


PART = 1 << 20
"""Indices of the dot products that an operator is made of begin there, above those of the operators of a file: part n
of operator i is (n + 1) * PART + i."""


def layer_name(op: Op, output: int = 0) -> str:
    """How users name a layer: its kind and its operator's index in the file, conv_2d_0; of several outputs, each one's
    number behind it, split_3_0; of several dot products, the part, svdf_1.feature."""
    name = f"{op.kind.lower()}_{op.index % PART}"
    if op.part:
        return f"{name}.{op.part}"
    return name if len(op.targets) == 1 else f"{name}_{output}"


@dataclass(frozen=True)
class Graph:
    """A validated model: operators in execution order, tensors by TFLite index.

    `states` are the tensors that keep their values from one inference to the next, with the values that a reset gives
    them; the last operator that updates one gives the next inference's. `file_inputs` and `file_outputs` are the ends
    as the file has them, with the names and types that users know: `inputs` and `outputs` may lie behind a QUANTIZE or
    before a DEQUANTIZE, which the host does. `host`: kinds of float operators behind the outputs that are left to it;
    `before`: operators of the file before the inputs that are.
    """

    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    sha256: str  # of the .tflite file's bytes, hex
    description: str = ""
    states: Mapping[int, np.ndarray] = field(default_factory=dict)
    file_inputs: tuple[Tensor, ...] = ()
    file_outputs: tuple[Tensor, ...] = ()
    host: tuple[str, ...] = ()
    before: tuple[Op, ...] = ()

    @property
    def named_inputs(self) -> tuple[Tensor, ...]:
        """As they are inside, by their names in the file."""
        return _named(self, self.inputs, self.file_inputs)

    @property
    def named_outputs(self) -> tuple[Tensor, ...]:
        """The same."""
        return _named(self, self.outputs, self.file_outputs)

    def tensor(self, index: int) -> Tensor:
        return self.tensors[index]

    def activations(self, op: Op) -> tuple[int, ...]:
        """Indices of the operator's inputs that are computed, not constants."""
        return tuple(i for i in op.inputs if i >= 0 and self.tensors[i].data is None)

    def writer(self, tensor: int) -> Op | None:
        """The operator that computes a tensor; None of an input or a constant."""
        return next((op for op in self.ops if tensor in op.outputs), None)

    def channels(self, tensor: int) -> int:
        """Length of a tensor's last axis; 1 of a scalar."""
        return (1, *self.tensors[tensor].shape)[-1]


def _named(graph: Graph, ends: tuple[int, ...], given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(replace(graph.tensor(index), name=of.name) for index, of in zip(ends, given, strict=True))
