"""Everything that can go wrong, one class per who must act.

The CLI turns an `EdgeTrError` into one message on stderr and the class's exit
code; anything else that escapes is a bug of ours (exit code 1). Messages name
the cause first and then the remedy.
"""

from __future__ import annotations


class EdgeTrError(Exception):
    """Base of all errors that a user can act on."""

    exit_code = 1


class UsageError(EdgeTrError):
    """The command line, a board name, a budget or a data file is wrong."""

    exit_code = 2


class ModelError(EdgeTrError):
    """The model file is damaged, or uses what this tool does not support."""

    exit_code = 3


class DoesNotFitError(EdgeTrError):
    """The program is larger than the board's flash or RAM."""

    exit_code = 4


class ToolMissingError(EdgeTrError):
    """A compiler, an emulator or a Python package is not installed."""

    exit_code = 5


class DeviceError(EdgeTrError):
    """The port, the link to the device, or flashing failed."""

    exit_code = 6


class MismatchError(EdgeTrError):
    """The device answered, and its answers differ from the reference."""

    exit_code = 7
