"""Random models of operators on other integers than int8, between ends of int8: CAST leads there and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_tr.ir.writer import ModelWriter

QUANTIZED = (0.5, 3)


class Typed:
    """A model on the way from its int8 input."""

    def __init__(self, shape: Sequence[int]) -> None:
        self.model, self.shape = ModelWriter(), tuple(shape)
        self.x = self.model.activation(self.shape, *QUANTIZED)

    def op(
        self, kind: str, inputs: Sequence[int], shape: Sequence[int], dtype: str, version: int = 1, **options: object
    ) -> int:
        """The output of an operator."""
        y = self.model.activation(shape, *(QUANTIZED if dtype == "int8" else ()), dtype=dtype)
        self.model.op(kind, inputs, [y], version=version, **options)
        return y

    def cast(self, x: int, given: str, asked: str, shape: Sequence[int]) -> int:
        """Of another type."""
        return self.op("CAST", [x], shape, asked, in_data_type=given, out_data_type=asked)

    def scaled(self, dtype: str = "int32", by: int = 1) -> int:
        """The input as another type, and times `by` of an int32."""
        x = self.cast(self.x, "int8", dtype, self.shape)
        if by == 1:
            return x
        options = {"fused_activation_function": "NONE"}
        return self.op("MUL", [x, self.model.constant(np.array(by, np.int32))], self.shape, "int32", **options)

    def finish(self, x: int, dtype: str, shape: Sequence[int]) -> bytes:
        """With `x` as int8 as the output."""
        y = x if dtype == "int8" else self.cast(x, dtype, "int8", shape)
        return self.model.finish([self.x], [y])


def shape(rng: np.random.Generator) -> tuple[int, ...]:
    """Of two to four dimensions, batch 1."""
    return (1, *(int(v) for v in rng.integers(1, 8, int(rng.integers(1, 4)))))
