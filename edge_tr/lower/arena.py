"""Layers as kernel calls, and what lies in the arena while each of them runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edge_tr.graph import Graph, Op
from edge_tr.kernels.product import DotProduct
from edge_tr.lower.views import Views, root
from edge_tr.memory_plan import ALIGNMENT, Buffer, MemoryPlan, aligned, alive_bytes, plan, with_states
from edge_tr.operators import Record
from edge_tr.structs import Call


@dataclass(frozen=True)
class Product:
    """Dot products of a layer, by the name and index that they have in budgets (`operators.dots`). `macs_removed`: of
    the model as given, those that dead channels took along."""

    name: str
    index: int
    dot: DotProduct
    macs_removed: int = 0


@dataclass(frozen=True)
class Layer:
    """One kernel call: `dot` of a layer with weights, `call` of any other, which may use `parts`. Tensors are TFLite
    indices: of views those that they lie in, where they are all of them; `macs_removed` counts those of the model as
    given that dead channels
    took along. `updates`: states that the same call writes beside its output, which may be a state itself."""

    name: str
    op: Op
    params: Record
    inputs: tuple[int, ...]
    output: int
    output_bytes: int
    tensor_name: str
    dot: DotProduct | None
    call: Call | None
    macs_removed: int
    updates: tuple[int, ...] = ()
    parts: tuple[Product, ...] = ()

    @property
    def products(self) -> tuple[Product, ...]:
        """All of its dot products."""
        if self.dot is not None:
            return (Product(self.name, self.op.index, self.dot, self.macs_removed),)
        return self.parts

    @property
    def arguments(self) -> tuple[int, ...]:
        """What the call reads and does not write as well."""
        return tuple(t for t in self.inputs if t not in self.updates)

    @property
    def kernel_name(self) -> str:
        """What computes the layer, as reports call it."""
        return self.dot.kernel.name if self.dot is not None else self.call.kernel

    @property
    def scratch_bytes(self) -> int | None:
        """Of the arena while it runs; None: it takes no scratch."""
        if self.dot is not None:
            return self.dot.scratch_bytes
        if self.call.scratch_bytes is None:
            return None
        return self.call.scratch_bytes + max((part.dot.scratch_bytes for part in self.parts), default=0)

    @property
    def staged_bytes(self) -> int:
        """Of the arena while it runs: a copy of its weights, which is faster to read there."""
        return self.dot.staged_bytes if self.dot is not None else 0

    @property
    def works_in_place(self) -> bool:
        """Whether the output may take the place of an input of its size."""
        if self.dot is not None:
            return self.dot.kernel.works_in_place(self.dot.params)
        return self.call.in_place


def staged_name(layer: str) -> str:
    """How the memory plan names the copy of a layer's weights."""
    return f"{layer} weights"


def buffer_name(index: int) -> str:
    """How the memory plan names a tensor."""
    return f"tensor {index}"


@dataclass(frozen=True)
class Lives:
    """Of every tensor in the arena its bytes, those of an element, and the first and last step in which it is needed,
    one step a layer; `alive`, by step, the bytes of the arena that all of them take. `results` are the graph's, which
    nobody may overwrite."""

    sizes: Mapping[int, int]
    items: Mapping[int, int]
    first: Mapping[int, int]
    last: Mapping[int, int]
    results: frozenset[int]
    alive: Sequence[int]
    views: Views


def lives_of(graph: Graph, layers: Sequence[Layer], views: Views) -> Lives:
    """The same with whatever kernels. An input that nobody reads is there in the first step; states have a place of
    their own. A tensor lives as long as its views."""
    results = frozenset(root(views, t) for t in graph.outputs) - graph.states.keys()
    first = dict.fromkeys(graph.inputs, 0)
    for step, layer in enumerate(layers):
        if (output := root(views, layer.output)) not in graph.states:
            first.setdefault(output, step)
    last = dict(first)
    for step, layer in enumerate(layers):
        used = (root(views, tensor) for tensor in (*layer.inputs, layer.output))
        last.update({tensor: step for tensor in used if tensor in first})
    last |= dict.fromkeys(results, len(layers) - 1)
    sizes = {t: graph.tensor(t).bytes for t in first}
    items = {t: graph.tensor(t).item_bytes for t in first}
    alive = alive_bytes([Buffer("", sizes[t], first[t], last[t]) for t in first])
    return Lives(sizes, items, first, last, results, alive, views)


def placed(graph: Graph, layers: Sequence[Layer], views: Views) -> MemoryPlan:
    """Everything that the layers need: the arena, and behind it the states."""
    lives = lives_of(graph, layers, views)
    end = len(layers) - 1
    states = [
        Buffer(buffer_name(t.index), t.bytes, 0, end, "state", _alignment(t.item_bytes))
        for t in map(graph.tensor, graph.states)
    ]
    return with_states(plan(*buffers(lives, layers)), states)


def buffers(lives: Lives, layers: Iterable[Layer]) -> tuple[list[Buffer], dict[str, str]]:
    """All tensors, scratch areas and copies of weights; and outputs that take an input's place."""
    found = [
        Buffer(buffer_name(t), size, lives.first[t], lives.last[t], alignment=_alignment(lives.items[t]))
        for t, size in lives.sizes.items()
    ]
    taken = {}
    for step, layer in enumerate(layers):
        if layer.scratch_bytes is not None:
            found.append(Buffer(layer.name, layer.scratch_bytes, step, step, "scratch"))
        if layer.staged_bytes:
            found.append(Buffer(staged_name(layer.name), layer.staged_bytes, step, step, "staged weights"))
        if (place := _place(lives, step, layer)) is not None:
            taken[buffer_name(layer.output)] = buffer_name(place)
    return found, taken


def _alignment(item_bytes: int) -> int:
    return max(ALIGNMENT, item_bytes)


def needed(lives: Lives, step: int, layer: Layer) -> int:
    """Bytes of the arena while the layer runs: `MemoryPlan.lower_bound` is the most of all layers'."""
    taken = 0 if _place(lives, step, layer) is None else aligned(lives.sizes[layer.output])
    return lives.alive[step] - taken + aligned(layer.scratch_bytes or 0) + aligned(layer.staged_bytes)


def _place(lives: Lives, step: int, layer: Layer) -> int | None:
    """The input whose place the output takes: one of its size, in elements of its size, that nobody needs any more."""
    if not layer.works_in_place or layer.output not in lives.sizes:
        return None
    dying = (t for t in layer.inputs if lives.last.get(t) == step and t not in lives.results)
    seen_twice = {root(lives.views, t) for t in layer.inputs if t in lives.views}  # a part of it is another input
    alike = (lives.sizes[layer.output], lives.items[layer.output])
    return next((t for t in dying if (lives.sizes[t], lives.items[t]) == alike and t not in seen_twice), None)
