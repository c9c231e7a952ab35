"""Boards whose FPGA holds the term accelerator: data, a folder with an `overlay.toml`.

The bitstream is the same for all models; a build is a program for it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from edge_tr import resources
from edge_tr.boards.tables import Command
from edge_tr.errors import UsageError
from edge_tr.files.reading import brief, is_file, read_json, read_toml
from edge_tr.files.typed import typed
from edge_tr.formats import image
from edge_tr.formats.accelerator import CONFIGURATIONS, Configuration

FILE = "overlay.toml"
BITFILE = "tr_accelerator.bit"
"""In the board's package, with its .hwh beside it."""
ACCELERATOR_VLNV = "edge-tr:user:tr_accelerator:1.0"
"""Vendor, library, name and version of the core as Vivado packages it; pynq binds our driver to it."""
DMA_VLNV = "xilinx.com:ip:axi_dma:7.1"
"""What pynq binds its AxiDMA to."""
PROCESSOR_VLNV = "xilinx.com:ip:processing_system7:5.5"
INSTANCES = {
    "accelerator": "tr_accelerator_0",
    "dma": "axi_dma_0",
    "interrupts": "axi_intc_0",
    "processor": "processing_system7_0",
}
"""Names in the block design; pynq makes them attributes of the overlay."""
RANGE = 1 << 16
"""Of a peripheral's addresses, bytes."""
DMA_SETTINGS = {
    "c_include_sg": 0, "c_micro_dma": 0, "c_sg_length_width": 26,
    "c_include_mm2s": 1, "c_include_mm2s_dre": 0, "c_m_axi_mm2s_data_width": 64, "c_m_axis_mm2s_tdata_width": 64,
    "c_include_s2mm": 1, "c_include_s2mm_dre": 0, "c_m_axi_s2mm_data_width": 64,
}  # fmt: skip
"""Of the AXI DMA: direct register mode, the accelerator's 64-bit streams both ways (PG021). A transfer has 2^26 - 1
bytes at most: lengths are as wide as the core has them, since nothing is split."""
RESOURCES = "resources.json"
"""Written by `make synth`: what the overlay takes of the chip, by the names of `OverlayBoard.chip`."""


@dataclass(frozen=True)
class Serial:
    """A chip without a processor: its bitstream is made by yosys and nextpnr-ecp5, and the host's driver talks to the
    accelerator through a serial port.

    usb          ids of the port's adapter, vendor and product
    top          module of `rtl/ecp5/TOP.sv`
    multiplier   over `divider`, of the oscillator to the accelerator's clock; `vco_divider` times that is the PLL's VCO
    constraints  .lpf in the board's folder
    device       options of nextpnr-ecp5 that name the chip
    flashers     by preference; {bit} in their arguments is the bitstream
    help         what a person does where none of them finds the board
    """

    baud: int
    usb: tuple[str, ...]
    top: str
    constraints: str
    device: tuple[str, ...]
    divider: int
    multiplier: int
    vco_divider: int
    flashers: tuple[Command, ...]
    help: str


@dataclass(frozen=True)
class OverlayBoard:
    """A validated overlay.toml.

    part           the chip, as its vendor calls it
    clock_mhz      of the accelerator
    chip           how much there is of each resource
    configuration  of the accelerator, a name of `formats.accelerator.CONFIGURATIONS`
    serial         None where a Zynq's own processor drives the accelerator; of those:
    port           TCP port of agent.py
    addresses  of `accelerator`, `dma` and `interrupts` (AXI INTC) on the processor's bus
    processor  properties of the block design's PS7 by Vivado's names: DDR, crystal, and what the boot image set up
    """

    name: str
    description: str
    part: str
    clock_mhz: int
    manuals: list[str]
    chip: dict[str, int]
    configuration: str = "full"
    serial: Serial | None = None
    port: int = 0
    addresses: dict[str, int] = field(default_factory=dict)
    processor: dict[str, str | int | float] = field(default_factory=dict)
    folder: Path = field(default=Path(), compare=False)

    @property
    def board_id(self) -> int:
        """What the link knows the board by."""
        return image.board_id(self.name)

    @property
    def accelerator(self) -> Configuration:
        """Sizes of its accelerator."""
        return CONFIGURATIONS[self.configuration]

    @property
    def clocks_per_bit(self) -> int:
        """Of the serial line."""
        return round(self.clock_mhz * 1_000_000 / self.serial.baud)

    def resources(self) -> dict[str, int]:
        """What the overlay takes, an estimate of yosys; empty if `make synth` has not written it."""
        path = self.folder / RESOURCES
        return read_json(path) if path.is_file() else {}


def names() -> tuple[str, ...]:
    """All that ship with edge-tr, sorted."""
    return tuple(sorted(path.parent.name for path in resources.folder("boards").glob(f"*/{FILE}")))


def is_overlay(target: str) -> bool:
    """Whether `target` is a name of one, or a folder that describes one."""
    return target in names() or is_file(Path(target) / FILE)


def ships(board: OverlayBoard) -> bool:
    """Whether it is one of edge-tr's own."""
    return board.folder.parent == resources.folder("boards").resolve()


def load(target: str) -> OverlayBoard:
    """The board of that name, or in the folder of that path; UsageError with what is wrong."""
    folder = resources.folder("boards") / target if target in names() else Path(target)
    return _load(folder.resolve())


@functools.cache
def _load(folder: Path) -> OverlayBoard:
    path = folder / FILE
    try:
        values = read_toml(path)
        wrong = _wrong(values)
        if "serial" in values and not wrong:
            values["serial"] = typed(Serial, values["serial"])
        board = None if wrong else OverlayBoard(**values)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path}: {brief(str(error))}") from error
    wrong += [f"name is not the folder's, {folder.name}"] if board and board.name != folder.name else []
    if wrong or board is None:
        raise UsageError(f"{path}: {', '.join(wrong)}")
    return replace(board, folder=folder)


_KINDS = {
    "name": str, "description": str, "part": str, "clock_mhz": int, "manuals": list, "chip": dict,
}  # fmt: skip
_ZYNQ_KINDS = {"port": int, "processor": dict, "addresses": dict}


def _wrong(values: Mapping[str, Any]) -> list[str]:
    """What is missing or of the wrong kind."""
    kinds = _KINDS | ({} if "serial" in values else _ZYNQ_KINDS)
    known = {item.name for item in fields(OverlayBoard)}
    wrong = [f"{key} is missing" for key in kinds if key not in values]
    wrong += [f"{brief(repr(key))} is unknown" for key in values if key not in known]
    if wrong:
        return wrong
    wrong = [f"{key} is {brief(repr(values[key]))}" for key, kind in kinds.items() if type(values[key]) is not kind]
    if not wrong and "serial" not in values:
        names = ("accelerator", "dma", "interrupts")
        wrong += [f"addresses.{key} is missing" for key in names if key not in values["addresses"]]
    chosen = values.get("configuration", "full")
    wrong += [] if chosen in CONFIGURATIONS else [f"configuration is {brief(repr(chosen))}"]
    return wrong
