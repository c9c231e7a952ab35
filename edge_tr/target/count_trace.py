"""Run a firmware's layers in Unicorn and record every block of instructions that it executes.

The program is entered at its functions: start-up, clocks and UART are skipped, so the very build of any board
runs here, whether or not an emulator knows the board.
"""

from __future__ import annotations

import bisect
import ctypes
import importlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edge_tr.errors import DeviceError, ToolMissingError, UsageError
from edge_tr.target import count_armv81m
from edge_tr.target.waits import IS_BLOCK, Recorder, Stalls, library

_PAGE = 0x1000


@dataclass(frozen=True)
class Layer:
    """One run of one layer: how often each (address, bytes, taken) was executed, the tensor it wrote, and what each
    listener made of it."""

    blocks: Mapping[tuple[int, int, bool], int]
    output: bytes
    stalls: tuple[Stalls, ...] = ()


class Listener(Protocol):
    """What hears every block and read of a run in order."""

    def play(self, events: np.ndarray, blocks: Sequence[tuple[int, int, bool]], read: Callable[[int, int], bytes]):
        """`events` uint64: addresses that are read, and IS_BLOCK | number in `blocks` (address, bytes, taken); `read`
        gives bytes of code."""

    def take(self) -> Stalls:
        """Since the last layer."""


@dataclass(frozen=True)
class Trace:
    """`code` holds the bytes of every block by (address, bytes), `owners` the function that it is of."""

    isa: str  # "arm" or "riscv"
    layers: tuple[Layer, ...]
    code: Mapping[tuple[int, int], bytes]
    owners: Mapping[tuple[int, int], str]


def trace(
    elf: Path, inputs: Sequence[bytes], layers: int, model: str = "tr_model", listeners: Sequence[Listener] = ()
) -> Trace:
    """Run all layers of a firmware on the bytes of each input, after a reset of its states; `model`: the prefix of its
    functions. DeviceError where the program faults."""
    machine = Machine(elf, listeners)
    if f"{model}_reset" in machine.symbols:
        machine.call(f"{model}_reset")
    for number, data in enumerate(inputs):
        alone = len(inputs) == 1
        machine.write(machine.call(f"{model}_input") if alone else _place_of(machine, model, number), data)
    traced = tuple(_run_layer(machine, model, layer) for layer in range(layers))
    return _traced(machine, traced)


def _place_of(machine: Machine, model: str, number: int) -> int:
    """Where one of several inputs lies: the first member of its struct tr_tensor."""
    return int.from_bytes(machine.read(machine.call(f"{model}_input_tensor", number), 4), "little")


def trace_function(elf: Path, function: str, argument: int | str = 0, listeners: Sequence[Listener] = ()) -> Trace:
    """Run one function, as the only "layer"; `argument` may be the name of a symbol."""
    machine = Machine(elf, listeners)
    value = machine.symbols[argument] if isinstance(argument, str) else argument
    blocks = machine.record(function, value)
    return _traced(machine, (Layer(blocks, b"", tuple(listener.take() for listener in listeners)),))


def _traced(machine: Machine, layers: tuple[Layer, ...]) -> Trace:
    """The layers with the code that they executed."""
    blocks = {(address, size) for layer in layers for address, size, _ in layer.blocks}
    code = {block: machine.read(*block) for block in blocks}
    return Trace(machine.isa, layers, code, {block: machine.owner(block[0]) for block in blocks})


def _run_layer(machine: Machine, model: str, layer: int) -> Layer:
    blocks = machine.record(f"{model}_run_layer", layer)
    size = machine.call(f"{model}_layer_bytes", layer)
    stalls = tuple(listener.take() for listener in machine.listeners)
    return Layer(blocks, machine.read(machine.call(f"{model}_layer_output", layer), size), stalls)


