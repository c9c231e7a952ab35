"""Programs this tool needs from outside, found or asked for."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from edge_tr.errors import ToolMissingError


def variable_of(name: str) -> str:
    """Environment variable that names the program instead: qemu-system-arm -> EDGE_TR_QEMU_SYSTEM_ARM."""
    return "EDGE_TR_" + re.sub(r"\W+", "_", name).upper()


def find_tool(name: str) -> str | None:
    """Path of a program that may be missing, or of the one that its variable names."""
    return _which(os.environ.get(variable_of(name)) or name)


def _which(name: str) -> str | None:
    """On the path, or among the programs of the environment that edge-tr runs in."""
    return shutil.which(name) or shutil.which(name, path=os.path.dirname(sys.executable))


def require_tool(name: str, package: str, env_var: str | None = None) -> str:
    """Path of a program; ToolMissingError with both remedies, its Debian package and the variable that points to it."""
    variable = env_var or variable_of(name)
    chosen = os.environ.get(variable)
    path = _which(chosen or name)
    if path:
        return path
    if chosen:
        raise ToolMissingError(f"{variable}={chosen} is not a program: correct it, or unset it to use {name}")
    raise ToolMissingError(f"{name} is not installed: run `apt-get install {package}`, or set {variable} to its path")


NODE_MODULES = "EDGE_TR_NODE_MODULES"


def node_folder() -> Path:
    """Where packages of npm are looked for, in its node_modules."""
    return Path(os.environ.get(NODE_MODULES) or Path(sys.prefix) / "lib" / "node")


def module_folder(name: str) -> Path:
    """Of a package of npm that may be missing."""
    return node_folder() / "node_modules" / name


def require_modules(names: Iterable[str]) -> Path:
    """The folder for `createRequire`; ToolMissingError with both remedies."""
    for name in names:
        if not module_folder(name).is_dir():
            raise ToolMissingError(
                f"the npm package {name} is not installed: run `npm install --prefix {node_folder()} {name}`, or set "
                f"{NODE_MODULES} to the folder whose node_modules has it"
            )
    return node_folder()
