"""What the model file says of each layer: its constants and its kernel call."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edge_tr.codegen.naming import DEFAULT, Naming
from edge_tr.codegen.structs import initialisers
from edge_tr.codegen.text import integer
from edge_tr.kernels.call import DotCall, Macro
from edge_tr.kernels.output import wrapped
from edge_tr.kernels.product import DotProduct
from edge_tr.lower.arena import staged_name
from edge_tr.lower.program import Layer, Program
from edge_tr.structs import Call


@dataclass(frozen=True)
class DotCode:
    """Dot products with one matrix of weights, ready to print: of a layer, or a part of one. `name` in C."""

    name: str
    product: DotProduct
    call: DotCall
    initialisers: dict[str, str]
    staged: int | None = None  # arena offset of the table's copy

    @property
    def table(self) -> bytes | None:
        """The weight table, if there is one."""
        return self.product.table

    @property
    def lacking(self) -> np.ndarray:
        """int32 [rows]: what sums lack that an operator takes as they are."""
        return wrapped(self.product.bias)

    def rows(self) -> list[str]:
        """Initialisers of the constants by channel."""
        return [_row(item) for item in self.call.rows.items]


@dataclass(frozen=True)
class LayerCode:
    """One layer, ready to print. `initialisers` by member of the struct; `dot`: of a layer with weights. `constants`:
    the layer whose struct and arrays it uses, its own or those of one before it that are the same."""

    layer: Layer
    call: Call | DotCall
    initialisers: dict[str, str]
    inputs: tuple[str, ...]  # pointers, as are the updates
    updates: tuple[str, ...]
    gathered: bool  # the inputs are one argument
    output: int  # arena offset, as is the scratch
    output_pointer: str
    output_bytes: int
    scratch: int | None
    dot: DotCode | None
    parts: tuple[DotCode, ...]
    constants: str

    @property
    def name(self) -> str:
        return self.layer.name

    @property
    def has_own(self) -> bool:
        """Whether its constants are printed."""
        return self.constants == self.name

    @property
    def dots(self) -> tuple[DotCode, ...]:
        """The layer's own, or all of its parts."""
        return self.parts if self.dot is None else (self.dot,)

    @property
    def arguments(self) -> str:
        """What C passes behind the struct: inputs, each a pointer or all in one array of pointers; the output; states
        that the layer updates; scratch."""
        inputs = [f"(const int8_t *const[]){{{', '.join(self.inputs) or 0}}}"] if self.gathered else [*self.inputs]
        kind = "int32_t" if self.dot is None else self.dot.call.scratch_type
        scratch = [] if self.scratch is None else [f"SCRATCH({kind}, {self.scratch})"]
        return ", ".join([*inputs, self.output_pointer, *self.updates, *scratch])


def _row(item: Macro | tuple[int, ...]) -> str:
    if isinstance(item, Macro):
        return f"{item.name}({', '.join([*map(integer, item.numbers), *(f'0x{word:x}u' for word in item.words)])})"
    return f"{{{', '.join(map(integer, item))}}}"


def in_c(name: str) -> str:
    """The name in C of a layer or a part of one."""
    return name.replace(".", "_")


def pointer(program: Program, tensor: int) -> str:
    """A tensor in C: bytes; of wider elements what becomes a pointer to any type."""
    wide = program.alive.graph.tensor(tensor).item_bytes > 1
    return f"{'WIDE' if wide else 'TENSOR'}({program.offset(tensor)})"


def constants_of(program: Program, layer: Layer, naming: Naming = DEFAULT) -> LayerCode:
    """The C of one layer."""
    staged = program.memory.offsets[staged_name(layer.name)] if layer.staged_bytes else None
    dot = None if layer.dot is None else _dot_code(layer.name, layer.dot, naming, staged)
    call = layer.call if dot is None else dot.call
    return LayerCode(
        layer=layer,
        call=call,
        initialisers=initialisers(call.struct, call.values, layer.name),
        inputs=tuple(pointer(program, tensor) for tensor in layer.arguments),
        updates=tuple(pointer(program, tensor) for tensor in layer.updates),
        gathered=layer.call is not None and layer.call.gathered,
        output=program.offset(layer.output),
        output_pointer=pointer(program, layer.output),
        output_bytes=layer.output_bytes,
        scratch=None if layer.scratch_bytes is None else program.memory.offsets[layer.name],
        dot=dot,
        parts=tuple(_dot_code(in_c(part.name), part.dot, naming) for part in layer.parts),
        constants=layer.name,
    )


def layers_of(program: Program, naming: Naming = DEFAULT) -> list[LayerCode]:
    """The C of all layers. Those with weights use the constants of the first one that has the same: the images of a
    batch share theirs."""
    first: dict[object, str] = {}
    layers = [constants_of(program, layer, naming) for layer in program.layers]
    return [
        layer if layer.dot is None else replace(layer, constants=first.setdefault(_constants(layer.dot), layer.name))
        for layer in layers
    ]


def _constants(dot: DotCode) -> tuple[object, ...]:
    """All that is printed of a layer's constants, without its name; instead of generated code, what it is made of."""
    call, members = dot.call, (f"{field} = {value}" for field, value in dot.initialisers.items())
    rows = () if call.rows is None else tuple(dot.rows())
    arrays = tuple((array.name, array.type, array.values.tobytes()) for array in call.arrays)
    code = () if call.generated is None else (dot.product.params.weights.tobytes(), dot.product.setting)
    return call.function, "; ".join(members).replace(dot.name, ""), dot.table, arrays, rows, code


def _dot_code(name: str, product: DotProduct, naming: Naming, staged: int | None = None) -> DotCode:
    call = naming.call(product.kernel.call(name, product))
    if staged is not None:
        call = replace(call, values={**call.values, "table": f"SCRATCH(const uint32_t, {staged})"})
    return DotCode(name, product, call, initialisers(call.struct, call.values, name), staged)
