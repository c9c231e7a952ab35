"""Straight-line programs as GNU assembly, one small emitter an instruction set, and as C for any core.

An emitted function is ``void name(const int32_t *words, int32_t *sums)`` in its ABI, or, with a sweep,
``void name(int32_t *words)``: a program of one row, run over all windows of a plane, whose two sums stay in
registers until they replace words that no later window reads. The emitters decide nothing:
`kernels.straightline` chose tiles, segments and order for `kernels.machines`.
"""

from __future__ import annotations

from edge_tr.codegen.assembly.portable import CEmitter
from edge_tr.codegen.assembly.riscv import RiscvEmitter
from edge_tr.codegen.assembly.thumb1 import Thumb1Emitter
from edge_tr.codegen.assembly.thumb2 import Thumb2Emitter

EMITTERS = {
    "c": CEmitter(),
    "armv6-m": Thumb1Emitter(),
    "armv6-m-mul32": Thumb1Emitter(),
    "armv7-m": Thumb2Emitter(),
    "armv7e-m": Thumb2Emitter(),
    "rv32": RiscvEmitter(),
    "rv32e": RiscvEmitter(),
}
"""Instruction set -> emitter. Adding a core with a new one is one class here."""
