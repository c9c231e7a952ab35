"""What a check does on a board that forgets: a sequence is led to where it was, and no step is run twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from edge_tr.golden.ends import Samples, samples_of
from edge_tr.golden.run import run
from edge_tr.graph import Graph, layer_name
from edge_tr.ir.tflite import parse
from edge_tr.target.exchange import StateLost
from edge_tr.target.expected import Expected
from edge_tr.target.inferences import STATE_TRIES, Inferences
from edge_tr.target.outcome import Mismatch
from tests.models.with_ends import shared_ends, stream

STEPS = 6


@dataclass
class ForgetfulBoard:
    """Golden behind a link's methods: it knows the steps since the last reset and refuses samples that do not follow.
    `losses`: at how many of the requests to come it restarts first; `flipped`: a layer whose first element is wrong in
    samples of these numbers."""

    graph: Graph
    steps: int | None
    losses: dict[str, int] = field(default_factory=dict)
    flipped: tuple[int, frozenset[int]] | None = None
    inputs: list[bytes] = field(default_factory=list)
    loaded: tuple[int, bytes] | None = None
    next: int | None = None
    ran: int | None = None
    inferences: int = 0

    def _asked(self, what: str, sample: int, loaded: bool = True) -> None:
        if self.losses.get(what, 0):
            self.losses[what] -= 1
            self.inputs, self.loaded, self.next, self.ran = [], None, None, None
        if loaded and (self.loaded is None or self.loaded[0] != sample):
            raise StateLost("another sample")

    def reset_state(self, sample: int) -> None:
        self.inputs, self.next = [], sample

    def load_input(self, sample: int, data: bytes) -> None:
        self._asked("load", sample, loaded=False)
        self.loaded = (sample, data)

    def infer(self, sample: int, *, stop_layer: int = 255, digests: bool = False, level: int = 0) -> int:
        self._asked("infer", sample)
        if self.graph.states and sample != self.next:
            raise StateLost("a step that does not follow")
        self.inputs = [*self.inputs, self.loaded[1]] if self.graph.states else [self.loaded[1]]
        self.next, self.ran, self.inferences = sample + 1, sample, self.inferences + 1
        return 1

    def _tensors(self, sample: int) -> dict[int, np.ndarray]:
        tensors = [self.graph.tensor(i) for i in self.graph.inputs]
        ends = np.cumsum([0, *(tensor.bytes for tensor in tensors)])
        x = {
            t.index: np.stack([np.frombuffer(data[a:b], t.dtype) for data in self.inputs]).reshape(-1, *t.shape[1:])
            for t, a, b in zip(tensors, ends, ends[1:])
        }
        x = {i: values[None] for i, values in x.items()} if self.graph.states else x
        found = run(self.graph, x, keep="all")
        values = {i: of.reshape(-1, *of.shape[2 if self.graph.states else 1 :])[-1].copy() for i, of in
                  {**x, **found.tensors}.items()}  # fmt: skip
        if self.flipped is not None and sample in self.flipped[1]:
            values[self.flipped[0]].reshape(-1)[0] ^= 1
        return values

    def read_output(self, sample: int, size: int) -> bytes:
        self._asked("output", sample)
        values = self._tensors(sample)
        data = b"".join(values[i].tobytes() for i in self.graph.outputs)
        assert len(data) == size
        return data

    def digests(self, sample: int, layers: int) -> list[int]:
        import zlib

        self._asked("digests", sample)
        values = self._tensors(sample)
        return [zlib.crc32(values[layer.tensor_index].tobytes()) for layer in layers_of(self.graph)][:layers]

    def read_layer(self, sample: int, layer: int, size: int) -> bytes:
        self._asked("layer", sample)
        return self._tensors(sample)[layers_of(self.graph)[layer].tensor_index].tobytes()

    def costs(self, sample: int, layers: int) -> list[int]:
        self._asked("costs", sample)
        return [1] * layers


def layers_of(graph: Graph) -> list[SimpleNamespace]:
    return [
        SimpleNamespace(
            name=layer_name(op, n), tensor=graph.tensor(i).name, tensor_index=i, tensor_bytes=graph.tensor(i).bytes,
        )
        for op in graph.ops
        for n, i in enumerate(op.targets)
    ]  # fmt: skip


def checked(graph: Graph, x: Samples, **board: object) -> tuple[ForgetfulBoard, list, dict, Inferences]:
    """A check with all digests: the board, the places that differ, and the outputs."""
    manifest = SimpleNamespace(layers=layers_of(graph), products=(), target="forgetful")
    forgetful = ForgetfulBoard(graph, x.steps, **board)
    inferences = Inferences(forgetful, manifest, Expected([graph], 0, manifest), 0, x)
    meter = SimpleNamespace(add=lambda ticks, costs: None, layers=[])
    golden = run(graph, x).outputs
    answers, wrong = inferences.run(golden, True, meter, lambda *_: None)
    return forgetful, wrong, {"golden": golden, "answers": answers}, inferences


def sequences() -> tuple[Graph, Samples]:
    graph = parse(stream())
    x = np.random.default_rng(4).integers(-128, 128, (3, STEPS, 1, 5)).astype(np.int8)
    return graph, samples_of(graph, x)


def test_a_board_that_keeps_its_state_runs_every_step_once():
    graph, x = sequences()
    board, wrong, found, _ = checked(graph, x)
    assert wrong == [] and board.inferences == 3 * STEPS
    for index, golden in found["golden"].items():
        np.testing.assert_array_equal(found["answers"][index], golden)


@pytest.mark.parametrize("request_", ["load", "infer", "output", "digests", "costs"])
def test_a_sequence_whose_state_was_lost_begins_anew(request_):
    graph, x = sequences()
    board, wrong, found, _ = checked(graph, x, losses={request_: STATE_TRIES - 1})
    assert wrong == [] and not board.losses[request_]
    for index, golden in found["golden"].items():
        np.testing.assert_array_equal(found["answers"][index], golden)


def test_a_board_that_loses_its_state_again_and_again_is_given_up():
    graph, x = sequences()
    with pytest.raises(StateLost):
        checked(graph, x, losses={"output": STATE_TRIES})


def test_the_first_mismatch_names_sequence_step_layer_and_output():
    graph, x = sequences()
    mean = graph.outputs[0]
    _, wrong, _, inferences = checked(graph, x, flipped=(mean, frozenset({STEPS + 2, 2 * STEPS})))
    assert wrong == [(1, 2), (2, 0)]
    found = inferences.first_mismatch(wrong[0], "the mean")
    assert isinstance(found, Mismatch) and (found.sample, found.step, found.output) == (1, 2, "the mean")
    assert found.layer.startswith("mean_") and found.index == 0 and found.got == found.expected ^ 1


def test_several_inputs_and_outputs_go_one_behind_the_other():
    graph = parse(shared_ends())
    rng = np.random.default_rng(5)
    x = samples_of(graph, {i: rng.integers(-128, 128, (4, 3, 4)).astype(np.int8) for i in graph.inputs})
    board, wrong, found, _ = checked(graph, x)
    assert wrong == [] and board.inferences == 4 and set(found["answers"]) == set(graph.outputs)
    _, wrong, _, _ = checked(graph, x, flipped=(graph.outputs[1], frozenset({3})))
    assert wrong == [(3, 0)]
