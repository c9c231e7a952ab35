"""A fake Zynq for the real pynq package: registers and memory of a board that is not there, around the simulated core.

What pynq and the driver do on a board happens here too: `Overlay` parses a .hwh and binds drivers, `allocate` gives
buffers, `AxiDMA` writes registers. The accelerator behind them is the Verilated RTL. The DMA is a model of AXI DMA in
direct register mode (Xilinx PG021); memory has a cache that must be flushed and invalidated, or data are stale.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edge_tr import resources
from edge_tr.errors import ToolMissingError
from edge_tr.formats.accelerator import REGISTER, STATUS
from edge_tr.overlays import (
    ACCELERATOR_VLNV,
    DMA_SETTINGS,
    DMA_VLNV,
    INSTANCES,
    PROCESSOR_VLNV,
    RANGE,
    OverlayBoard,
)

try:
    from pynq import ps
    from pynq.buffer import PynqBuffer
    from pynq.metadata.runtime_metadata_parser import RuntimeMetadataParser
    from pynq.pl_server.device import Device
    from pynqmetadata.frontends import Metadata
except ImportError as error:
    raise ToolMissingError(f"the co-simulation needs pynq ({error}): pip install 'edge-tr[pynq]'") from error

POLL_CYCLES = 1024  # that go by while software looks at the accelerator's status
STEP_CYCLES = 64  # after which it is seen to be done
ACCESS_CYCLES = 16  # and during any other access
MEMORY = 0x1000_0000  # where buffers are
PAGE = 4096
_RUN, _RESET = 1, 4  # DMACR
_SLCR = 0xF800_0000  # pynq sets the FPGA's clocks there (UG585); here, as in the AXI INTC, they are only remembered
_HALTED, _IDLE, _INTERNAL, _DECODE, _DONE = 1, 2, 0x10, 0x40, 0x1000  # DMASR


class SimulatedCore(Protocol):
    """What `cosim.Core` does, as far as it is used here."""

    def read(self, offset: int) -> int: ...
    def write(self, offset: int, value: int) -> None: ...
    def send(self, beats: np.ndarray) -> None: ...
    def receive(self, most: int) -> tuple[np.ndarray, bool]: ...
    def run(self, cycles: int) -> int: ...
    def drop(self) -> None: ...
    def pending(self) -> int: ...


class _Memory:
    """Buffers by physical address: what the processor sees through its cache, and what lies in DDR."""

    def __init__(self) -> None:
        self.ddr: dict[int, np.ndarray] = {}
        self._next = MEMORY

    def new(self, nbytes: int) -> int:
        """A page-aligned address."""
        address, pages = self._next, -(-nbytes // PAGE)
        self.ddr[address] = np.full(max(nbytes, 1), 0xA5, np.uint8)  # never what software expects by chance
        self._next += (pages + 1) * PAGE
        return address

    def at(self, address: int, nbytes: int) -> np.ndarray | None:
        """The bytes there; None if that is not inside one buffer."""
        for start, data in self.ddr.items():
            if start <= address and address + nbytes <= start + len(data):
                return data[address - start : address - start + nbytes]
        return None


class _Channel:
    """Registers of one direction of the DMA."""

    def __init__(self) -> None:
        self.control, self.status, self.address, self.length = 0, _HALTED, 0, 0

    def write(self, offset: int, value: int) -> bool:
        """One register; whether a transfer begins."""
        if offset == 0x00:
            self.control = value
            running, was_halted = value & _RUN, self.status & _HALTED
            self.status = (self.status & ~_HALTED | (_IDLE if was_halted else 0)) if running else self.status | _HALTED
        elif offset == 0x04:
            self.status &= ~(value & _DONE)
        elif offset == 0x18:
            self.address = value
        elif offset == 0x28 and value and not self.status & _HALTED:
            self.length = value % (1 << DMA_SETTINGS["c_sg_length_width"])  # the register has no more bits
            self.status &= ~_IDLE
            return True
        return False

    def read(self, offset: int) -> int:
        return {0x00: self.control, 0x04: self.status, 0x18: self.address, 0x28: self.length}.get(offset, 0)

    @property
    def busy(self) -> bool:
        return not self.status & (_HALTED | _IDLE)

    def fail(self, bit: int) -> None:
        """An error halts the channel."""
        self.status |= bit | _HALTED

    def done(self) -> None:
        self.status |= _IDLE | _DONE


class _Dma:
    """AXI DMA, direct register mode, 64-bit streams."""

    def __init__(self, core: SimulatedCore, memory: _Memory) -> None:
        self._core, self._memory = core, memory
        self._reset()

    def _reset(self) -> None:
        self.sending, self.receiving = _Channel(), _Channel()
        self._packet: list[np.ndarray] = []
        self._core.drop()

    def read(self, offset: int) -> int:
        channel, register = (self.receiving, offset - 0x30) if offset >= 0x30 else (self.sending, offset)
        return channel.read(register)

    def write(self, offset: int, value: int) -> None:
        channel, register = (self.receiving, offset - 0x30) if offset >= 0x30 else (self.sending, offset)
        if register == 0 and value & _RESET:
            self._reset()
        elif channel.write(register, value):
            self._begin(channel)

    def _begin(self, channel: _Channel) -> None:
        data = self._memory.at(channel.address, channel.length)
        if data is None:
            channel.fail(_DECODE)
        elif channel is self.sending:
            padded = np.concatenate([data, np.zeros(-len(data) % 8, np.uint8)])
            self._core.send(padded.view(np.uint64))

    def move(self) -> None:
        """What the streams have done meanwhile."""
        if self.sending.busy and not self._core.pending():
            self.sending.done()
        while self.receiving.busy:
            beats, last = self._core.receive(1 << 16)
            self._packet.append(beats.view(np.uint8))
            if last:
                self._store(np.concatenate(self._packet))
                self._packet = []
            elif not len(beats):
                break

    def _store(self, packet: np.ndarray) -> None:
        if len(packet) > self.receiving.length:
            self.receiving.fail(_INTERNAL)
            return
        self._memory.at(self.receiving.address, len(packet))[:] = packet
        self.receiving.length = len(packet)
        self.receiving.done()


class VirtualZynq(Device):
    """The fake board; `pynq.Overlay(..., device=VirtualZynq(board, core))`."""

    _probe_priority_ = 1000

    @classmethod
    def _probe_(cls) -> list[Device]:
        """None is found by itself: it must be asked for."""
        return []

    def __init__(self, board: OverlayBoard, core: SimulatedCore) -> None:
        super().__init__("virtual-zynq")
        self.capabilities = {"REGISTER_RW": True}
        self.arch = "armv7l"
        self._remembered = {_SLCR + offset: 20 << 12 for offset in (0x100, 0x104, 0x108)}  # 50 MHz times 20
        self.core, self.memory = core, _Memory()
        self.dma = _Dma(core, self.memory)
        self.downloads = 0
        Device.active_device = self
        if not hasattr(ps.Clocks, "set_device"):  # pynq 3.0.1: clocks are those of the computer that it runs on
            ps.Clocks._real_instance = ps._ClocksZynq()
        self._accelerator, self._dma_base = (board.addresses[name] for name in ("accelerator", "dma"))
        self._plain = (_SLCR, board.addresses["interrupts"])

    # --- what pynq.Overlay asks ---

    def get_bitfile_metadata(self, bitfile_name: str, partial: bool = False) -> RuntimeMetadataParser:
        """The .hwh beside the bitstream, parsed by pynq."""
        return RuntimeMetadataParser(Metadata(input=str(Path(bitfile_name).with_suffix(".hwh"))))

    def download(self, bitstream: Any, parser: Any = None) -> None:
        """Nothing is loaded: there is no FPGA."""
        self.downloads += 1

    # --- memory ---

    def allocate(self, shape: Any, dtype: Any, cacheable: bool = True, **kwargs: Any) -> PynqBuffer:
        """A buffer of page-aligned fake physical address; the cache starts with zeros."""
        buffer = PynqBuffer(shape, dtype, device=self, device_address=0, coherent=False)
        buffer[...] = 0
        address = self.memory.new(buffer.nbytes)
        buffer.device_address = buffer.bo = buffer.pointer = address
        buffer.memory = buffer.return_to = self
        buffer.freed = True  # freed twice, pynq would unmap memory that numpy owns
        return buffer

    def return_pointer(self, pointer: int) -> None:
        """A buffer is freed; twice is an error."""
        del self.memory.ddr[pointer]

    @property
    def allocated(self) -> int:
        """Buffers that were not freed."""
        return len(self.memory.ddr)

    def flush(self, bo: int, offset: int, vaddr: int, nbytes: int) -> None:
        """Cache to DDR."""
        self.memory.at(bo + offset, nbytes)[:] = _bytes_at(vaddr, nbytes)

    def invalidate(self, bo: int, offset: int, vaddr: int, nbytes: int) -> None:
        """DDR to cache."""
        _bytes_at(vaddr, nbytes)[:] = self.memory.at(bo + offset, nbytes)

    # --- registers ---

    def read_registers(self, address: int, length: int) -> bytes:
        """AXI4-Lite reads of `length` bytes; time goes by."""
        return b"".join(self._read(address + i).to_bytes(4, "little") for i in range(0, length, 4))

    def write_registers(self, address: int, data: Any) -> None:
        """AXI4-Lite writes."""
        for i, word in enumerate(np.frombuffer(bytes(data), "<u4").tolist()):
            self._write(address + 4 * i, word)

    def _read(self, address: int) -> int:
        base, offset = address & ~(RANGE - 1), address & (RANGE - 1)
        if base == self._accelerator:
            return self._poll() if offset == REGISTER.STATUS else self._after(ACCESS_CYCLES, offset)
        if base == self._dma_base:
            self._after(ACCESS_CYCLES, REGISTER.ID)
            return self.dma.read(offset)
        if base in self._plain:
            return self._remembered.get(address, 0)
        raise ValueError(f"bus error: nothing at {address:#x}")

    def _write(self, address: int, value: int) -> None:
        base, offset = address & ~(RANGE - 1), address & (RANGE - 1)
        if base == self._accelerator:
            self.core.write(offset, value)
        elif base == self._dma_base:
            self.dma.write(offset, value)
        elif base in self._plain:
            self._remembered[address] = value
        else:
            raise ValueError(f"bus error: nothing at {address:#x}")
        self.dma.move()

    def _after(self, cycles: int, offset: int) -> int:
        """A register of the accelerator once `cycles` have gone by."""
        self.core.run(cycles)
        self.dma.move()
        return self.core.read(offset)

    def _poll(self) -> int:
        """The status after POLL_CYCLES, or as soon as nothing runs."""
        for _ in range(POLL_CYCLES // STEP_CYCLES):
            status = self._after(STEP_CYCLES, REGISTER.STATUS)
            if not status & STATUS.BUSY:
                break
        return status


def _bytes_at(address: int, nbytes: int) -> np.ndarray:
    """The process's own memory, writable."""
    import ctypes

    return np.frombuffer((ctypes.c_uint8 * nbytes).from_address(address), np.uint8)


def overlay_files(folder: Path, board: OverlayBoard) -> Path:
    """Write simulated.bit, which is no bitstream and says so, and its .hwh into `folder`; the path of the former."""
    template = (resources.folder("boards") / "common" / "simulated.hwh").read_text(encoding="utf-8")
    facts = {f"{name}_base": f"0x{base:08X}" for name, base in board.addresses.items()}
    facts |= {f"{name}_end": f"0x{base + RANGE - 1:08X}" for name, base in board.addresses.items()}
    facts |= {"dma_vlnv": DMA_VLNV, "accelerator_vlnv": ACCELERATOR_VLNV, "processor_vlnv": PROCESSOR_VLNV}
    facts["dma_settings"] = "\n".join(
        f'        <PARAMETER NAME="{name}" VALUE="{value}"/>' for name, value in DMA_SETTINGS.items()
    )
    text = template.format(part=board.part, **INSTANCES, **facts)
    (folder / "simulated.hwh").write_text(text, encoding="utf-8")
    path = folder / "simulated.bit"
    path.write_text("This is no bitstream: edge-tr's co-simulation has no FPGA to load one into.\n", encoding="utf-8")
    return path
