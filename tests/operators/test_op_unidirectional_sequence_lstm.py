"""Random models of the LSTM: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import scale, with_shape, zero_point

GATES = 4


def lstm(rng: np.random.Generator) -> bytes:
    """Any options, with weights so large that gates are seldom in the flat parts of their sigmoids."""
    steps, features, cells = (int(v) for v in rng.integers(1, (7, 40, 20)))
    coupled, peephole, normed, projected = (bool(v) for v in rng.random(4) < (0.25, 0.3, 0.3, 0.4))
    outputs = int(rng.integers(1, cells + 1 if peephole else 20)) if projected else cells
    major = bool(rng.random() < 0.4)
    batch = int(rng.integers(2, 4)) if rng.random() < 0.2 and not (peephole and projected) else 1
    model, x_scale, h_scale = ModelWriter(), scale(rng), float(rng.uniform(1, 2)) / 128
    order = (steps, batch) if major else (batch, steps)
    x, sequences = with_shape(model, (*order, features), x_scale, zero_point(rng))
    power = float(2.0 ** rng.integers(-15, -8))
    state = model.activation((batch, outputs), h_scale, zero_point(rng), variable=True)
    cell = model.activation((batch, cells), power, 0, "int16", variable=True)
    gates = range(1 if coupled else 0, GATES)
    inputs = [-1] * 24
    inputs[0], inputs[18], inputs[19] = sequences, state, cell
    between = []
    for gate in range(GATES):
        gate_scale = float(10 ** rng.uniform(-4.5, -2.5)) if normed else 2.0**-12
        between.append(model.activation((0,), gate_scale if normed else None, dtype="int16" if normed else "float32"))
        if gate not in gates:
            continue
        reach = 2**15 * 2.0**-12 * rng.uniform(0.1, 1) if not normed else 2**15 * gate_scale * rng.uniform(0.1, 1)
        w_scale = reach / (x_scale * np.sqrt(features) * 74 * 74 * 2)
        inputs[1 + gate] = model.constant(_weights(rng, (cells, features)), [w_scale])
        inputs[5 + gate] = model.constant(
            _weights(rng, (cells, outputs)), [reach / (h_scale * np.sqrt(outputs) * 74 * 74 * 2)]
        )
        bias_scale = 1.0 if normed else float(np.float32(x_scale) * np.float32(w_scale))
        size = 10 ** int(rng.integers(3, 6))
        bias = rng.integers(-size, size, cells).astype(np.int32)
        if not normed and rng.random() < 0.1:  # newer kernels add it to a product in more than 32 bits
            bias[0] = rng.choice([-(2**31), 2**31 - 1])
        inputs[12 + gate] = model.constant(bias, [bias_scale])
        if peephole and gate != 2:
            p_scale = reach / power / 2**15 / 2**15 * float(rng.uniform(0.2, 3))
            inputs[(9, 10, 0, 11)[gate]] = model.constant(_words(rng, cells), [p_scale])
        if normed:
            inputs[20 + gate] = model.constant(_words(rng, cells), [float(10 ** rng.uniform(-5, -3.5))])
    hidden_scale = float(rng.uniform(1, 2)) / 128 if projected else h_scale
    hidden_zero = zero_point(rng) if projected else model.quantization_of(state)[1]
    between.append(model.activation((0,), hidden_scale, max(hidden_zero, -127) if projected else hidden_zero))
    if projected:
        p_scale = h_scale / hidden_scale / (np.sqrt(cells) * 74) * float(rng.uniform(0.3, 3))
        inputs[16] = model.constant(_weights(rng, (outputs, cells)), [p_scale])
        if rng.random() < 0.6:
            inputs[17] = model.constant(rng.integers(-9000, 9000, outputs).astype(np.int32), [p_scale * hidden_scale])
    y = model.activation((*order, outputs), *model.quantization_of(state))
    limit = 2**15 * power
    model.op(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        inputs,
        [y],
        intermediates=between,
        fused_activation_function="TANH",
        cell_clip=float(rng.choice([0.0, limit * rng.uniform(0.1, 2)])),
        proj_clip=float(rng.choice([0.0, rng.uniform(0.1, 2)])),
        time_major=major,
        asymmetric_quantize_inputs=False,
    )
    return model.finish([x], [y])


def _weights(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    if rng.random() < 0.1:
        return rng.choice(np.array([-128, 127], np.int8), shape)
    return rng.integers(-128, 128, shape).astype(np.int8)


def _words(rng: np.random.Generator, size: int) -> np.ndarray:
    if rng.random() < 0.1:
        return rng.choice(np.array([-32768, 32767], np.int16), size)
    return rng.integers(-32768, 32768, size).astype(np.int16)


BUILDERS = {"UNIDIRECTIONAL_SEQUENCE_LSTM": lstm}
