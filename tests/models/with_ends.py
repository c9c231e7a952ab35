"""Small models with several inputs and outputs, and with state, as converters write them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.firmware.harness_models import Network

VALID = dict(padding="VALID", stride_h=1, stride_w=1, dilation_h_factor=1, dilation_w_factor=1)


def shared_ends() -> bytes:
    """Two inputs; the outputs are a sum that is read inside too, what becomes of it, the sum again, an input, and a
    tensor behind a DEQUANTIZE."""
    model = ModelWriter()
    a, b = model.activation((1, 3, 4), 0.1, 5), model.activation((1, 3, 4), 0.07, dtype="float32")
    inside, real = model.activation((1, 3, 4), 0.07, -9), model.activation((1, 3, 4), dtype="float32")
    total, product = model.activation((1, 3, 4), 0.2, -20), model.activation((1, 3, 4), 0.3, 7)
    model.op("QUANTIZE", [b], [inside])
    model.op("ADD", [a, inside], [total], version=2, fused_activation_function="NONE")
    model.op("MUL", [total, inside], [product], version=2, fused_activation_function="NONE")
    model.op("DEQUANTIZE", [product], [real], version=2)
    return model.finish([a, b], [total, real, total, a, product])


def uint8_ends() -> bytes:
    """A uint8 model's ends around an int8 one, as a converter that is asked for them writes it."""
    model = ModelWriter()
    x, y = (model.activation((1, 256), 0.5, 128, dtype="uint8") for _ in range(2))
    inner, result = (model.activation((1, 256), 0.5) for _ in range(2))
    model.op("QUANTIZE", [x], [inner])
    model.op("ABS", [inner], [result])
    model.op("QUANTIZE", [result], [y])
    return model.finish([x], [y])


def stream(steps: int = 3, width: int = 5, first: Sequence[int] | None = None, call_once: bool = True) -> bytes:
    """A streaming model: a variable holds the last `steps` rows of `width`; it begins with `first`, or its zero point
    everywhere. Outputs: the mean of the window, and the window."""
    model, name = ModelWriter(), dict(container="", shared_name="window")
    q = (0.25, -3)
    x, old = model.activation((1, 1, width), *q), model.activation((1, steps, width), *q)
    handle = model.activation((), dtype="resource")
    both, new = (model.activation((1, rows, width), *q) for rows in (steps + 1, steps))
    mean = model.activation((1, width), *q)
    at, until, stride = (model.constant(np.array(v, np.int32)) for v in ([0, 1, 0], [1, steps + 1, width], [1, 1, 1]))
    if call_once:
        model.op("CALL_ONCE", [], [], init_subgraph_index=1)
    model.op("VAR_HANDLE", [], [handle], **name)
    model.op("READ_VARIABLE", [handle], [old])
    model.op("CONCATENATION", [old, x], [both], version=2, axis=1, fused_activation_function="NONE")
    model.op("STRIDED_SLICE", [both, at, until, stride], [new], version=2)
    model.op("ASSIGN_VARIABLE", [handle, new], [])
    model.op("MEAN", [both, model.constant(np.array([1], np.int32))], [mean], version=2, keep_dims=False)
    start = ModelWriter()
    assigned, held = start.activation((), dtype="resource"), np.full((1, steps, width), q[1], np.int8)
    held[:] = q[1] if first is None else np.array(first, np.int8)
    start.op("VAR_HANDLE", [], [assigned], **name)
    start.op("ASSIGN_VARIABLE", [assigned, start.constant(held, [q[0]], [q[1]])], [])
    return model.finish([x], [mean, new], [start] if call_once else [])


def assigned_again(width: int = 5) -> bytes:
    """A variable that is assigned three times in each step, to its value and the input added once more each time, and
    read before, between and behind. Outputs: what was read first, second and last."""
    model, name, q = ModelWriter(), dict(container="", shared_name="memory"), (0.25, -3)
    x, handle = model.activation((1, width), *q), model.activation((), dtype="resource")
    model.op("CALL_ONCE", [], [], init_subgraph_index=1)
    model.op("VAR_HANDLE", [], [handle], **name)
    read = []
    for turn in range(4):
        read.append(model.activation((1, width), *q))
        model.op("READ_VARIABLE", [handle], [read[-1]])
        if turn < 3:
            total = model.activation((1, width), *q)
            model.op("ADD", [read[-1], x], [total], version=2, fused_activation_function="NONE")
            model.op("ASSIGN_VARIABLE", [handle, total], [])
    start = ModelWriter()
    held = start.activation((), dtype="resource")
    start.op("VAR_HANDLE", [], [held], **name)
    start.op("ASSIGN_VARIABLE", [held, start.constant(np.array([range(width)], np.int8), [q[0]], [q[1]])], [])
    return model.finish([x], [read[0], read[1], read[3]], [start])


def several(seed: int = 0, also: Sequence[int] = ()) -> bytes:
    """Two inputs, an image and a vector, and three outputs: features, their sum with the vector, its softmax. `also`:
    tensors that are outputs too."""
    net = Network(np.random.default_rng(seed), (6, 5, 3))
    image, vector = net.input, net.model.activation((1, 10), 0.04, -5)
    net.conv(6, (3, 3), (1, 1), "RELU")
    features = net.x
    net.pool("MAX_POOL_2D", 2)
    net.flatten()
    net.dense(10)
    total = net.add(vector)
    net.softmax()
    return net.model.finish([image, vector], [features, total, net.x, *also])


def recurrent(seed: int = 0, first: Sequence[int] | None = None) -> bytes:
    """A variable of eight values, to which what a convolution and a dense layer find is added in each step. Outputs:
    four scores, and the variable's new value."""
    net = Network(np.random.default_rng(seed), (6, 5, 3))
    image, name = net.input, dict(container="", shared_name="memory")
    handle = net.model.activation((), dtype="resource")
    if first is not None:
        net.model.op("CALL_ONCE", [], [], init_subgraph_index=1)
    net.model.op("VAR_HANDLE", [], [handle], **name)
    net.conv(6, (3, 3), (2, 2), "RELU")
    net.flatten()
    net.dense(8)
    old = net.model.activation((1, 8), net.scale, net.zero)
    net.model.op("READ_VARIABLE", [handle], [old])
    new = net.add(old, (net.scale, net.zero))
    net.model.op("ASSIGN_VARIABLE", [handle, new], [])
    net.dense(4)
    start = ModelWriter()
    held = start.activation((), dtype="resource")
    start.op("VAR_HANDLE", [], [held], **name)
    values = np.array([first or [0] * 8], np.int8)
    start.op("ASSIGN_VARIABLE", [held, start.constant(values, [1.0], [0])], [])
    return net.model.finish([image], [net.x, new], [] if first is None else [start])
