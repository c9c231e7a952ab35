"""tr_player: every word in its order, never before its data, groups as far apart as their results take to leave, and
one cycle more while the input comes."""

from __future__ import annotations

import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly, RisingEdge, Timer

from edge_tr.formats import accelerator as f

ROWS, WORD = f.ROWS.value, f.TERM_WORD_BITS.value
TERMS = f.ROW_TERMS.bits * ROWS


def controls(generator: random.Random, n: int) -> list[dict[str, int]]:
    """Of a tile's words: groups in steps, the last word ends both."""
    words = []
    for i in range(n):
        group = i + 1 == n or generator.random() < 0.5
        step = i + 1 == n or (group and generator.random() < 0.4)
        words.append({"last_group": group, "last_step": step, "first": generator.randrange(2),
                      "final": generator.randrange(2), "rows": generator.randrange(1, ROWS + 1),
                      "group": generator.randrange(1024)})  # fmt: skip
    return words


class Tiles:
    """A command's words for some tiles, and the memory they come from."""

    def __init__(self, generator: random.Random) -> None:
        self.count, self.tiles, self.first = (generator.randrange(1, n) for n in (12, 4, 40))
        self.halves, self.halves_last = generator.choice(((2, 2), (2, 1), (1, 1)))
        self.controls = controls(generator, self.count)
        self.terms = [generator.getrandbits(TERMS) for _ in self.controls]
        packed = [int.from_bytes(f.TERM_CONTROL.pack(**control), "little") for control in self.controls]
        self.memory = [0] * self.first + [t | c << TERMS for t, c in zip(self.terms, packed)] + [0] * 3
        self.issued, self.free_at, self.clear = 0, 0, True

    def check(self, dut: object, cycle: int) -> None:
        """A word that is issued in this cycle."""
        tile, i = divmod(self.issued, self.count)
        control = self.controls[i]
        assert int(dut.word.value) == self.terms[i], (tile, i)
        assert bool(dut.clear.value) == self.clear
        assert bool(dut.step_done.value) == control["last_step"]
        assert bool(dut.group_done.value) == control["last_group"]
        self.issued, self.clear = self.issued + 1, control["last_group"]
        if control["last_group"]:
            assert cycle >= self.free_at, "results of the group before are still leaving"
            halves = self.halves_last if tile + 1 == self.tiles else self.halves
            self.free_at = cycle + control["rows"] * halves + int(dut.shares.value)
            seen = (int(dut.group_halves.value), int(dut.group_rows.value), int(dut.group.value))
            assert seen == (halves, control["rows"], control["group"])
            assert bool(dut.group_first.value) == control["first"] and bool(dut.group_final.value) == control["final"]
            assert bool(dut.tile_done.value) == (i + 1 == self.count)


async def play(dut: object, generator: random.Random, tiles: Tiles) -> None:
    """One command, its data late and its memory shared at random."""
    dut.start.value, dut.first_word.value, dut.count.value, dut.tiles.value = 1, tiles.first, tiles.count, tiles.tiles
    dut.halves.value, dut.halves_last.value, dut.step_ready.value, dut.yields.value = (
        tiles.halves, tiles.halves_last, 0, 0,
    )  # fmt: skip
    await FallingEdge(dut.clk)
    dut.start.value = 0
    for cycle in range(2000):
        ready = generator.random() < 0.7
        dut.step_ready.value, dut.shares.value = ready, generator.randrange(2)
        dut.yields.value = 0
        await Timer(1, "ns")
        yields = bool(dut.may_yield.value) and generator.random() < 0.3
        dut.yields.value = yields
        await ReadOnly()
        assert ready or not dut.issue.value, "a word without its data"
        if dut.issue.value:
            tiles.check(dut, cycle)
        data = generator.getrandbits(2 * WORD) if yields else None
        if dut.memory_read.value:
            at = 2 * int(dut.memory_address.value)
            data = tiles.memory[at] | tiles.memory[at + 1] << WORD
        await RisingEdge(dut.clk)
        if data is not None:
            dut.memory_data.value = data
        await FallingEdge(dut.clk)
        if tiles.issued == tiles.count * tiles.tiles:
            break
    assert tiles.issued == tiles.count * tiles.tiles and not dut.busy.value


@cocotb.test()
async def commands(dut):
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    generator = random.Random(8)
    dut.reset.value, dut.start.value, dut.shares.value = 1, 0, 0
    await FallingEdge(dut.clk)
    await FallingEdge(dut.clk)
    dut.reset.value = 0
    for _ in range(40):
        await play(dut, generator, Tiles(generator))
