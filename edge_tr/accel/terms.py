"""A window layer's weights as term words, in the order of a plan."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from edge_tr.accel.steps import ROWS, Part, Plan, places_of
from edge_tr.accel.words import Row, group_words, rows_of
from edge_tr.operators import ConvParams, DepthwiseParams


@dataclass(frozen=True)
class Terms:
    """Of a tile.

    words        TermWords, one after the other
    groups       by part of the plan: (words, channels) of each group
    corrections  by channel: what ones' complement leaves out of the bias
    """

    words: tuple[int, ...]
    groups: tuple[tuple[tuple[int, int], ...], ...]
    corrections: tuple[int, ...]


def terms_of(p: ConvParams | DepthwiseParams, plan: Plan) -> Terms:
    """Of all channels. Kept: a layer is scheduled several times, for several layouts of its tensors."""
    depthwise = isinstance(p, DepthwiseParams)
    multiplier = p.depth_multiplier if depthwise else 0
    channels = 1 if depthwise else p.input_shape[2]
    return _terms(p.weights.tobytes(), len(p.weights), p.kernel[1], channels, multiplier, plan)


@functools.lru_cache(maxsize=512)
def _terms(data: bytes, height: int, width: int, channels: int, multiplier: int, plan: Plan) -> Terms:
    """`multiplier`: a depthwise layer's outputs of an input; 0: every output reads every input."""
    weights = np.frombuffer(data, np.int8).reshape(height, -1)
    words: list[int] = []
    groups, corrections = [], [0] * height
    for part in plan:
        rows = _rows(weights, width, channels, multiplier, part)
        counts = []
        for g in part.groups:
            members = [rows[o] for o in _outputs(g, height)]
            control = {"last_group": 1, "last_step": g == part.groups[-1], "first": part.first, "final": part.final,
                       "rows": len(members), "group": g}  # fmt: skip
            added = group_words(members, control)
            counts.append((len(added), len(members)))
            words += added
        for o, row in rows.items():
            corrections[o] += row.correction
        groups.append(tuple(counts))
    return Terms(tuple(words), tuple(groups), tuple(corrections))


def _outputs(group: int, height: int) -> range:
    return range(group * ROWS, min(group * ROWS + ROWS, height))


def _rows(weights: np.ndarray, width: int, channels: int, multiplier: int, part: Part) -> dict[int, Row]:
    """By output channel, of the weights that a part's step has data for."""
    places = places_of(part.step)
    outputs = [o for g in part.groups for o in _outputs(g, len(weights))]
    keys = [[k for k in places if not multiplier or k[2] == o // multiplier] for o in outputs]
    index = [[(ky * width + kx) * channels + (0 if multiplier else c) for ky, kx, c in row] for row in keys]
    chosen = weights[np.array(outputs)[:, None], np.array(index)]
    return dict(zip(outputs, rows_of(chosen, [[places[k] for k in row] for row in keys])))
