"""Run a firmware's layers in Unicorn and record every block of instructions that it executes.

The program is entered at its functions: start-up, clocks and UART are skipped, so the very build of any board
runs here, whether or not an emulator knows the board.
"""

from __future__ import annotations

import bisect
import ctypes
import importlib
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_tr.errors import DeviceError, ToolMissingError, UsageError

_PAGE = 0x1000
_FLUSH = 1 << 20  # records between two condensations


@dataclass(frozen=True)
class Layer:
    """One run of one layer: how often each (address, bytes, taken) was executed, and the tensor it wrote."""

    blocks: Mapping[tuple[int, int, bool], int]
    output: bytes


@dataclass(frozen=True)
class Trace:
    """`code` holds the bytes of every block by (address, bytes), `owners` the function that it is of."""

    isa: str  # "arm" or "riscv"
    layers: tuple[Layer, ...]
    code: Mapping[tuple[int, int], bytes]
    owners: Mapping[tuple[int, int], str]


def trace(elf: Path, inputs: Sequence[bytes], layers: int) -> Trace:
    """Run all layers of a firmware on the bytes of each input, after a reset of its states; DeviceError where the
    program faults."""
    machine = Machine(elf)
    if "tr_model_reset" in machine.symbols:
        machine.call("tr_model_reset")
    for number, data in enumerate(inputs):
        machine.write(_place_of(machine, number) if len(inputs) > 1 else machine.call("tr_model_input"), data)
    traced = tuple(_run_layer(machine, layer) for layer in range(layers))
    return _traced(machine, traced)


def _place_of(machine: Machine, number: int) -> int:
    """Where one of several inputs lies: the first member of its struct tr_tensor."""
    return int.from_bytes(machine.read(machine.call("tr_model_input_tensor", number), 4), "little")


def trace_function(elf: Path, function: str, argument: int | str = 0) -> Trace:
    """Run one function, as the only "layer"; `argument` may be the name of a symbol."""
    machine = Machine(elf)
    value = machine.symbols[argument] if isinstance(argument, str) else argument
    return _traced(machine, (Layer(machine.record(function, value), b""),))


def _traced(machine: Machine, layers: tuple[Layer, ...]) -> Trace:
    """The layers with the code that they executed."""
    blocks = {(address, size) for layer in layers for address, size, _ in layer.blocks}
    code = {block: machine.read(*block) for block in blocks}
    return Trace(machine.isa, layers, code, {block: machine.owner(block[0]) for block in blocks})


def _run_layer(machine: Machine, layer: int) -> Layer:
    blocks = machine.record("tr_model_run_layer", layer)
    size = machine.call("tr_model_layer_bytes", layer)
    return Layer(blocks, machine.read(machine.call("tr_model_layer_output", layer), size))


def require(package: str) -> Any:
    """An optional Python package; ToolMissingError with the remedy."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ToolMissingError(
            f"the Python package {error.name or package} is missing: pip install 'edge-tr[bench]'"
        ) from error


class Machine:
    """A core with a program in its memory. `records`: `record` will be called, for which every call is slower."""

    def __init__(self, elf: Path, records: bool = True) -> None:
        self._unicorn = require("unicorn")
        file = require("elftools.elf.elffile").ELFFile(elf.open("rb"))
        table = file.get_section_by_name(".symtab")
        symbols = list(table.iter_symbols()) if table else []
        self.symbols = {symbol.name: symbol["st_value"] for symbol in symbols}
        self.isa = {"EM_ARM": "arm", "EM_RISCV": "riscv"}.get(file["e_machine"], "")
        self._functions = sorted((s["st_value"], s.name) for s in symbols if s["st_info"]["type"] == "STT_FUNC")
        if not self.isa or file.elfclass != 32:
            raise UsageError(f"{elf} is no program for Cortex-M or RV32: only those have instructions to count")
        self._engine, self._registers = self._start()
        segments = [segment for segment in file.iter_segments() if segment["p_type"] == "PT_LOAD"]
        self._stop = self._map(segments)
        self._seen: list[int] = []
        self._blocks: Counter[tuple[int, int]] = Counter()
        self._hook = self._add_hook() if records else None

    def _start(self) -> tuple[Any, dict[str, int]]:
        unicorn = self._unicorn
        if self.isa == "arm":
            arm = require("unicorn.arm_const")
            engine = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
            engine.ctl_set_cpu_model(arm.UC_CPU_ARM_CORTEX_M4)  # Armv6-M and Armv7-M are subsets
            names = {"argument": "R0", "stack": "SP", "return": "LR", "pc": "PC"}
            return engine, {use: getattr(arm, f"UC_ARM_REG_{name}") for use, name in names.items()}
        riscv = require("unicorn.riscv_const")
        names = {"argument": "A0", "stack": "SP", "return": "RA", "global": "GP", "pc": "PC"}
        engine = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
        return engine, {use: getattr(riscv, f"UC_RISCV_REG_{name}") for use, name in names.items()}

    def _map(self, segments: list[Any]) -> int:
        """Memory for the segments, filled as start-up would; an address behind them, where calls return to."""
        pages: set[int] = set()
        for segment in segments:
            first, end = segment["p_vaddr"] // _PAGE, -(-(segment["p_vaddr"] + segment["p_memsz"]) // _PAGE)
            pages.update(range(first, end))
        stop = max(pages) + 2
        for page in (*sorted(pages), stop):
            self._engine.mem_map(page * _PAGE, _PAGE)
        for segment in segments:
            self._engine.mem_write(segment["p_vaddr"], segment.data())
        return stop * _PAGE

    def _add_hook(self) -> Any:
        """Call `block` before every block. The binding's own hooks are three times as slow as this one."""
        library = require("unicorn.unicorn_py3.unicorn").uclib
        seen, append, condense = self._seen, self._seen.append, self._condense

        def block(_engine: int, address: int, size: int, _user: int) -> None:
            append(address << 16 | size)
            if len(seen) >= _FLUSH:
                condense()

        prototype = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p)
        callback, handle = prototype(block), ctypes.c_size_t()
        everywhere = ctypes.c_uint64(1), ctypes.c_uint64(0)
        hook = self._unicorn.UC_HOOK_BLOCK
        status = library.uc_hook_add(self._engine._uch, ctypes.byref(handle), hook, callback, None, *everywhere)
        if status != self._unicorn.UC_ERR_OK:
            raise self._unicorn.UcError(status)
        return callback

    def _condense(self) -> None:
        """Count pairs of neighbours; the last block waits for its successor."""
        seen = self._seen
        self._blocks.update(itertools.pairwise(seen))
        del seen[:-1]

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
        self._seen.clear()
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
        if self._seen[-1] >> 16 != self._stop:
            self._seen.append(self._stop << 16)
        self._condense()
        counts: Counter[tuple[int, int, bool]] = Counter()
        for (block, successor), times in self._blocks.items():
            address, size = block >> 16, block & 0xFFFF
            counts[address, size, successor >> 16 != address + size] += times
        return dict(counts)
