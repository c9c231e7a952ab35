"""Straight-line programs as GNU assembly, one small emitter an instruction set, and as C for any core.

An emitted function is ``void name(const int32_t *words, int32_t *sums)`` in its ABI, or, with a sweep,
``void name(int32_t *words)``: a program of one row, run over all windows of a plane, whose two sums stay in
registers until they replace words that no later window reads. The emitters decide nothing:
`kernels.straightline` chose tiles, segments and order for `kernels.machines`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edge_tr.kernels.generated import Sweep
from edge_tr.kernels.instructions import Add, Double, Flush, Instruction, Load, Product, Shift
from edge_tr.kernels.straightline import Program, Tile


@dataclass
class _Pointer:
    """A register that walks over an array, so that offsets stay within an instruction's reach (bytes)."""

    register: str
    low: int
    high: int
    step: str  # "add {register}, {register}, #{by}" with a positive or negative literal
    largest_step: int
    at: int = 0

    def reach(self, offset: int) -> tuple[list[str], int]:
        """Instructions that bring `offset` into reach, and the literal to use."""
        moves = []
        if not self.low <= offset - self.at <= self.high:
            middle = (self.high + self.low) // 2 // 4 * 4
            moves = self.move(max(0, offset - middle))
        return moves, offset - self.at

    def move(self, to: int) -> list[str]:
        """Instructions that put the pointer at byte `to`."""
        moves = []
        while self.at != to:
            by = max(-self.largest_step, min(self.largest_step, to - self.at))
            moves.append(self.step.format(op="add" if by > 0 else "sub", by=abs(by), signed=by))
            self.at += by
        return moves


# --- C -------------------------------------------------------------------------------


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


def _indented(lines: list[str]) -> list[str]:
    return [line if line.endswith(":") else f"    {line}" for line in lines]


# --- Arm ------------------------------------------------------------------------------


class _ArmEmitter:
    """What Thumb-1 and Thumb-2 share: unified syntax, the same labels and sections."""

    suffix = ".S"
    accumulators: tuple[str, ...] = ()

    def file(self, functions: list[str], banner: str) -> str:
        """A translation unit."""
        return "\n".join([f"/* {banner} */", "    .syntax unified", "    .thumb", *functions])

    def function(self, name: str, program: Program) -> str:
        """One function definition."""
        words, sums = self._pointers()
        body = [line for tile in program.tiles for line in self._tile(tile, words, sums)]
        return self._framed(name, [*self._enter(), *body, *self._leave()])

    def sweep(self, name: str, program: Program, sweep: Sweep) -> str:
        """One function definition with a sweep: r1 columns left, r5 rows left, r2 accumulator, r3 and r4 sums, r8 how
        far these go apart."""
        words, _ = self._pointers()
        (tile,) = program.tiles
        window = [line for op in tile.code for line in self._window(op, words)]
        window += [*words.move(0), "str r3, [r0]", *self._store_apart()]
        window += words.move(4 * sweep.step)
        words.at = 4 * sweep.columns * sweep.step
        body = [*self._constant("r5", sweep.rows), f".Lrow_{name}:", *self._constant("r1", sweep.columns)]
        body += [f".Lcolumn_{name}:", *window, *self._again("r1", f".Lcolumn_{name}", "1")]
        body += [*words.move(4 * sweep.row_step), *self._again("r5", f".Lrow_{name}", "2")]
        apart = [*self._constant("r4", 4 * sweep.apart), "mov r8, r4"]
        return self._framed(name, [*self._enter(), *apart, *body, *self._leave()])

    def _window(self, op: Instruction, words: _Pointer) -> Iterator[str]:
        """An instruction of a sweep's program: its sums stay in r3 and r4."""
        return self._lanes(op) if isinstance(op, Flush) else self._work(op, words)

    def _store_apart(self) -> list[str]:
        """r4 to the word that lies r8 behind r0."""
        raise NotImplementedError

    def _framed(self, name: str, body: list[str]) -> str:
        head = [f'    .section .text.{name}, "ax", %progbits', "    .align 2", f"    .global {name}"]
        head += [f"    .type {name}, %function", "    .thumb_func", f"{name}:"]
        tail = [f"    .size {name}, . - {name}", ""]
        return "\n".join([*head, *_indented(body), *tail])

    def _tile(self, tile: Tile, words: _Pointer, sums: _Pointer) -> Iterator[str]:
        flushed: list[str] = []
        for op in tile.code:
            if isinstance(op, Flush):
                yield from self._flush(op, sums, flushed)
            else:
                flushed.clear()
                yield from self._work(op, words)

    def _register(self, op: Add | Product | Double | Flush) -> str:
        return self.accumulators[op.accumulator]

    def _pointers(self) -> tuple[_Pointer, _Pointer]:
        raise NotImplementedError

    def _enter(self) -> list[str]:
        raise NotImplementedError

    def _leave(self) -> list[str]:
        raise NotImplementedError

    def _again(self, counter: str, label: str, exit_label: str) -> list[str]:
        raise NotImplementedError

    def _constant(self, register: str, value: int) -> list[str]:
        raise NotImplementedError

    def _lanes(self, op: Flush) -> Iterator[str]:
        raise NotImplementedError

    def _work(self, op: Instruction, words: _Pointer) -> Iterator[str]:
        raise NotImplementedError

    def _flush(self, op: Flush, sums: _Pointer, flushed: list[str]) -> Iterator[str]:
        raise NotImplementedError


