"""Programs this tool needs from outside, found or asked for."""

from __future__ import annotations

import os
import re
import shutil

from edge_tr.errors import ToolMissingError


def variable_of(name: str) -> str:
    """Environment variable that names the program instead: qemu-system-arm -> EDGE_TR_QEMU_SYSTEM_ARM."""
    return "EDGE_TR_" + re.sub(r"\W+", "_", name).upper()


def find_tool(name: str) -> str | None:
    """Path of a program that may be missing, or of the one that its variable names."""
    return shutil.which(os.environ.get(variable_of(name)) or name)


def require_tool(name: str, package: str, env_var: str | None = None) -> str:
    """Path of a program; ToolMissingError with both remedies, its Debian package and the variable that points to it."""
    variable = env_var or variable_of(name)
    chosen = os.environ.get(variable)
    path = shutil.which(chosen or name)
    if path:
        return path
    if chosen:
        raise ToolMissingError(f"{variable}={chosen} is not a program: correct it, or unset it to use {name}")
    raise ToolMissingError(f"{name} is not installed: run `apt-get install {package}`, or set {variable} to its path")
