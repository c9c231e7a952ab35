"""What Thumb-1 and Thumb-2 share of straight-line programs."""

from __future__ import annotations

from collections.abc import Iterator

from edge_tr.codegen.assembly.text import Pointer, indented
from edge_tr.kernels.generated import Sweep
from edge_tr.kernels.instructions import Add, Double, Flush, Instruction, Product
from edge_tr.kernels.straightline import Program, Tile


class ArmEmitter:
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

    def _window(self, op: Instruction, words: Pointer) -> Iterator[str]:
        """An instruction of a sweep's program: its sums stay in r3 and r4."""
        return self._lanes(op) if isinstance(op, Flush) else self._work(op, words)

    def _store_apart(self) -> list[str]:
        """r4 to the word that lies r8 behind r0."""
        raise NotImplementedError

    def _framed(self, name: str, body: list[str]) -> str:
        head = [f'    .section .text.{name}, "ax", %progbits', "    .align 2", f"    .global {name}"]
        head += [f"    .type {name}, %function", "    .thumb_func", f"{name}:"]
        tail = [f"    .size {name}, . - {name}", ""]
        return "\n".join([*head, *indented(body), *tail])

    def _tile(self, tile: Tile, words: Pointer, sums: Pointer) -> Iterator[str]:
        flushed: list[str] = []
        for op in tile.code:
            if isinstance(op, Flush):
                yield from self._flush(op, sums, flushed)
            else:
                flushed.clear()
                yield from self._work(op, words)

    def _register(self, op: Add | Product | Double | Flush) -> str:
        return self.accumulators[op.accumulator]

    def _pointers(self) -> tuple[Pointer, Pointer]:
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

    def _work(self, op: Instruction, words: Pointer) -> Iterator[str]:
        raise NotImplementedError

    def _flush(self, op: Flush, sums: Pointer, flushed: list[str]) -> Iterator[str]:
        raise NotImplementedError