def require(package: str) -> Any:
    """An optional Python package; ToolMissingError with the remedy."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ToolMissingError(
            f"the Python package {error.name or package} is missing: pip install 'edge-tr[bench]'"
        ) from error


class Machine:
    """A core with a program in its memory; `listeners` hear what `record` runs."""

    def __init__(self, elf: Path, listeners: Sequence[Listener] = ()) -> None:
        self.listeners = tuple(listeners)
        self._unicorn = require("unicorn")
        file = require("elftools.elf.elffile").ELFFile(elf.open("rb"))
        table = file.get_section_by_name(".symtab")
        symbols = list(table.iter_symbols()) if table else []
        self.symbols = {symbol.name: symbol["st_value"] for symbol in symbols}
        self.isa = {"EM_ARM": "arm", "EM_RISCV": "riscv"}.get(file["e_machine"], "")
        self._functions = sorted((s["st_value"], s.name) for s in symbols if s["st_info"]["type"] == "STT_FUNC")
        if not self.isa or file.elfclass != 32:
            raise UsageError(f"{elf} is not a program for Cortex-M or RV32; edge-tr counts only their instructions")
        self._engine, self._registers = self._start()
        segments = [segment for segment in file.iter_segments() if segment["p_type"] == "PT_LOAD"]
        self._stop = self._map(segments)
        self._blocks: Counter[tuple[int, int, bool]] = Counter()
        self._recorder = Recorder(self._play)
        self._hooks = [self._hook(self._unicorn.UC_HOOK_BLOCK, "tr_block")]
        if self.listeners:
            self._hooks.append(self._hook(self._unicorn.UC_HOOK_MEM_READ, "tr_read"))

    def _start(self) -> tuple[Any, dict[str, int]]:
        unicorn = self._unicorn
        if self.isa == "arm":
            arm = require("unicorn.arm_const")
            engine = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
            engine.ctl_set_cpu_model(arm.UC_CPU_ARM_CORTEX_M4)  # the others have less, but for loops
            names = {"argument": "R0", "stack": "SP", "return": "LR", "pc": "PC"}
            numbers = {name: getattr(arm, f"UC_ARM_REG_{name}") for name in count_armv81m.REGISTERS}
            engine.hook_add(unicorn.UC_HOOK_INSN_INVALID, lambda at, _: count_armv81m.execute(at, numbers))
            return engine, {use: numbers[name] for use, name in names.items()}
        riscv = require("unicorn.riscv_const")
        names = {"argument": "A0", "stack": "SP", "return": "RA", "global": "GP", "pc": "PC"}
        engine = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
        return engine, {use: getattr(riscv, f"UC_RISCV_REG_{name}") for use, name in names.items()}

    def _map(self, segments: list[Any]) -> int:
        """Memory for the segments and what they are copied from, filled as start-up would; an address behind them,
        where calls return to."""
        pages: set[int] = set()
        for segment in segments:
            for start, size in (("p_vaddr", "p_memsz"), ("p_paddr", "p_filesz")):
                pages.update(range(segment[start] // _PAGE, -(-(segment[start] + segment[size]) // _PAGE)))
        stop = max(pages) + 2
        for page in (*sorted(pages), stop):
            self._engine.mem_map(page * _PAGE, _PAGE)
        for segment in segments:
            for start in {segment["p_vaddr"], segment["p_paddr"]}:
                self._engine.mem_write(start, segment.data())
        return stop * _PAGE

    def _hook(self, kind: int, function: str) -> Any:
        """Have Unicorn call a function of waits.c. Callbacks in Python are a hundred times as slow."""
        uclib = require("unicorn.unicorn_py3.unicorn").uclib
        handle, everywhere = ctypes.c_size_t(), (ctypes.c_uint64(1), ctypes.c_uint64(0))
        callback = ctypes.cast(getattr(library(), function), ctypes.c_void_p)
        to = ctypes.byref(self._recorder.state)
        status = uclib.uc_hook_add(self._engine._uch, ctypes.byref(handle), kind, callback, to, *everywhere)
        if status != self._unicorn.UC_ERR_OK:
            raise self._unicorn.UcError(status)
        return handle

    def _play(self, events: np.ndarray, taken: np.ndarray) -> None:
        """Count blocks, and tell the listeners."""
        is_block = events >= IS_BLOCK
        keys = (events[is_block] & np.uint64(IS_BLOCK - 1)) << np.uint64(1) | taken.astype(np.uint64)
        found, number, times = np.unique(keys, return_inverse=True, return_counts=True)
        blocks = [(int(key >> 17), int(key >> 1 & 0xFFFF), bool(key & 1)) for key in found.tolist()]
        self._blocks.update(dict(zip(blocks, times.tolist())))
        if self.listeners:
            numbered = events.copy()
            numbered[is_block] = number.astype(np.uint64) | np.uint64(IS_BLOCK)
            for listener in self.listeners:
                listener.play(numbered, blocks, self.read)

    def map(self, address: int, size: int) -> None:
        """Memory where the program has none."""
        first = address // _PAGE
        self._engine.mem_map(first * _PAGE, (-(-(address + size) // _PAGE) - first) * _PAGE)

    def write(self, address: int, data: bytes) -> None:
        self._engine.mem_write(address, data)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self._engine.mem_read(address, size))

    def owner(self, address: int) -> str:
        """The function that begins at an address or closest below it; "" without one."""
        place = bisect.bisect_right(self._functions, (address + 1, chr(0x10FFFF)))  # Thumb's are odd
        return self._functions[place - 1][1] if place else ""

    def call(self, function: str, argument: int = 0) -> int:
        """Run a function to its return; its result."""
        if function not in self.symbols:
            raise UsageError(f"the program has no function {function}: build again")
        engine, registers = self._engine, self._registers
        start, stop = self.symbols[function], self._stop
        thumb = 1 if self.isa == "arm" else 0
        engine.reg_write(registers["stack"], self.symbols["tr_stack_top"])
        engine.reg_write(registers["return"], stop | thumb)
        engine.reg_write(registers["argument"], argument)
        if "global" in registers:
            engine.reg_write(registers["global"], self.symbols["__global_pointer$"])
        self._recorder.clear()
        self._blocks.clear()
        try:
            engine.emu_start(start | thumb, stop)
        except self._unicorn.UcError as error:
            where = engine.reg_read(registers["pc"])
            raise DeviceError(f"{function}({argument}) stopped at {where:#x}: {error}") from error
        return int(engine.reg_read(registers["argument"]))

    def record(self, function: str, argument: int = 0) -> dict[tuple[int, int, bool], int]:
        """Run a function; how often each block (address, bytes, taken) was executed."""
        self.call(function, argument)
        self._recorder.finish(self._stop)
        return dict(self._blocks)
