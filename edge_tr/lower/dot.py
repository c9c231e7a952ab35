"""One layer's dot products, in every way that the firmware could compute them."""

from __future__ import annotations

from edge_tr.kernels.choice import KernelChoice, allowed
from edge_tr.kernels.product import DotProduct, Nested, Task
from edge_tr.kernels.waiting import INSTANT, Behind
from edge_tr.operators import DotParams
from edge_tr.prepared.budget import TrSetting
from edge_tr.tr.reveal import reveal


def candidates(
    name: str,
    params: DotParams,
    setting: TrSetting,
    choice: KernelChoice,
    isa: str,
    below: Nested = (),
    behind: Behind = INSTANT,
) -> tuple[DotProduct, ...]:
    """The layer with each kernel that `choice` allows, its weights where they are or copied into RAM; at least one.
    `params` holds weights that are revealed already: `setting` says how. UsageError if none takes the layer."""
    task = Task(params, reveal(params.weights, setting.group, None), setting, isa, below, behind)
    return tuple(product for kernel in allowed(choice, name, task) for product in kernel.products(task))
