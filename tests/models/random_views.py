"""Random chains in which most moves move nothing: parts and joins along the first axis behind the batch, nested, with
constants, inputs and repeats among them, now and then at places that are no whole words.

`build(rng)` returns the bytes of a .tflite file.
"""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter

SCALE, ZERO = 0.05, 3


class RandomViews:
    """Tensors of [1, rows, channels], all of one quantisation."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.model = rng, ModelWriter()
        self.channels = int(rng.choice([4, 4, 8, 3]))
        self.rows = {self.tensor(rows := int(rng.integers(2, 7))): rows}
        if rng.random() < 0.3:
            self.rows[self.tensor(2)] = 2
        self.inputs = tuple(self.rows)

    def tensor(self, rows: int, scale: float = SCALE) -> int:
        return self.model.activation((1, rows, self.channels), scale, ZERO)

    def _any(self) -> int:
        return int(self.rng.choice(list(self.rows)))

    def _made(self, rows: int) -> int:
        made = self.tensor(rows)
        self.rows[made] = rows
        return made

    def computed(self) -> None:
        """Something that is computed in place, or not."""
        x = self._any()
        kind = str(self.rng.choice(["ABS", "QUANTIZE", "ADD", "MUL"]))
        row = self.model.constant(self.rng.integers(-128, 128, (1, 1, self.channels)).astype(np.int8), [0.9], [0])
        options = dict(fused_activation_function="NONE") if kind in ("ADD", "MUL") else {}
        self.model.op(kind, [x, row] if options else [x], [self._made(self.rows[x])], **options)

    def joined(self) -> None:
        """With a constant among them now and then."""
        parts = [self._any() for _ in range(int(self.rng.integers(1, 5)))]
        rows = sum(self.rows[part] for part in parts)
        if self.rng.random() < 0.3:
            values = self.rng.integers(-128, 128, (1, 2, self.channels)).astype(np.int8)
            parts.insert(int(self.rng.integers(len(parts) + 1)), self.model.constant(values, [SCALE], [ZERO]))
            rows += 2
        if rows < 40:
            self.model.op("CONCATENATION", parts, [self._made(rows)], axis=1, fused_activation_function="NONE")

    def parted(self) -> None:
        x = self._any()
        if (rows := self.rows[x]) < 2:
            return
        cut = int(self.rng.integers(1, rows))
        constants = [self.model.constant(np.array(v, np.int32)) for v in ([cut, rows - cut], 1)]
        outputs = [self._made(cut), self._made(rows - cut)]
        self.model.op("SPLIT_V", [x, *constants], outputs, num_splits=2)

    def sliced(self) -> None:
        x = self._any()
        first = int(self.rng.integers(self.rows[x]))
        rows = int(self.rng.integers(1, self.rows[x] - first + 1))
        begin, size = ([0, first, 0], [1, rows, self.channels])
        constants = [self.model.constant(np.array(v, np.int32)) for v in (begin, size)]
        self.model.op("SLICE", [x, *constants], [self._made(rows)])

    def finish(self) -> bytes:
        """The last tensor is the result, now and then beside any other."""
        made = list(self.rows)[len(self.inputs) :]
        others = [int(t) for t in self.rng.choice(made[:-1], 1)] if len(made) > 1 and self.rng.random() < 0.4 else []
        return self.model.finish([*self.inputs], [*others, made[-1]])


def build(rng: np.random.Generator) -> bytes:
    """Of some fifteen operators; some compute what nobody reads."""
    model = RandomViews(rng)
    model.computed()
    for _ in range(int(rng.integers(3, 18))):
        (model.computed, model.computed, model.joined, model.joined, model.parted, model.sliced)[rng.integers(6)]()
    return model.finish()
