"""A check's inferences on the device: outputs, digests of layers, and where the first difference is.

A sample without states stands alone. A sequence begins with a reset and its steps follow each other; a board that has
lost the sample that it is asked for has lost the sequence too, which then begins anew up to that step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from edge_tr.errors import DeviceError
from edge_tr.golden.ends import Samples, sample_shape
from edge_tr.manifest import BuildRecord
from edge_tr.target.costs import Meter
from edge_tr.target.exchange import StateLost
from edge_tr.target.expected import Expected
from edge_tr.target.link import Link
from edge_tr.target.outcome import Mismatch
from edge_tr.target.tensor_view import view_of

Progress = Callable[[str, int, int, str], None]
T = TypeVar("T")
Place = tuple[int, int]
"""A sample, or a sequence and one of its steps."""
STATE_TRIES = 8
"""Of a sample whose state on the board is lost: an old frame, repeated late on the way, loads its own sample again."""
_SUSPECT = "suspect the board's memory or its supply"


@dataclass(frozen=True)
class Inferences:
    """Inferences on samples x with one budget."""

    link: Link
    manifest: BuildRecord
    expected: Expected
    level: int
    x: Samples
    _at: list[Place] = field(default_factory=list)  # the last step that ran, if its successor may follow

    def run(
        self, golden: Mapping[int, np.ndarray], layers: bool, meter: Meter, progress: Progress
    ) -> tuple[dict[int, np.ndarray], list[Place]]:
        """The device's outputs, shaped like golden's, and the places where some output, or with `layers` the tensor of
        some layer, differs from golden's."""
        device, wrong = {i: np.empty_like(values) for i, values in golden.items()}, []
        total, done = len(self.x) * (self.x.steps or 1), 0
        progress(self.manifest.target, 0, total, "sample")
        for n in range(len(self.x)):
            digests = self.expected.digests(self.x.part(slice(n, n + 1))) if layers else []
            for step in range(self.x.steps or 1):
                place, index = (n, step), self._index((n, step))
                found, got = self._again(place, lambda place=place: self._answer(place, layers, meter))
                for i, values in found.items():
                    device[i][index] = values
                same = all(np.array_equal(device[i][index], golden[i][index]) for i in golden)
                if not same or (layers and got != digests[step]):
                    wrong.append(place)
                done += 1
                progress(self.manifest.target, done, total, "sample")
        return device, wrong

    def _index(self, place: Place) -> tuple[int, ...]:
        """Of a place in an array of results."""
        return place[: len(self.x.leading)]

    def _number(self, place: Place) -> int:
        """How the link numbers a sample."""
        return place[0] * (self.x.steps or 1) + place[1]

    # --- one inference ---

    def _again(self, place: Place, work: Callable[[], T]) -> T:
        """`work`, which runs the sample at `place`, after the steps before it; from the start where the board has lost
        that sample."""
        for attempt in range(STATE_TRIES):
            try:
                self._lead_to(place)
                result = work()
                self._at[:] = [place]
                return result
            except StateLost:
                self._at.clear()
                if attempt == STATE_TRIES - 1:
                    raise
        raise AssertionError  # never: the last attempt returns or raises

    def _lead_to(self, place: Place) -> None:
        """Bring a board with states to where the step at `place` is the next."""
        n, step = place
        if not self.expected.graph.states or (step and self._at == [(n, step - 1)]):
            return
        self._at.clear()
        self.link.reset_state(self._number((n, 0)))
        for before in range(step):
            self._load((n, before))
            self.link.infer(self._number((n, before)), level=self.level)

    def _load(self, place: Place) -> None:
        self.link.load_input(self._number(place), self.x.data(*place))

    def _answer(self, place: Place, layers: bool, meter: Meter) -> tuple[dict[int, np.ndarray], list[int]]:
        """Outputs and, with `layers`, digests; costs go to the meter."""
        number, count = self._number(place), len(self.manifest.layers)
        self._load(place)
        ticks = self.link.infer(number, digests=layers, level=self.level)
        outputs = self._outputs(number)
        costs = self.link.costs(number, count) if number == 0 else meter.layers
        digests = self.link.digests(number, count) if layers else []
        meter.add(ticks, costs)
        return outputs, digests

    def _outputs(self, number: int) -> dict[int, np.ndarray]:
        """By tensor index; the device has them one behind the other."""
        graph, found, first = self.expected.graph, {}, 0
        tensors = [graph.tensor(i) for i in graph.outputs]
        data = self.link.read_output(number, sum(tensor.bytes for tensor in tensors))
        for tensor in tensors:
            values = np.frombuffer(data, tensor.dtype, tensor.size, first)
            found[tensor.index], first = values.reshape(sample_shape(tensor)), first + tensor.bytes
        return found

    # --- the first difference ---

    def first_mismatch(self, place: Place, output: str) -> Mismatch:
        """Run a sample again with digests, stop at the first layer that differs, and read its tensor. `output` names
        the first output that differs."""
        where = f"sample {place[0]}" if self.x.steps is None else f"sequence {place[0]}, step {place[1]}"
        sequence = self.x.part(slice(place[0], place[0] + 1))
        got, digests = self._again(place, lambda: self._digests(place)), self.expected.digests(sequence)[place[1]]
        position = next((i for i, pair in enumerate(zip(got, digests)) if pair[0] != pair[1]), None)
        if position is None:
            raise DeviceError(f"{where} differed once and not again: {_SUSPECT}")
        layer = self.manifest.layers[position]
        self._at.clear()  # what stops at a layer leaves the states in the middle of a step
        data = self._again(place, lambda: self._tensor(place, position, layer.tensor_bytes))
        self._at.clear()
        tensor = self.expected.tensors(sequence)[layer.tensor_index]
        ours = tensor[self._index((0, place[1]))].ravel()
        theirs = np.frombuffer(data, ours.dtype)
        differing = np.flatnonzero(theirs != ours)
        if not differing.size:
            raise DeviceError(f"{where}: the digest of {layer.name} was wrong, but its tensor is right: {_SUSPECT}")
        index = int(differing[0])
        step = None if self.x.steps is None else place[1]
        shape = tensor.shape[len(self.x.leading) :]
        return Mismatch(
            place[0], layer.name, layer.tensor, index, int(theirs[index]), int(ours[index]), step=step, output=output,
            view=view_of(theirs.reshape(shape), ours.reshape(shape), index),
        )  # fmt: skip

    def _digests(self, place: Place) -> list[int]:
        self._load(place)
        self.link.infer(self._number(place), digests=True, level=self.level)
        return self.link.digests(self._number(place), len(self.manifest.layers))

    def _tensor(self, place: Place, position: int, size: int) -> bytes:
        self._load(place)
        self.link.infer(self._number(place), stop_layer=position, level=self.level)
        return self.link.read_layer(self._number(place), position, size)
