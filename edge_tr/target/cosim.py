"""The accelerator's RTL as a shared object: Verilator's model of it, driven through ctypes.

Built once for a state of the RTL (its digest names the file) in the user's cache folder.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from edge_tr.errors import ToolMissingError
from edge_tr.resources import folder
from edge_tr.target.cache import folder as cache_folder
from edge_tr.target.cache import made_once

_SPLIT = 20_000
"""About the size of a generated C++ file, so that several are compiled at once."""


def sources(rtl: Path) -> list[Path]:
    """The RTL in the order in which it is read."""
    return [rtl / name for name in (rtl / "files.txt").read_text().split()]


@dataclass(frozen=True)
class Design:
    """What Verilator makes a model of.

    top       its module
    texts     SystemVerilog by name of a file, in the order in which it is read
    harness   C++ that gives the model a C interface
    options   of Verilator, further ones
    defines   of the harness
    """

    top: str
    texts: Mapping[str, bytes]
    harness: Path
    options: tuple[str, ...] = ("-Wall",)
    defines: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Of all that the model follows from."""
        parts = (*self.texts.values(), self.harness.read_bytes(), repr((self.top, self.options, self.defines)).encode())
        return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def accelerator(rtl: Path | None = None) -> Design:
    """The accelerator with its buses."""
    rtl = rtl or folder("rtl")
    return Design(
        "tr_accelerator", {path.name: path.read_bytes() for path in sources(rtl)}, rtl / "sim" / "harness.cpp"
    )


def build(
    rtl: Path | None = None, cache: Path | None = None, progress: Callable[[int, int], None] = lambda done, total: None
) -> Path:
    """The accelerator as a shared object, see `model`."""
    return model(accelerator(rtl), cache, progress)


def model(
    design: Design, cache: Path | None = None, progress: Callable[[int, int], None] = lambda done, total: None
) -> Path:
    """The shared object; ToolMissingError if Verilator or the C++ compiler is missing or fails. `progress`: of how many
    files how many are compiled, if it is not there yet."""
    target = (cache or cache_folder()) / f"{design.top}-{design.digest}.so"
    if target.is_file():
        return target
    verilator, compiler = shutil.which("verilator"), shutil.which("g++")
    if verilator is None or compiler is None:
        raise ToolMissingError("the co-simulation needs verilator and g++: apt install verilator g++")
    progress(0, 1)
    made_once(target, lambda: _compile(verilator, compiler, design, target, progress))
    progress(1, 1)
    return target


def _compile(verilator: str, compiler: str, design: Design, target: Path, progress: Callable[[int, int], None]) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        work, top = Path(scratch), design.top
        given = Path(scratch, "given")
        given.mkdir()
        for name, text in design.texts.items():
            (given / name).write_bytes(text)
        _run([verilator, "--cc", *design.options, "-O3", "--noassert", "--x-assign", "fast", "--x-initial", "fast",
              "--output-split", str(_SPLIT), "--top-module", top, "--Mdir", str(work),
              *(str(given / name) for name in design.texts)])  # fmt: skip
        include = _run([verilator, "--getenv", "VERILATOR_ROOT"]).strip() + "/include"
        made = sorted(work.glob(f"V{top}*.cpp"), key=lambda path: -path.stat().st_size)
        made += [Path(include, f"{name}.cpp") for name in ("verilated", "verilated_threads")]
        options = ["-fPIC", "-std=c++17", f"-I{include}", f"-I{include}/vltstd", f"-I{work}", "-pthread"]
        options += [f"-D{define}" for define in design.defines]
        files = (*made, design.harness)
        objects = [work / f"{path.stem}.o" for path in files]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            commands = [
                [compiler, "-c", _optimisation(path), *options, "-o", str(output), str(path)]
                for output, path in zip(objects, files)
            ]
            for done, _ in enumerate(pool.map(_run, commands), 1):
                progress(done, len(commands) + 1)
        _run([compiler, "-shared", "-pthread", "-o", str(work / "out.so"), *map(str, objects)])
        os.replace(work / "out.so", target)


