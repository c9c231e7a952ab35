"""Straight-line programs of Armv7-M and Armv7E-M."""

from __future__ import annotations

from collections.abc import Iterator

from edge_tr.codegen.assembly.arm import ArmEmitter
from edge_tr.codegen.assembly.text import Pointer
from edge_tr.kernels.instructions import Flush, Instruction, Load, Product


class Thumb2Emitter(ArmEmitter):
    """Armv7-M. r0 words, r1 sums, r2-r11 accumulators, r12 t, lr spare; shifts of t are free."""

    accumulators = tuple(f"r{n}" for n in range(2, 12))

    def _pointers(self) -> tuple[Pointer, Pointer]:
        return (
            Pointer("r0", 0, 4092, "{op}w r0, r0, #{by}", 4092),
            Pointer("r1", 0, 1016, "{op}w r1, r1, #{by}", 4092),
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

    def _work(self, op: Instruction, words: Pointer) -> Iterator[str]:
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

    def _flush(self, op: Flush, sums: Pointer, flushed: list[str]) -> Iterator[str]:
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
