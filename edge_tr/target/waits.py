"""What a core waits for behind flash: `Recorder` keeps the stream of blocks and reads of an emulated core, and `Waits`
plays it through prefetch and caches (`boards.tables.Reads`).

The model is in waits.c, which this computer's compiler makes a shared object of, once for a state of the file, in the
user's cache folder. It takes one access at a time: flash gives `width` bytes and takes `wait_states` cycles longer than
RAM; code is read from the line that was read last, from a line ahead of it (prefetch), from a cache or from flash. A
line that is read ahead is waited for like any other, and by constants too. What was read goes into the cache.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_tr.boards import Cache, Reads
from edge_tr.errors import EdgeTrError, ToolMissingError
from edge_tr.target.cache import folder, made_once
from edge_tr.target.tools import require_tool

IS_BLOCK = 1 << 63
"""Of an event: the rest is address << 16 | bytes of a block. Any other event is an address that is read."""
_ENOUGH, _ROOM = 1 << 20, 1 << 21  # events: played when there are enough; no block reads as much as there is room for
_SOURCE = Path(__file__).with_suffix(".c")


@functools.cache
def library() -> ctypes.CDLL:
    """waits.c, compiled; ToolMissingError without a compiler."""
    code = _SOURCE.read_bytes()
    target = folder() / f"waits-{hashlib.sha256(code).hexdigest()[:16]}.so"
    made_once(target, lambda: _compile(target))
    loaded = ctypes.CDLL(str(target))
    loaded.tr_waits_new.restype = ctypes.c_void_p
    return loaded


def _compile(target: Path) -> None:
    compiler = require_tool("gcc", "gcc")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch) / target.name
        command = [compiler, "-std=c11", "-O2", "-shared", "-fPIC", "-o", str(made), str(_SOURCE)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise ToolMissingError(f"{compiler} does not compile {_SOURCE.name}: {done.stderr.strip()}")
        made.replace(target)


class _Recorder(ctypes.Structure):
    """struct recorder."""

    _fields_ = (
        ("events", ctypes.c_void_p),
        ("count", ctypes.c_uint64),
        ("enough", ctypes.c_uint64),
        ("room", ctypes.c_uint64),
        ("lost", ctypes.c_uint64),
        ("full", ctypes.c_void_p),
    )


class Recorder:
    """Events in order, given to `play` in pieces. A block's successor tells whether it was left by a branch, so the
    last one of a piece begins the next piece.

    play  called with uint64 [n] events that begin with a block, bool [blocks] whether each block was left by a branch
    """

    def __init__(self, play: Callable[[np.ndarray, np.ndarray], None]) -> None:
        self._play = play
        self._events = np.empty(_ROOM, np.uint64)
        self._failure: Exception | None = None
        self._full = ctypes.CFUNCTYPE(None)(self._make_room)
        full = ctypes.cast(self._full, ctypes.c_void_p)
        self.state = _Recorder(self._events.ctypes.data, 0, _ENOUGH, _ROOM, 0, full)

    def clear(self) -> None:
        """Forget what was recorded."""
        self.state.count = 0

    def finish(self, stop: int) -> None:
        """Play the rest; what came last returned to `stop`. Raises what `play` raised on the way."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        if self.state.lost:
            raise EdgeTrError(f"a block of code reads more than {_ROOM - _ENOUGH:,} addresses: please report it")
        if not self.state.count or int(self._events[self._last()]) != (IS_BLOCK | stop << 16):
            self._events[self.state.count] = IS_BLOCK | stop << 16
            self.state.count += 1
        self._condense()
        self.clear()

    def _make_room(self) -> None:
        """Called from C, which no exception gets through."""
        try:
            self._condense()
        except Exception as failure:
            self._failure = failure
            self.clear()

    def _last(self) -> int:
        """Where the last block is."""
        return int(np.flatnonzero(self._events[: self.state.count] >= IS_BLOCK)[-1])

    def _condense(self) -> None:
        last, count = self._last(), int(self.state.count)
        events = self._events[:last]
        at = np.flatnonzero(self._events[: last + 1] >= IS_BLOCK)
        blocks = self._events[at] & np.uint64(IS_BLOCK - 1)
        starts, sizes = blocks >> np.uint64(16), blocks & np.uint64(0xFFFF)
        self._play(events, starts[1:] != (starts + sizes)[:-1])
        rest = self._events[last:count].copy()
        self._events[: len(rest)] = rest
        self.state.count = len(rest)


@dataclass(frozen=True)
class Stalls:
    """Cycles that a core waited: for code, and for constants; `cycles` without waiting."""

    cycles: int
    code: int
    data: int


Step = tuple[int, int, int]
"""An instruction: its bytes, its cycles without waiting, and how many addresses it reads at most."""


class Waits:
    """Caches and prefetch of one board, which keep their state from piece to piece. `origin` and `size`: of flash, in
    bytes."""

    def __init__(self, reads: Reads, origin: int, size: int) -> None:
        facts = [origin, size, reads.width, reads.wait_states, reads.prefetch, reads.unified]
        facts += [*_facts(reads.code_cache), *_facts(reads.data_cache)]
        self._waits = ctypes.c_void_p(library().tr_waits_new((ctypes.c_uint64 * len(facts))(*map(int, facts))))
        if not self._waits:
            raise MemoryError
        self._is_instant = reads.wait_states == 0

    def __del__(self) -> None:
        if getattr(self, "_waits", None):
            library().tr_waits_free(self._waits)

    def play(self, events: np.ndarray, addresses: Sequence[int], steps: Sequence[Sequence[Step]]) -> None:
        """`events` uint64: reads, and IS_BLOCK | number of a block, which begins at `addresses` and has `steps`."""
        if self._is_instant:
            return
        starts = np.cumsum([0, *map(len, steps)]).astype(np.uint64)
        flat = np.array([step for block in steps for step in block], np.uint32).reshape(-1, 3)
        given = (np.ascontiguousarray(events, np.uint64), np.array(addresses, np.uint64), starts, flat)
        stream, *tables = (ctypes.c_void_p(array.ctypes.data) for array in given)
        library().tr_waits_play(self._waits, stream, ctypes.c_size_t(len(events)), *tables)

    def take(self) -> Stalls:
        """Since it was taken last."""
        taken = (ctypes.c_uint64 * 3)()
        library().tr_waits_take(self._waits, taken)
        return Stalls(*taken)


def _facts(cache: Cache | None) -> tuple[int, int, int]:
    return (0, 0, 0) if cache is None else (cache.lines, cache.ways, cache.line_bytes)
