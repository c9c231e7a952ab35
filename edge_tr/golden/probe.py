"""Which rounding does the installed interpreter use? Asked with tiny models, per operator.

Each probe scales all int8 values by a quarter, where the roundings differ: a
value of 1 gives 1, 0, 0 and of -2 gives -1, 0, -1 (DOUBLE, SINGLE, FLOAT).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from edge_tr.errors import ModelError
from edge_tr.golden.oracle import RESOLVER, Oracle, Runtime, find_runtime
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.tr.requant import Rounding

SHAPE = (1, 16, 16, 1)
PROBED_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MEAN", "QUANTIZE")


@dataclass(frozen=True)
class ReferenceInfo:
    """What a report says about the interpreter; `rounding` by operator kind."""

    runtime: str
    version: str
    resolver: str
    rounding: Mapping[str, Rounding]

    @property
    def rounding_text(self) -> str:
        """The common rounding, then the operators that differ: 'double, FULLY_CONNECTED float'."""
        common = self.rounding["CONV_2D"]
        others = [f"{kind} {mode.value}" for kind, mode in self.rounding.items() if mode is not common]
        return ", ".join([common.value, *others])


def reference_info(runtime: Runtime | None = None) -> ReferenceInfo:
    """Probe the interpreter that `Oracle` uses, each once in a process."""
    return _probed(runtime or find_runtime())


@functools.cache
def _probed(runtime: Runtime) -> ReferenceInfo:
    rounding = {kind: probe(kind, runtime) for kind in PROBED_KINDS}
    return ReferenceInfo(runtime.name, runtime.version, RESOLVER, MappingProxyType(rounding))


def probe(kind: str, runtime: Runtime) -> Rounding:
    """The first rounding with which golden equals the interpreter on `kind`'s probe."""
    data = probe_model(kind)
    x = np.arange(-128, 128).astype(np.int8).reshape(SHAPE)
    got = Oracle(data, runtime).run(x)
    for mode in Rounding:
        if np.array_equal(run(parse(data), x, rounding=mode).output, got):
            return mode
    raise ModelError(
        f"{runtime.name} {runtime.version} rounds {kind} in a way edge-tr does not know; "
        "use tflite-runtime 2.14 as the reference"
    )


def probe_model(kind: str) -> bytes:
    """One operator on a [1, 16, 16, 1] input of scale 1/4, output scale 1."""
    model = ModelWriter()
    x = model.activation(SHAPE, 0.25)
    y = model.activation((256, 1) if kind == "FULLY_CONNECTED" else SHAPE, 1.0)
    filter_shape = (1, 1) if kind == "FULLY_CONNECTED" else (1, 1, 1, 1)
    one = model.constant(np.ones(filter_shape, np.int8), [1.0])
    bias = model.constant(np.zeros(1, np.int32), [0.25])
    window = dict(padding="VALID", stride_h=1, stride_w=1, dilation_h_factor=1, dilation_w_factor=1)
    if kind == "ADD":
        zero = model.activation(SHAPE, 0.25)
        model.op("RESHAPE", [x, model.constant(np.array(SHAPE, np.int32))], [zero], new_shape=SHAPE)
        model.op("ADD", [x, zero], [y])
    elif kind == "MEAN":
        model.op("MEAN", [x, model.constant(np.array([3], np.int32))], [y], keep_dims=True)
    elif kind == "QUANTIZE":
        model.op("QUANTIZE", [x], [y])
    elif kind == "FULLY_CONNECTED":
        model.op(kind, [x, one, bias], [y])
    elif kind == "DEPTHWISE_CONV_2D":
        model.op(kind, [x, one, bias], [y], depth_multiplier=1, **window)
    else:
        model.op(kind, [x, one, bias], [y], **window)
    return model.finish([x], [y])