class Thumb1Emitter(_ArmEmitter):
    """Armv6-M. r0 words, r1 sums, r2-r6 accumulators, r7 t; a flush borrows r0 and keeps it in r8."""

    accumulators = ("r2", "r3", "r4", "r5", "r6")

    def _pointers(self) -> tuple[_Pointer, _Pointer]:
        return (
            _Pointer("r0", 0, 124, "{op}s r0, #{by}", 252),
            _Pointer("r1", 0, 120, "{op}s r1, #{by}", 252),
        )

    def _enter(self) -> list[str]:
        return ["push {r4-r7, lr}", "mov r7, r8", "push {r7}"]

    def _leave(self) -> list[str]:
        return ["pop {r7}", "mov r8, r7", "pop {r4-r7, pc}"]

    def _store_apart(self) -> list[str]:
        return ["mov r7, r8", "str r4, [r0, r7]"]

    def _again(self, counter: str, label: str, exit_label: str) -> list[str]:
        # a conditional branch reaches 256 bytes
        return [f"subs {counter}, {counter}, #1", f"beq {exit_label}f", f"b {label}", f"{exit_label}:"]

    def _constant(self, register: str, value: int) -> list[str]:
        rest = [f"lsls {register}, {register}, #8", f"adds {register}, #{value & 255}"] if value > 255 else []
        return [f"movs {register}, #{value >> 8 if rest else value}", *rest]

    def _lanes(self, op: Flush) -> Iterator[str]:
        yield from ("sxth r7, r2", "subs r2, r2, r7", "asrs r2, r2, #16")
        if op.first:
            yield from (f"lsls r3, r7, #{op.base}", f"lsls r4, r2, #{op.base}")
            return
        if op.base:
            yield from (f"lsls r7, r7, #{op.base}", f"lsls r2, r2, #{op.base}")
        yield from ("adds r3, r3, r7", "adds r4, r4, r2")

    def _work(self, op: Instruction, words: _Pointer) -> Iterator[str]:
        if isinstance(op, Load):
            moves, offset = words.reach(4 * op.index)
            yield from moves
            yield f"ldr r7, [r0, #{offset}]"
        elif isinstance(op, Shift):
            yield f"lsls r7, r7, #{op.by}"
        elif isinstance(op, Product):
            factor = self._register(op) if op.first else "r6"  # of a sweep, which has one accumulator
            yield from (f"movs {factor}, #{abs(op.weight)}", f"muls {factor}, r7, {factor}")
            if not op.first:
                yield f"{'adds' if op.weight > 0 else 'subs'} {self._register(op)}, {self._register(op)}, r6"
            elif op.weight < 0:
                yield f"rsbs {factor}, {factor}, #0"
        elif isinstance(op, Double):
            yield f"lsls {self._register(op)}, {self._register(op)}, #1"
        elif op.first:
            yield f"movs {self._register(op)}, r7" if op.sign > 0 else f"rsbs {self._register(op)}, r7, #0"
        else:
            register = self._register(op)
            yield f"{'adds' if op.sign > 0 else 'subs'} {register}, {register}, r7"

    def _flush(self, op: Flush, sums: _Pointer, flushed: list[str]) -> Iterator[str]:
        moves, offset = sums.reach(8 * op.row)
        yield from moves
        if op.accumulator is None:
            yield from ("movs r7, #0", f"str r7, [r1, #{offset}]", f"str r7, [r1, #{offset + 4}]")
            return
        high = self._register(op)
        yield from (f"sxth r7, {high}", f"subs {high}, {high}, r7", f"asrs {high}, {high}, #16")
        if op.base:
            yield from (f"lsls r7, r7, #{op.base}", f"lsls {high}, {high}, #{op.base}")
        if not op.first:
            spare = flushed[0] if flushed else "r0"
            if spare == "r0":
                yield "mov r8, r0"
            yield from (f"ldr {spare}, [r1, #{offset}]", f"adds r7, r7, {spare}")
            yield from (f"ldr {spare}, [r1, #{offset + 4}]", f"adds {high}, {high}, {spare}")
            if spare == "r0":
                yield "mov r0, r8"
        yield from (f"str r7, [r1, #{offset}]", f"str {high}, [r1, #{offset + 4}]")
        flushed.append(high)


