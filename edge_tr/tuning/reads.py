"""What layers read: tensors of the graph, or values of operators that are made of dot products; and the tensors of
sequences, step by step."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from edge_tr.golden.ends import Samples, sample_shape
from edge_tr.golden.run import run
from edge_tr.graph import Graph, Op
from edge_tr.operators import parts_of


@dataclass(frozen=True)
class Step:
    """Tensors [n, ...] of one step: `before`, the states that it began with, and all others with what these became."""

    before: Mapping[int, np.ndarray]
    values: Mapping[int, np.ndarray]

    def inputs(self, graph: Graph, op: Op) -> list[np.ndarray]:
        """What an operator was given: of the states that no operator before it updates what they were."""
        earlier = itertools.takewhile(lambda other: other.index != op.index, graph.ops)
        old = set(self.before).difference(*(other.updates for other in earlier))
        return [(self.before if i in old else self.values)[i] for i in graph.activations(op)]


def computed(graph: Graph, x: Samples) -> dict[int, np.ndarray]:
    """Every tensor, inputs included, of samples x, or of all steps of sequences; states are what became of them."""
    kept = {i: _held(graph, i, x.leading) for i in graph.states}
    return {**x.values, **kept, **run(graph, x, keep="all").tensors}


def by_step(graph: Graph, values: Mapping[int, np.ndarray], steps: int | None) -> list[Step]:
    """Of samples, or of sequences of `steps`."""
    states = {i: _held(graph, i, (len(next(iter(values.values()))),)) for i in graph.states}
    if steps is None:
        return [Step(states, values)]
    each = [{i: of[:, step] for i, of in values.items()} for step in range(steps)]
    return [Step(*of) for of in zip([states, *each], each)]


def read(graph: Graph, x: Samples, values: Mapping[int, np.ndarray], layers: Collection[int]) -> dict[int, np.ndarray]:
    """int8 by the index that `operators.dots` has, of `layers`, from the tensors that `computed` gives: with one
    inference a row."""
    found = {op.index: inferences(x, values[op.inputs[0]]) for op in graph.ops if op.index in layers}
    for op in graph.ops:
        parts = {part.part: part.index for part in parts_of(op) if part.index in layers}
        if parts:
            steps = by_step(graph, values, x.steps)
            each = [op.record.part_inputs(step.inputs(graph, op)) for step in steps]
            for name, index in parts.items():
                found[index] = np.stack([of[name] for of in each], axis=1).reshape(-1, *each[0][name].shape[1:])
    return found


def inferences(x: Samples, values: np.ndarray) -> np.ndarray:
    """A tensor of samples x [n, ...], or of sequences [n, steps, ...], with one inference a row."""
    return values if x.steps is None else values.reshape(-1, *values.shape[2:])


def inferences_of(x: Samples, some: np.ndarray) -> np.ndarray:
    """intp: rows of `inferences` that are some of the samples', or of all steps of some sequences."""
    steps = x.steps or 1
    return (some[:, None] * steps + np.arange(steps)).ravel()


def _held(graph: Graph, state: int, leading: tuple[int, ...]) -> np.ndarray:
    """A state that nothing updates, as often as there are inferences."""
    shape = sample_shape(graph.tensor(state))
    return np.broadcast_to(graph.states[state].reshape(shape), (*leading, *shape))
