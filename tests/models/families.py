"""Every random model of one operator, by the operator and, beside int8, the type: "ADD", "ADD int16"."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from edge_tr.operators.integers import APPLY, COMPARE
from tests.models import random_ops, typed_ops, wide
from tests.operators.test_integers import integers

FAMILIES: dict[str, Callable[[np.random.Generator], bytes]] = {
    **random_ops.BUILDERS,
    **{f"{kind} int16": build for kind, build in wide.BUILDERS.items()},
    **{f"{kind} integers": functools.partial(integers, kind=kind) for kind in (*APPLY, *COMPARE)},
    **{f"{kind} integers": build for kind, build in typed_ops.BUILDERS.items()},
}
