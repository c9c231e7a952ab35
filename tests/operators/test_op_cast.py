"""Random models of CAST, and of moves between casts: `tests.models.random_ops` puts all builders through what must
agree."""

from __future__ import annotations

import numpy as np

from tests.operators.typed import Typed, shape

TYPES = ("int8", "uint8", "int16", "int32", "int64", "bool")


def cast(rng: np.random.Generator) -> bytes:
    """Through two to four types, with a transposition on the way."""
    made = Typed(shape(rng))
    at, dtype, size = made.x, "int8", made.shape
    for number in range(int(rng.integers(2, 5))):
        asked = str(rng.choice([name for name in TYPES if name != dtype]))
        at, dtype = made.cast(at, dtype, asked, size), asked
        if number == 0 and dtype != "uint8":
            order = rng.permutation(len(size)).astype(np.int32)
            size = tuple(size[axis] for axis in order)
            at = made.op("TRANSPOSE", [at, made.model.constant(order)], size, dtype, version=2)
    return made.finish(at, dtype, size)


BUILDERS = {"CAST": cast}
