"""Straight-line programs of Armv6-M."""

from __future__ import annotations

from collections.abc import Iterator

from edge_tr.codegen.assembly.arm import ArmEmitter
from edge_tr.codegen.assembly.text import Pointer
from edge_tr.kernels.instructions import Double, Flush, Instruction, Load, Product, Shift


class Thumb1Emitter(ArmEmitter):
    """Armv6-M. r0 words, r1 sums, r2-r6 accumulators, r7 t; a flush borrows r0 and keeps it in r8."""

    accumulators = ("r2", "r3", "r4", "r5", "r6")

    def _pointers(self) -> tuple[Pointer, Pointer]:
        return (
            Pointer("r0", 0, 124, "{op}s r0, #{by}", 252),
            Pointer("r1", 0, 120, "{op}s r1, #{by}", 252),
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

    def _work(self, op: Instruction, words: Pointer) -> Iterator[str]:
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

    def _flush(self, op: Flush, sums: Pointer, flushed: list[str]) -> Iterator[str]:
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
