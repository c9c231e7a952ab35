"""What a layer waits for behind flash, in closed form: to choose kernels by. `bench` simulates it (target/waits.c), and
prints both.

The largest parts are told apart. A weight table that no cache holds is read anew for every tile of pixels, and so are
the constants of requantisation. Straight-line code takes what flash gives or what it executes, whichever is more. Loops
wait at each branch where no cache holds them; where one does, code that a tile needs beyond it comes anew with each
tile. Figures below were read off the simulated L4R5 and G0B1 (five and two wait states, 64 bits).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge_tr.boards import Board, Reads

LOOPS_BYTES = 1700
"""Of code that a tile of pixels runs through, and a cache has to hold."""
SPILT_BYTES = 656
"""Of that, what comes anew with each tile where a cache of 1 KB holds the inner loops."""
INNER_BYTES = 512
"""Of code of inner loops alone."""
HOT_BYTES = 8 << 10
"""Of RAM, what the runtime's code is reckoned to take there: the MLPerf Tiny models need 6.5 to 9 KB. A build where it
takes more than there is leaves it in flash."""
HOT_TILE_WORDS = 21
"""Of `Beside.tile_words`, those that are read of flash where code runs from RAM: all but the literals of that code."""
SPARE_BYTES = 64
"""Of a cache of constants, what those by channel do not fill."""
AHEAD = 1
"""Cycles that a constant waits for code that is being read ahead, where one port reads both."""
COPY = {"armv7e-m": 0.7, "armv7-m": 0.7, "armv6-m": 1.0, "armv6-m-mul32": 1.0}
"""Cycles of copying a byte, besides waiting."""
COPY_ELSEWHERE = 1.1


@dataclass(frozen=True)
class Behind:
    """What code and constants are read through, None: nothing waits; bytes of RAM that copies of a layer's weights may
    take; whether the runtime's code runs from RAM (`hot`)."""

    reads: Reads | None = None
    staging: int = 0
    hot: bool = False

    @classmethod
    def of(cls, board: Board, percent: int | None = None, hot: bool = True) -> Behind:
        """A board's; `percent` of its RAM that copies may take, by default what board.toml says; `hot`: code is in RAM
        if the board has any that code runs from."""
        if board.reads is None:
            return cls()
        hot = hot and board.code_ram is not None
        staging = board.memory.ram_bytes * (percent or board.reads.staging_percent) // 100
        return cls(board.reads, max(0, staging - HOT_BYTES * hot), hot)


INSTANT = Behind()


@dataclass(frozen=True)
class Beside:
    """What is read and which branches are taken beside tables and their loops: words of structures, literals and
    constants of requantisation that no cache holds, for a tile of pixels and for an activation."""

    tile_words: float
    tile_jumps: float
    output_words: float
    output_jumps: float


WINDOWS = Beside(56, 30, 1.2, 2)
PLANES = Beside(5, 12, 0, 2.5)
"""Of windows whose pixels are tiles, and of planes of one channel, whose rows are."""


@dataclass(frozen=True)
class Traffic:
    """What a layer reads through flash in one inference.

    passes      how often its table is read: once a tile of pixels
    table       bytes of that; `load_bytes`: of them, what one load takes
    channels    bytes of constants by channel
    outputs     activations, in `tiles` that `beside` is for
    jumps       branches taken in loops
    code        bytes of straight-line code that are run, and their cycles without waiting
    """

    passes: float
    table: int
    load_bytes: float
    channels: int
    tiles: float
    outputs: int
    jumps: float
    beside: Beside = WINDOWS
    code: float = 0.0
    code_cycles: float = 0.0


def stalls(behind: Behind, traffic: Traffic) -> float:
    """Cycles; `traffic.table` 0: it is not in flash."""
    reads = behind.reads
    if reads is None or reads.wait_states == 0:
        return 0.0
    if behind.hot:
        beside = replace(traffic.beside, tile_words=min(HOT_TILE_WORDS, traffic.beside.tile_words))
        return _constants(behind, replace(traffic, beside=beside)) + _straight(reads, traffic)
    return _constants(behind, traffic) + _loops(reads, traffic) + _straight(reads, traffic)


def table_stalls(behind: Behind, traffic: Traffic) -> float:
    """The part of them that a copy of the table in RAM would save."""
    return _read(behind, traffic.table, traffic.load_bytes, traffic.passes)


def copying(behind: Behind, table: int, isa: str) -> float:
    """Cycles of copying a table into RAM, waiting included."""
    width = 1 if behind.reads is None else behind.reads.width
    return table * COPY.get(isa, COPY_ELSEWHERE) + _read(behind, table, width, 1)


def _cache_bytes(reads: Reads, code: bool) -> int:
    cache = reads.code_cache if code or reads.unified else reads.data_cache
    return 0 if cache is None else cache.lines * cache.line_bytes


def _waits(behind: Behind, reads: Reads) -> int:
    """Of a constant that no cache holds."""
    return reads.wait_states + AHEAD * (reads.prefetch and not behind.hot)


def _read(behind: Behind, size: int, load_bytes: float, times: float) -> float:
    """Cycles of reading constants so often in a row."""
    reads = behind.reads
    if reads is None:
        return 0.0
    held = _cache_bytes(reads, code=False)
    if size <= held // 2:  # the rest is for others
        times = min(times, 1)
    if held > reads.width * 4:
        return times * size / reads.width * reads.wait_states
    return times * size / load_bytes * _waits(behind, reads)


def _constants(behind: Behind, traffic: Traffic) -> float:
    table, reads = table_stalls(behind, traffic), behind.reads
    if reads is None:
        return 0.0
    held = _cache_bytes(reads, code=False)
    if held > reads.width * 4:
        if behind.hot:  # no literals, and where the table is in RAM nothing else
            alone = not traffic.table and traffic.channels <= held - SPARE_BYTES
            return table + (1 if alone else traffic.passes) * traffic.channels / reads.width * reads.wait_states
        constants = traffic.channels + round(4 * traffic.beside.tile_words)
        return table + _read(behind, constants, reads.width, traffic.passes)
    words = traffic.tiles * traffic.beside.tile_words + traffic.outputs * traffic.beside.output_words
    return table + words * _waits(behind, reads)


def _loops(reads: Reads, traffic: Traffic) -> float:
    held = _cache_bytes(reads, code=True)
    if held >= LOOPS_BYTES:
        return 0.0
    if held >= INNER_BYTES:
        return traffic.passes * SPILT_BYTES / reads.width * reads.wait_states
    beside = traffic.tiles * traffic.beside.tile_jumps + traffic.outputs * traffic.beside.output_jumps
    return (traffic.jumps + beside) * reads.wait_states


def _straight(reads: Reads, traffic: Traffic) -> float:
    """Nothing of it is in a cache when it is run again."""
    lines = traffic.code / reads.width
    if not reads.prefetch:
        return lines * reads.wait_states
    return max(0.0, lines * (reads.wait_states + 1) - traffic.code_cycles)
