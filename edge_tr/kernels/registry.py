"""The kernels there are. Where two cost the same, the first one is chosen."""

from __future__ import annotations

from edge_tr.kernels.dual import DualKernel
from edge_tr.kernels.fours import FoursKernel
from edge_tr.kernels.int8 import Int8Kernel
from edge_tr.kernels.int16 import Int16Kernel
from edge_tr.kernels.kernel import Kernel
from edge_tr.kernels.lanes import LanesKernel
from edge_tr.kernels.levels import LevelsKernel
from edge_tr.kernels.lists import ListsKernel
from edge_tr.kernels.output import DIRECT_STRUCT
from edge_tr.kernels.pairs import PairsKernel
from edge_tr.kernels.planes import PlanesKernel
from edge_tr.kernels.subsets import SubsetsKernel
from edge_tr.kernels.term_pairs import TermPairsKernel
from edge_tr.kernels.twins import TwinsKernel
from edge_tr.kernels.winograd import WinogradKernel
from edge_tr.structs import Struct

KERNELS: tuple[Kernel, ...] = (
    PairsKernel(),
    ListsKernel(),
    PlanesKernel(),
    TermPairsKernel(),
    FoursKernel(),
    TwinsKernel(),
    LanesKernel(),
    SubsetsKernel(),
    DualKernel(),
    WinogradKernel(),
    LevelsKernel(),
    Int8Kernel(),
    Int16Kernel(),
)


def structs() -> tuple[Struct, ...]:
    """The C structs of all kernels' layers, each once, and of what they point to."""
    return tuple(dict.fromkeys((DIRECT_STRUCT, *(kernel.struct for kernel in KERNELS))))
