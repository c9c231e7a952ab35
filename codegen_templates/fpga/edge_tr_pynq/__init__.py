"""One model on edge-tr's term accelerator.

from edge_tr_pynq import TermOverlay
overlay = TermOverlay()
overlay.predict(x)
"""

from edge_tr_pynq.errors import DeviceError, UsageError
from edge_tr_pynq.overlay import TermOverlay
from edge_tr_pynq.program import Program, read_program

__all__ = ["DeviceError", "Program", "TermOverlay", "UsageError", "read_program"]