def _optimisation(source: Path) -> str:
    """Verilator names the files of what runs only once, when the model is made."""
    return "-O0" if "Slow" in source.name or "Syms" in source.name else "-O1"


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolMissingError(f"{Path(command[0]).name} failed on the accelerator:\n{done.stderr[-4000:]}")
    return done.stdout


@dataclass(frozen=True)
class Pace:
    """Of a DMA.

    latency   cycles from the start of a transfer to its first beat
    rest_in   of so many cycles the input stream rests in one; 0: in none
    rest_out  likewise the output stream
    """

    latency: int = 0
    rest_in: int = 0
    rest_out: int = 0


PACES = {"ideal": Pace(), "published": Pace(latency=10 + 28 + 6, rest_in=417, rest_out=4)}
"""The published pace is PG021's, "Performance" of AXI DMA 7.1: from a transfer's start to its first beat, the read of a
descriptor included, which direct register mode does not have; 99.76 % of the cycles to the stream, 74.64 % from it."""


class Core:
    """One accelerator in simulation: registers, streams and a clock that only moves when it is told to."""

    def __init__(self, library: Path | None = None) -> None:
        self._lib = ctypes.CDLL(str(library or build()))
        self._lib.accel_new.restype = ctypes.c_void_p
        self._lib.accel_receive.restype = ctypes.c_size_t
        for name in ("accel_run", "accel_cycles"):
            getattr(self._lib, name).restype = ctypes.c_uint64
        self._lib.accel_pending.restype = ctypes.c_size_t
        self._lib.accel_read.restype = ctypes.c_uint32
        self._self = ctypes.c_void_p(self._lib.accel_new())

    def close(self) -> None:
        """Free the model; it must not be used afterwards."""
        if self._self:
            self._lib.accel_delete(self._self)
            self._self = None

    def __enter__(self) -> Core:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, offset: int) -> int:
        """One AXI4-Lite read; uint32."""
        return int(self._lib.accel_read(self._self, ctypes.c_uint32(offset)))

    def write(self, offset: int, value: int) -> None:
        """One AXI4-Lite write."""
        self._lib.accel_write(self._self, ctypes.c_uint32(offset), ctypes.c_uint32(value))

    def send(self, beats: np.ndarray, last: bool = True) -> None:
        """Queue uint64 [n] for the input stream; `last` marks the final beat with TLAST."""
        beats = np.ascontiguousarray(beats, np.uint64)
        pointer = beats.ctypes.data_as(ctypes.c_void_p)
        self._lib.accel_send(self._self, pointer, ctypes.c_size_t(len(beats)), ctypes.c_int(last))

    def receive(self, most: int) -> tuple[np.ndarray, bool]:
        """Up to `most` beats that came out, uint64, and whether a packet ended with them."""
        beats, last = np.empty(most, np.uint64), ctypes.c_int(0)
        pointer = beats.ctypes.data_as(ctypes.c_void_p)
        count = self._lib.accel_receive(self._self, pointer, ctypes.c_size_t(most), ctypes.byref(last))
        return beats[:count], bool(last.value)

    def run(self, cycles: int) -> int:
        """Let the clock run until the interrupt or for `cycles`; cycles run."""
        return int(self._lib.accel_run(self._self, ctypes.c_uint64(cycles)))

    def pending(self) -> int:
        """Beats of the input stream that were not taken yet."""
        return int(self._lib.accel_pending(self._self))

    def drop(self) -> None:
        """Forget all stream data on its way, as a reset of the DMA does."""
        self._lib.accel_drop(self._self)

    def interrupt(self) -> bool:
        """The interrupt line."""
        return bool(self._lib.accel_interrupt(self._self))

    def pause(self, share_in: int, share_out: int, seed: int) -> None:
        """Stream ends pause in `share` of 256 cycles, at random."""
        self._lib.accel_pause(self._self, share_in, share_out, seed)

    def pace(self, pace: Pace) -> None:
        """Stream ends as fast as a DMA is."""
        self._lib.accel_pace(self._self, *map(ctypes.c_uint32, astuple(pace)))

    @property
    def cycles(self) -> int:
        """Clock cycles since the model began."""
        return int(self._lib.accel_cycles(self._self))
