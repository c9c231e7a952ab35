"""Straight-line programs of RV32I and RV32E."""

from __future__ import annotations

from collections.abc import Iterator

from edge_tr.codegen.assembly.text import Pointer, indented
from edge_tr.kernels.generated import Sweep
from edge_tr.kernels.instructions import Double, Flush, Instruction, Load, Product, Shift
from edge_tr.kernels.straightline import Program, Tile


class RiscvEmitter:
    """RV32E registers, so it serves RV32I too. a0 words, a1 sums, a5 t, t0 spare."""

    suffix = ".S"
    accumulators = ("a2", "a3", "a4", "s0", "s1", "t1", "t2", "ra")
    _saved = ("ra", "s0", "s1")

    def file(self, functions: list[str], banner: str) -> str:
        """A translation unit."""
        return "\n".join([f"/* {banner} */", *functions])

    def function(self, name: str, program: Program) -> str:
        """One function definition."""
        words, sums = self._pointers()
        enter = ["addi sp, sp, -16", *(f"sw {r}, {4 * i}(sp)" for i, r in enumerate(self._saved))]
        leave = [*(f"lw {r}, {4 * i}(sp)" for i, r in enumerate(self._saved)), "addi sp, sp, 16", "ret"]
        body = [line for tile in program.tiles for line in self._tile(tile, words, sums)]
        return self._framed(name, [*enter, *body, *leave])

    def sweep(self, name: str, program: Program, sweep: Sweep) -> str:
        """One function definition with a sweep: a1 columns left, t1 rows left, a2 accumulator, a3 and a4 sums, t2 where
        the second one goes."""
        words, _ = self._pointers()
        (tile,) = program.tiles
        window = [line for op in tile.code for line in self._window(op, words)]
        window += [*words.move(0), "sw a3, 0(a0)", "sw a4, 0(t2)", *self._moved("t2", 4 * sweep.step)]
        window += words.move(4 * sweep.step)
        words.at = 4 * sweep.columns * sweep.step
        skip = 4 * (sweep.row_step - sweep.columns * sweep.step)
        body = [
            f"li t2, {4 * sweep.apart}",
            "add t2, t2, a0",
            f"li t1, {sweep.rows}",
            f".Lrow_{name}:",
            f"li a1, {sweep.columns}",
            f".Lcolumn_{name}:",
            *window,
        ]
        body += ["addi a1, a1, -1", f"bnez a1, .Lcolumn_{name}", *words.move(4 * sweep.row_step)]
        body += self._moved("t2", skip)
        return self._framed(name, [*body, "addi t1, t1, -1", f"bnez t1, .Lrow_{name}", "ret"])

    def _moved(self, register: str, by: int) -> list[str]:
        """`by` bytes further; t0 spare."""
        if -2048 <= by <= 2047:
            return [f"addi {register}, {register}, {by}"] if by else []
        return [f"li t0, {by}", f"add {register}, {register}, t0"]

    def _window(self, op: Instruction, words: Pointer) -> Iterator[str]:
        """An instruction of a sweep's program: its sums stay in a3 and a4."""
        if not isinstance(op, Flush):
            yield from self._work(op, words)
            return
        yield from ("slli a5, a2, 16", "srai a5, a5, 16", "sub a2, a2, a5", "srai a2, a2, 16")
        if op.base:
            yield from (f"slli a5, a5, {op.base}", f"slli a2, a2, {op.base}")
        yield from ("mv a3, a5", "mv a4, a2") if op.first else ("add a3, a3, a5", "add a4, a4, a2")

    def _pointers(self) -> tuple[Pointer, Pointer]:
        return (
            Pointer("a0", -2048, 2044, "addi a0, a0, {signed}", 2044),
            Pointer("a1", -2048, 2040, "addi a1, a1, {signed}", 2044),
        )

    def _framed(self, name: str, body: list[str]) -> str:
        head = [f'    .section .text.{name}, "ax", @progbits', "    .align 2", f"    .global {name}"]
        head += [f"    .type {name}, @function", f"{name}:"]
        return "\n".join([*head, *indented(body), f"    .size {name}, . - {name}", ""])

    def _tile(self, tile: Tile, words: Pointer, sums: Pointer) -> Iterator[str]:
        for op in tile.code:
            yield from self._flush(op, sums) if isinstance(op, Flush) else self._work(op, words)

    def _work(self, op: Instruction, words: Pointer) -> Iterator[str]:
        if isinstance(op, Load):
            moves, offset = words.reach(4 * op.index)
            yield from moves
            yield f"lw a5, {offset}(a0)"
        elif isinstance(op, Shift):
            yield f"slli a5, a5, {op.by}"
        else:
            register = self.accumulators[op.accumulator]
            if isinstance(op, Product):
                factor = register if op.first else "t0"
                yield from (f"li {factor}, {op.weight}", f"mul {factor}, a5, {factor}")
                if not op.first:
                    yield f"add {register}, {register}, t0"
            elif isinstance(op, Double):
                yield f"slli {register}, {register}, 1"
            elif op.first:
                yield f"mv {register}, a5" if op.sign > 0 else f"neg {register}, a5"
            else:
                yield f"{'add' if op.sign > 0 else 'sub'} {register}, {register}, a5"

    def _flush(self, op: Flush, sums: Pointer) -> Iterator[str]:
        moves, offset = sums.reach(8 * op.row)
        yield from moves
        if op.accumulator is None:
            yield from (f"sw zero, {offset}(a1)", f"sw zero, {offset + 4}(a1)")
            return
        high = self.accumulators[op.accumulator]
        yield from (f"slli a5, {high}, 16", "srai a5, a5, 16", f"sub {high}, {high}, a5", f"srai {high}, {high}, 16")
        if op.base:
            yield from (f"slli a5, a5, {op.base}", f"slli {high}, {high}, {op.base}")
        if not op.first:
            yield from (f"lw t0, {offset}(a1)", "add a5, a5, t0", f"lw t0, {offset + 4}(a1)", f"add {high}, {high}, t0")
        yield from (f"sw a5, {offset}(a1)", f"sw {high}, {offset + 4}(a1)")
