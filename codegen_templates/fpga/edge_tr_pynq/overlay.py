"""The overlay: the same bitstream for every model; a program makes it compute one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pynq import Overlay

from edge_tr_pynq.driver import SECONDS, STREAM_CYCLES, Accelerator, Given
from edge_tr_pynq.errors import UsageError
from edge_tr_pynq.hardware import ACCELERATOR, BITFILE, DMA
from edge_tr_pynq.program import FOLDER, Program, read_program
from edge_tr_pynq.registers import TermAccelerator

__all__ = ["TermAccelerator", "TermOverlay"]


class TermOverlay(Overlay):
    """Loads the bitstream, and the package's own program into it.

    bitfile  another one than the package's tr_accelerator.bit; its .hwh must lie beside it
    program  another one than the package's
    seconds, stream_cycles  patience, see `Accelerator`
    """

    def __init__(
        self,
        bitfile: str | Path | None = None,
        program: Program | None = None,
        *,
        seconds: float = SECONDS,
        stream_cycles: int = STREAM_CYCLES,
        **overlay: object,
    ) -> None:
        path = Path(bitfile or FOLDER / BITFILE)
        if not path.is_file():
            raise UsageError(
                f"there is no {path.name}: run `make overlay` in the build's vivado/ folder where Vivado is installed, "
                f"and copy {path.stem}.bit and {path.stem}.hwh to {path.parent}"
            )
        program = program or read_program()
        self._clock_mhz = program.clock_hz / 1e6
        super().__init__(str(path), **overlay)
        self.accelerator = Accelerator(getattr(self, ACCELERATOR), getattr(self, DMA), seconds, stream_cycles)
        self.accelerator.load(program)

    def download(self, dtbo: str | None = None) -> None:
        """Load the bitstream. pynq 4.0.0 finds no clock rate in a Zynq-7000's hand-off: it is the program's."""
        for clock in self.clock_dict.values():
            if clock.get("enable") and clock.get("frequency", 0) is None:
                clock["frequency"] = self._clock_mhz
        super().download(dtbo)

    @property
    def level(self) -> int:
        """Which of the build's budgets is computed with; see `Accelerator.level`."""
        return self.accelerator.level

    @level.setter
    def level(self, level: int) -> None:
        self.accelerator.level = level

    def predict(self, x: Given | None = None, /, **named: np.ndarray) -> np.ndarray | dict[str, np.ndarray]:
        """Outputs of samples; see `Accelerator.predict`."""
        return self.accelerator.predict(x, **named)

    def reset_state(self) -> None:
        """Give the model's states their initial values."""
        self.accelerator.reset_state()