class Thumb2Emitter(_ArmEmitter):
    """Armv7-M. r0 words, r1 sums, r2-r11 accumulators, r12 t, lr spare; shifts of t are free."""

    accumulators = tuple(f"r{n}" for n in range(2, 12))

    def _pointers(self) -> tuple[_Pointer, _Pointer]:
        return (
            _Pointer("r0", 0, 4092, "{op}w r0, r0, #{by}", 4092),
            _Pointer("r1", 0, 1016, "{op}w r1, r1, #{by}", 4092),
        )

    def _enter(self) -> list[str]:
        return ["push {r4-r11, lr}"]

    def _leave(self) -> list[str]:
        return ["pop {r4-r11, pc}"]

    def _store_apart(self) -> list[str]:
        return ["str r4, [r0, r8]"]

    def _again(self, counter: str, label: str, exit_label: str) -> list[str]:
        return [f"subs {counter}, {counter}, #1", f"bne {label}"]

    def _constant(self, register: str, value: int) -> list[str]:
        return [f"movw {register}, #{value}"]

    def _lanes(self, op: Flush) -> Iterator[str]:
        yield from ("sxth r12, r2", "sub r2, r2, r12", "asr r2, r2, #16")
        if op.first:
            yield from (f"lsl r3, r12, #{op.base}", f"lsl r4, r2, #{op.base}")
        else:
            yield from (f"add r3, r3, r12, lsl #{op.base}", f"add r4, r4, r2, lsl #{op.base}")

    def _work(self, op: Instruction, words: _Pointer) -> Iterator[str]:
        if isinstance(op, Load):
            moves, offset = words.reach(4 * op.index)
            yield from moves
            yield f"ldr r12, [r0, #{offset}]"
            return
        register = self._register(op)
        if isinstance(op, Product):
            factor = register if op.first else "lr"
            yield f"mov {factor}, #{op.weight}"
            yield f"mul {register}, r12, {register}" if op.first else f"mla {register}, r12, lr, {register}"
            return
        shifted = f"r12, lsl #{op.shift}" if op.shift else "r12"
        if not op.first:
            yield f"{'add' if op.sign > 0 else 'sub'} {register}, {register}, {shifted}"
        elif op.sign > 0:
            yield f"mov {register}, {shifted}"
        else:
            yield from ([f"lsl {register}, {shifted[:3]}, #{op.shift}"] if op.shift else [])
            yield f"rsb {register}, {register if op.shift else 'r12'}, #0"

    def _flush(self, op: Flush, sums: _Pointer, flushed: list[str]) -> Iterator[str]:
        moves, offset = sums.reach(8 * op.row)
        yield from moves
        if op.accumulator is None:
            yield from ("mov r12, #0", f"strd r12, r12, [r1, #{offset}]")
            return
        high, base = self._register(op), f", lsl #{op.base}" if op.base else ""
        yield from (f"sxth r12, {high}", f"sub {high}, {high}, r12", f"asr {high}, {high}, #16")
        if op.first:
            if op.base:
                yield from (f"lsl r12, r12, #{op.base}", f"lsl {high}, {high}, #{op.base}")
        else:
            yield from (f"ldr lr, [r1, #{offset}]", f"add r12, lr, r12{base}")
            yield from (f"ldr lr, [r1, #{offset + 4}]", f"add {high}, lr, {high}{base}")
        yield f"strd r12, {high}, [r1, #{offset}]"


# --- RISC-V ----------------------------------------------------------------------------


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

    def _window(self, op: Instruction, words: _Pointer) -> Iterator[str]:
        """An instruction of a sweep's program: its sums stay in a3 and a4."""
        if not isinstance(op, Flush):
            yield from self._work(op, words)
            return
        yield from ("slli a5, a2, 16", "srai a5, a5, 16", "sub a2, a2, a5", "srai a2, a2, 16")
        if op.base:
            yield from (f"slli a5, a5, {op.base}", f"slli a2, a2, {op.base}")
        yield from ("mv a3, a5", "mv a4, a2") if op.first else ("add a3, a3, a5", "add a4, a4, a2")

    def _pointers(self) -> tuple[_Pointer, _Pointer]:
        return (
            _Pointer("a0", -2048, 2044, "addi a0, a0, {signed}", 2044),
            _Pointer("a1", -2048, 2040, "addi a1, a1, {signed}", 2044),
        )

    def _framed(self, name: str, body: list[str]) -> str:
        head = [f'    .section .text.{name}, "ax", @progbits', "    .align 2", f"    .global {name}"]
        head += [f"    .type {name}, @function", f"{name}:"]
        return "\n".join([*head, *_indented(body), f"    .size {name}, . - {name}", ""])

    def _tile(self, tile: Tile, words: _Pointer, sums: _Pointer) -> Iterator[str]:
        for op in tile.code:
            yield from self._flush(op, sums) if isinstance(op, Flush) else self._work(op, words)

    def _work(self, op: Instruction, words: _Pointer) -> Iterator[str]:
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

    def _flush(self, op: Flush, sums: _Pointer) -> Iterator[str]:
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
