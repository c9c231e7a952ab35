"""Straight-line programs as C."""

from __future__ import annotations

from collections.abc import Iterator

from edge_tr.kernels.generated import Sweep
from edge_tr.kernels.instructions import Add, Double, Instruction, Load, Product, Shift
from edge_tr.kernels.straightline import Program, Tile


class CEmitter:
    """Portable C: the reference of the emitters, and what runs on the host."""

    suffix = ".c"

    def function(self, name: str, program: Program) -> str:
        """One function definition."""
        lines = [f"void {name}(const int32_t *words, int32_t *sums)", "{"]
        lines += [f"    {line}" for tile in program.tiles for line in self._tile(tile)]
        return "\n".join([*lines, "}", ""])

    def sweep(self, name: str, program: Program, sweep: Sweep) -> str:
        """One function definition with a sweep."""
        (tile,) = program.tiles
        back = sweep.row_step - sweep.columns * sweep.step
        lines = [f"void {name}(int32_t *words)", "{"]
        lines += [f"    for (uint32_t row = 0u; row < {sweep.rows}u; row++, words += {back}) {{"]
        lines += [f"        for (uint32_t column = 0u; column < {sweep.columns}u; column++, words += {sweep.step}) {{"]
        lines += ["            int32_t sums[2];", *(f"            {line}" for line in self._tile(tile))]
        lines += ["            words[0] = sums[0];", f"            words[{sweep.apart}] = sums[1];"]
        return "\n".join([*lines, "        }", "    }", "}", ""])

    def _tile(self, tile: Tile) -> Iterator[str]:
        used = sorted({op.accumulator for op in tile.code if isinstance(op, (Add, Product))})
        yield "{"
        if used:
            yield f"    uint32_t t, {', '.join(f'a{n} = 0u' for n in used)};"
        for op in tile.code:
            yield from (f"    {line}" for line in self._lines(op))
        yield "}"

    def file(self, functions: list[str], banner: str) -> str:
        """A translation unit."""
        return "\n".join([f"/* {banner} */", '#include "tr_flush.h"', "", *functions])

    def _lines(self, op: Instruction) -> Iterator[str]:
        if isinstance(op, Load):
            yield f"t = (uint32_t)words[{op.index}];"
        elif isinstance(op, Shift):
            yield f"t <<= {op.by};"
        elif isinstance(op, Add):
            start = "0u" if op.first else f"a{op.accumulator}"
            yield f"a{op.accumulator} = {start} {'-' if op.sign < 0 else '+'} (t << {op.shift});"
        elif isinstance(op, Product):
            start = "0u" if op.first else f"a{op.accumulator}"
            yield f"a{op.accumulator} = {start} {'-' if op.weight < 0 else '+'} {abs(op.weight)}u * t;"
        elif isinstance(op, Double):
            yield f"a{op.accumulator} <<= 1;"
        else:
            word = "0u" if op.accumulator is None else f"a{op.accumulator}"
            yield f"tr_flush(sums + {2 * op.row}, {word}, {op.base}u, {str(op.first).lower()});"
