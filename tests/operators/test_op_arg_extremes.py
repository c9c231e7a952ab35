"""Random models of ARG_MAX and ARG_MIN: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import functools

import numpy as np

from tests.operators.typed import Typed, shape


def arg_extreme(rng: np.random.Generator, kind: str) -> bytes:
    made = Typed(shape(rng))
    rank = len(made.shape)
    axis = int(rng.integers(rank))
    after = (*made.shape[:axis], *made.shape[axis + 1 :])
    x = made.x if rng.random() < 0.6 else made.scaled(by=int(rng.choice([-70000, 12345678])))
    given = axis - rank if rng.random() < 0.3 else axis
    places = str(rng.choice(["int32", "int64"]))
    constant = made.model.constant(np.array(given, rng.choice(["int32", "int64"])))
    return made.finish(made.op(kind, [x, constant], after, places, output_type=places), places, after)


BUILDERS = {kind: functools.partial(arg_extreme, kind=kind) for kind in ("ARG_MAX", "ARG_MIN")}
