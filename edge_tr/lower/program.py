"""Lowering: a graph and a budget become one `Program`, everything that code generation prints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.errors import ModelError, UsageError
from edge_tr.formats import term_table
from edge_tr.ir.graph import Graph, Op, Tensor
from edge_tr.ir.params import DotParams, FullyConnectedParams, Params, ReshapeParams, params, with_weights
from edge_tr.lower.budget import Budget, TrSetting, check_names
from edge_tr.lower.generated import Code, generate
from edge_tr.lower.kernels import CodeKernel, Kernel, KernelChoice, choose
from edge_tr.lower.memory import Buffer, MemoryPlan, plan
from edge_tr.lower.quick import Quick, quick
from edge_tr.tr.reveal import reveal, truncate_data


@dataclass(frozen=True)
class DotProduct:
    """What a layer with weights computes with. `params.weights` are the revealed ones."""

    setting: TrSetting
    kernel: Kernel
    body: bytes | Code  # the weight table, or the generated code
    bias: np.ndarray  # int64 [rows]: what a sum lacks
    quick: Quick
    macs: int
    weights: int
    terms: int
    nonzero: int
    data_terms: np.ndarray | None  # int16 [511], index x - zero_point + 255; None: all terms
    scratch_bytes: int


@dataclass(frozen=True)
class Layer:
    """One kernel call. Tensors are TFLite indices after aliases (RESHAPE) are resolved."""

    name: str
    op: Op
    params: Params
    inputs: tuple[int, ...]
    output: int
    output_bytes: int
    tensor_name: str
    dot: DotProduct | None


@dataclass(frozen=True)
class Program:
    """A model, lowered. `memory` places tensors by index (as text) and scratch by layer name."""

    sha256: str
    budget: Budget
    layers: tuple[Layer, ...]
    input: Tensor
    output: Tensor
    aliases: dict[int, int]
    memory: MemoryPlan

    def offset(self, tensor: int) -> int:
        """Arena offset of a tensor, bytes."""
        return self.memory.offsets[buffer_name(tensor)]


def layer_name(op: Op) -> str:
    """How users name a layer: its kind and its operator's index in the file, conv_2d_0."""
    return f"{op.kind.lower()}_{op.index}"


def buffer_name(index: int) -> str:
    """How the memory plan names a tensor."""
    return f"tensor {index}"


def lower(graph: Graph, budget: Budget, choice: KernelChoice, isa: str = "c") -> Program:
    """Plan every layer for an instruction set of `lower.machines`. UsageError for names in `budget` or `choice` that the model does not have."""
    aliases = _aliases(graph)
    ops = [op for op in graph.ops if op.outputs[0] not in aliases]
    if not ops:
        raise ModelError("the model computes nothing: it has no operator but RESHAPE")
    with_dots = [layer_name(op) for op in ops if hasattr(params(graph, op), "weights")]
    check_names(budget, with_dots)
    unknown = sorted(set(choice.layers) - set(with_dots))
    if unknown:
        raise UsageError(f"--kernel names {', '.join(unknown)}; this model has {', '.join(with_dots)}")
    layers = tuple(_layer(graph, op, aliases, budget, choice, isa) for op in ops)
    return Program(
        sha256=graph.sha256,
        budget=budget,
        layers=layers,
        input=graph.tensor(graph.inputs[0]),
        output=graph.tensor(graph.outputs[0]),
        aliases=aliases,
        memory=plan(_buffers(graph, layers, aliases)),
    )


def revealed_weights(program: Program) -> dict[int, np.ndarray]:
    """int8 [rows, K] by operator index, of every layer with weights: what an oracle must be given."""
    return {layer.op.index: layer.params.weights for layer in program.layers if layer.dot is not None}


def data_terms(program: Program) -> dict[int, np.ndarray]:
    """int16 [511] by operator index, of every layer with a data budget."""
    dots = ((layer.op.index, layer.dot) for layer in program.layers if layer.dot is not None)
    return {index: dot.data_terms for index, dot in dots if dot.data_terms is not None}


def _aliases(graph: Graph) -> dict[int, int]:
    """RESHAPE's output -> the tensor whose bytes it is."""
    aliases: dict[int, int] = {}
    for op in graph.ops:
        if isinstance(params(graph, op), ReshapeParams):
            aliases[op.outputs[0]] = aliases.get(op.inputs[0], op.inputs[0])
    return aliases


def _layer(graph: Graph, op: Op, aliases: dict[int, int], budget: Budget, choice: KernelChoice, isa: str) -> Layer:
    record = params(graph, op)
    name = layer_name(op)
    dot = None
    if isinstance(record, DotParams):
        record, dot = _dot_product(name, record, budget.of(name), choice, isa)
    activations = [t for t in op.inputs if t >= 0 and graph.tensor(t).data is None]
    inputs = tuple(aliases.get(t, t) for t in activations)
    output = graph.tensor(op.outputs[0])
    return Layer(name, op, record, inputs, output.index, output.size, output.name, dot)


def _dot_product(
    name: str, record: DotParams, setting: TrSetting, choice: KernelChoice, isa: str
) -> tuple[DotParams, DotProduct]:
    revealed = reveal(record.weights, setting.group, setting.terms)
    record = with_weights(record, revealed.values)
    kernel = choose(choice, name, record, revealed, setting)
    cut = setting.data_terms is not None
    bias = record.bias.astype(np.int64)
    if isinstance(kernel, CodeKernel):
        body: bytes | Code = generate(record, revealed, cut, isa)
        scratch = body.scratch_bytes
        bias = bias if cut else bias - record.input_zero_point * revealed.values.sum(axis=1, dtype=np.int64)
    else:
        table = kernel.table(revealed, setting)
        body, scratch = term_table.encode(table), kernel.scratch_bytes(table.depth, table.planes)
    dot = DotProduct(
        setting=setting,
        kernel=kernel,
        body=body,
        bias=bias,
        quick=quick(record, bias),
        macs=_positions(record) * revealed.values.size,
        weights=revealed.values.size,
        terms=int(revealed.counts.sum()),
        nonzero=int(np.count_nonzero(revealed.values)),
        data_terms=truncate_data(setting.data_terms) if cut else None,
        scratch_bytes=scratch,
    )
    return record, dot


def _positions(record: DotParams) -> int:
    """How often each weight is used in one inference (padding counted)."""
    if isinstance(record, FullyConnectedParams):
        return record.rows
    height, width, _ = record.output_shape
    return height * width


def _buffers(graph: Graph, layers: tuple[Layer, ...], aliases: dict[int, int]) -> list[Buffer]:
    """Lives of all tensors and scratch areas, in steps of one layer."""
    source, result = (aliases.get(t, t) for t in (graph.inputs[0], graph.outputs[0]))
    first = {source: 0} | {layer.output: step for step, layer in enumerate(layers)}
    last = {tensor: step for tensor, step in first.items()}
    for step, layer in enumerate(layers):
        last.update({tensor: step for tensor in layer.inputs})
    last[result] = len(layers) - 1
    buffers = [Buffer(buffer_name(t), graph.tensor(t).size, first[t], last[t]) for t in first]
    dots = [(step, layer) for step, layer in enumerate(layers) if layer.dot is not None]
    return buffers + [Buffer(layer.name, layer.dot.scratch_bytes, step, step) for step, layer in dots]
