"""Random models of QUANTIZE: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.golden.oracle import Oracle, _interpreter, find_runtime
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.operators.float_kernels import KERNELS
from tests.models.drawing import ACTIVATIONS, scale, zero_point


class Island:
    """Float operators on the way from one int8 tensor to another."""

    def __init__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> None:
        self.rng, self.model, self.shape = rng, ModelWriter(), shape
        self.x = self.model.activation(shape, float(10 ** rng.uniform(-2.5, -1)), zero_point(rng))
        self.at = self._op("DEQUANTIZE", [self.x], version=2)

    def _op(self, kind: str, inputs: list[int], shape: tuple[int, ...] | None = None, **options: object) -> int:
        y = self.model.activation(shape or self.shape, dtype="float32")
        self.model.op(kind, inputs, [y], **options)
        return y

    def unary(self) -> None:
        kind = str(self.rng.choice(UNARY))
        self.at = self._op(kind, [self.at], **({"alpha": 0.17} if kind == "LEAKY_RELU" else {}))

    def root(self) -> None:
        """Of what is not negative, and without zero for LOG and RSQRT."""
        above = self._op("MAXIMUM", [self.at, self.model.constant(np.array(1e-3, np.float32))])
        self.at = self._op(str(self.rng.choice(["SQRT", "RSQRT", "LOG"])), [above])

    def binary(self) -> None:
        """With a constant of one element or of one a channel, on either side."""
        kind = str(self.rng.choice(["ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"]))
        count = self.shape[-1] if self.rng.random() < 0.4 else 1
        values = self.rng.uniform(0.2, 2, count) * self.rng.choice([-1, 1], count)
        pair = [self.at, self.model.constant(values.astype(np.float32))]
        fused = {"fused_activation_function": str(self.rng.choice(ACTIVATIONS))} if kind in FUSING else {}
        swapped = kind != "DIV" and self.rng.random() < 0.3
        self.at = self._op(kind, pair[::-1] if swapped else pair, **fused)

    def swish(self) -> None:
        self.at = self._op("MUL", [self.at, self._op("LOGISTIC", [self.at])], fused_activation_function="NONE")

    def reshaped(self) -> None:
        """To another number of rows: channels stay."""
        *outer, channels = self.shape
        self.shape = (1, int(np.prod(outer)), channels)
        shape = self.model.constant(np.array(self.shape, np.int32))
        self.at = self._op("RESHAPE", [self.at, shape], self.shape)

    def joined(self) -> None:
        """Beside another function of the same."""
        other, (*outer, channels) = self._op("TANH", [self.at]), self.shape
        pair = [self.at, other]
        self.shape = (*outer, 2 * channels)
        self.at = self._op("CONCATENATION", pair, self.shape, axis=len(outer), fused_activation_function="NONE")

    def finish(self) -> bytes:
        y = self.model.activation(self.shape, float(10 ** self.rng.uniform(-2.5, 0)), zero_point(self.rng))
        self.model.op("QUANTIZE", [self.at], [y], version=1)
        return self.model.finish([self.x], [y])


UNARY = ("RELU", "RELU6", "LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU", "EXP", "SIN", "COS", "SQUARE", "ABS", "NEG")
FUSING = ("ADD", "SUB", "MUL", "DIV")
STEPS = (Island.unary, Island.unary, Island.binary, Island.binary, Island.root, Island.swish, Island.reshaped)


def island(rng: np.random.Generator) -> bytes:
    found = Island(rng, (1, *(int(v) for v in rng.integers(1, 9, 3))))
    for _ in range(int(rng.integers(0, 5))):
        STEPS[int(rng.integers(len(STEPS)))](found)
    if rng.random() < 0.15:
        found.joined()
    return found.finish()


def quantize(rng: np.random.Generator) -> bytes:
    if rng.random() < 0.5:
        return island(rng)
    shape = (1, *(int(v) for v in rng.integers(1, 9, 3)))
    model, s = ModelWriter(), scale(rng)
    x = model.activation(shape, s, zero_point(rng))
    y = model.activation(shape, s * float(10 ** rng.uniform(-1.5, 1.5)), zero_point(rng))
    model.op("QUANTIZE", [x], [y], version=2)
    return model.finish([x], [y])


BUILDERS = {"QUANTIZE": quantize}


@pytest.mark.parametrize("zero", [-128, -5, 0, 127])
@pytest.mark.parametrize("kind", ["SQRT", "LOG", "RSQRT", "EXP", "DIV"])
def test_what_no_int32_holds_is_what_the_reference_makes_of_it(kind, zero, reference):
    """NaN, infinities, and reals far beyond int8."""
    model = ModelWriter()
    x, y = model.activation((1, 256), 2.0, -3), model.activation((1, 256), 1e-9, zero)
    f, g = (model.activation((1, 256), dtype="float32") for _ in range(2))
    model.op("DEQUANTIZE", [x], [f], version=2)
    divisor = [model.constant(np.array(0, np.float32))] if kind == "DIV" else []
    model.op(kind, [f, *divisor], [g], **({"fused_activation_function": "NONE"} if divisor else {}))
    model.op("QUANTIZE", [g], [y], version=1)
    data, values = model.finish([x], [y]), np.arange(-128, 128).astype(np.int8)[None]
    np.testing.assert_array_equal(run(parse(data), values).output, Oracle(data).run(values))


@pytest.mark.parametrize("approximate", [False, True])
def test_gelu_of_floats_is_the_references_bit_for_bit(approximate, reference):
    """Alone on 20,000 floats, and as an island on all of int8."""
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(0, 2, 9000), np.linspace(-30, 30, 10000), rng.normal(0, 1e-3, 1000)])
    x = values.astype(np.float32)[None]
    model = ModelWriter()
    given, result = (model.activation(x.shape, dtype="float32") for _ in range(2))
    model.op("GELU", [given], [result], approximate=approximate)
    interpreter = _interpreter(find_runtime(), model.finish([given], [result]))
    interpreter.set_tensor(given, x)
    interpreter.invoke()
    found = KERNELS["GELU"][1](x, {"approximate": approximate})
    np.testing.assert_array_equal(found.view(np.uint32), interpreter.get_tensor(result).view(np.uint32))
    for _ in range(20):
        made = Island(rng, (1, 256))
        made.at = made._op("GELU", [made.at], approximate=approximate)
        data, x = made.finish(), np.arange(-128, 128).astype(np.int8)[None]
        np.testing.assert_array_equal(run(parse(data), x).output, Oracle(data).run(x))
        assert [op.kind for op in parse(data).ops] == ["QUANTIZE"]


def test_islands_of_other_operators_than_the_random_ones():
    """Functions that TFLite Micro alone computes, and moves between functions a channel apart."""
    rng = np.random.default_rng(7)
    found = Island(rng, (1, 4, 3, 5))
    for kind in ("ELU", "CEIL", "FLOOR"):
        found.at = found._op("MUL", [found.at, found.model.constant(np.array(3.1, np.float32))])
        found.at = found._op(kind, [found.at])
    data, x = found.finish(), rng.integers(-128, 128, (4, 4, 3, 5)).astype(np.int8)
    np.testing.assert_array_equal(run(parse(data), x).output, Oracle(data).run(x))
    assert Oracle(data).runtime.name == "tflite-micro"
    turned = Island(rng, (1, 4, 3, 5))
    turned.shape = (1, 5, 4, 3)
    axes = turned.model.constant(np.array([0, 3, 1, 2], np.int32))
    turned.at = turned._op("TRANSPOSE", [turned.at, axes], turned.shape)
    turned.at = turned._op("ADD", [turned.at, turned.model.constant(rng.normal(size=(1, 1, 1, 3)).astype(np.float32))])
    turned.at = turned._op("TANH", [turned.at])
    data = turned.finish()
    np.testing.assert_array_equal(run(parse(data), x).output, Oracle(data).run(x))
    assert [op.kind for op in parse(data).ops] == ["TRANSPOSE", "QUANTIZE"]
