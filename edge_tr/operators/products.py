"""What operators share that are made of dot products (LSTM, SVDF): each is a part with weights, terms, a budget and a
kernel of its own, whose sums of 32 bits the operator scales itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Tensor
from edge_tr.operators.arithmetic import DATA_RANGE
from edge_tr.operators.checks import constant, read_only, require, scale, shape_text
from edge_tr.operators.fully_connected import FullyConnectedParams
from edge_tr.record import Record, Requant
from edge_tr.structs import FACTOR, Field, Follows, Struct, Value

PRODUCT = Struct(
    "tr_product",
    "Dot products with all rows of one matrix of weights: (sums + bias) * factor.",
    (
        Field("tr_sums *", "sums"),
        Field("const int32_t *", "bias", "what the sums lack"),
        Field(FACTOR, "factor"),
    ),
    before="""\
/* The sums of all rows of a matrix of weights with `input`; a kernel's scratch. */
typedef void tr_sums(const int8_t *input, int32_t *sums, void *scratch);

""",
)


@dataclass(frozen=True)
class SumsParams(FullyConnectedParams):
    """sum((x - zero point) * weights) + bias for all rows of weights: [depth] to int32 [units].

    `rows` is 1, `uses` how often one inference computes them. `requant` is what becomes of a sum, n = 1, without a zero
    point or limits. `cut`: int16 [511], what x - zero_point = -255..255 is truncated to.
    """

    uses: int = 1
    cut: np.ndarray | None = None

    def of(self, x: np.ndarray) -> np.ndarray:
        """int32 [n, units] of int8 [n, depth]."""
        centred = x.astype(np.int16) - np.int16(self.input_zero_point)
        return self.accumulated(centred if self.cut is None else self.cut[centred + DATA_RANGE])[:, 0]


def sums(weights: Tensor, zero_point: int, bias: np.ndarray | None, factor: Requant, uses: int) -> SumsParams:
    """Of int8 weights [units, depth]; `bias` int32 [units] or None."""
    units, depth = weights.shape
    return SumsParams(
        rows=1,
        depth=depth,
        units=units,
        input_zero_point=zero_point,
        output_zero_point=0,
        activation=(0, 0),
        weights=weights.data,
        bias=read_only(np.zeros(units, np.int32)) if bias is None else bias,
        requant=factor,
        uses=uses,
    )


def matrix(graph: Graph, index: int, what: str, shape: tuple[int, int]) -> Tensor:
    """int8 weights with one scale and no zero point."""
    tensor = constant(graph, index, what, ("int8",))
    require(tensor.shape == shape, f"{what} of shape {shape_text(tensor.shape)}", shape_text(shape))
    return one_scale(tensor, what)


def vector(graph: Graph, index: int, what: str, size: int, dtype: str) -> Tensor:
    """A constant vector."""
    tensor = constant(graph, index, what, (dtype,))
    require(tensor.shape == (size,), f"{what} of shape {shape_text(tensor.shape)}", f"{size} elements")
    return tensor


def one_scale(tensor: Tensor, what: str) -> Tensor:
    q = tensor.quantization
    require(q is not None and q.per_tensor and scale(tensor) > 0, f"{what} without one scale", "per-tensor weights")
    require(not q.zero_point.any(), f"{what} with a zero point other than 0", "0")
    return tensor


def product(name: str, record: SumsParams | None) -> Value:
    """struct tr_product of the part called `name`; without a record there is none: nulls."""
    if record is None:
        return (0, 0, (0, 0))
    return (Follows(f"{name}_sums"), Follows(f"{name}_lacking"), record.requant)


def replaced(own: Mapping[str, SumsParams], records: Mapping[str, Record]) -> dict[str, SumsParams]:
    """Records by name with some of them exchanged; KeyError for a name that is none of them."""
    strangers = set(records) - set(own)
    if strangers:
        raise KeyError(f"no parts {sorted(strangers)}")
    return {**own, **records}
