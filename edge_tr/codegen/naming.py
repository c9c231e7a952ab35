"""What a generated model is called in C: the prefix of all that it shows to the linker and the preprocessor.

Symbols `tr_*` and headers `tr_*.h` are the runtime's, which all models of a program share. Whatever else a model shows
begins with its name, so that several link into one program.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from edge_tr.errors import UsageError
from edge_tr.files.reading import brief
from edge_tr.kernels.call import DotCall

RUNTIME = "tr_"
LONGEST = 40
_TAKEN = {
    "arduino", "app", "assert", "complex", "ctype", "errno", "exception", "fcntl", "fenv", "float", "identity",
    "inttypes", "iso646", "limits", "locale", "main", "malloc", "math", "memory", "model", "new", "pthread",
    "sched", "semaphore", "setjmp", "signal", "stdalign", "stdarg", "stdatomic", "stdbool", "stddef", "stdint",
    "stdio", "stdlib", "stdnoreturn", "string", "strings", "tgmath", "threads", "time", "uchar", "unistd",
    "version", "wchar", "wctype",
}  # fmt: skip
"""Names of headers of C, POSIX, C++ and toolchains: `#include <NAME.h>` must not find a model's."""


@dataclass(frozen=True)
class Naming:
    """The prefix `prefix` of a model's functions; the other names follow from it."""

    prefix: str

    @property
    def macros(self) -> str:
        """The prefix of macros, without its underscore."""
        return self.prefix.upper()

    @property
    def is_default(self) -> bool:
        return self == DEFAULT

    @property
    def stem(self) -> str:
        """Of the header and the source file."""
        return "model" if self.is_default else self.prefix

    @property
    def identity(self) -> str:
        """The header that names the build."""
        return "identity.h" if self.is_default else f"{self.prefix}_identity.h"

    @property
    def identity_guard(self) -> str:
        return "TR_IDENTITY_H" if self.is_default else f"{self.macros}_IDENTITY_H"

    @property
    def code(self) -> str:
        """The prefix of generated functions of layers, and of their files."""
        return RUNTIME if self.is_default else f"{self.prefix}_"

    def instead_of(self, name: str) -> str:
        """A function or a macro that is called `name` by default."""
        is_macro = name.startswith(DEFAULT.macros)
        return f"{self.macros if is_macro else self.prefix}{name[len(DEFAULT.prefix) :]}"

    def file_of(self, layer: str) -> str:
        """The file of a layer's generated code, without its suffix."""
        return layer if self.is_default else f"{self.code}{layer}"

    def function(self, name: str) -> str:
        """A generated function, which kernels call `tr_*`, as this model calls it."""
        return self.code + name.removeprefix(RUNTIME)

    def call(self, call: DotCall) -> DotCall:
        """A layer's call, its generated functions by their names in this model."""
        if call.generated is None or self.is_default:
            return call
        functions = {self.function(name): function for name, function in call.generated.functions.items()}
        values = {
            member: self.function(value) if isinstance(value, str) and value in call.generated.functions else value
            for member, value in call.values.items()
        }
        return replace(call, generated=replace(call.generated, functions=functions), values=values)


DEFAULT = Naming("tr_model")


def named(name: str) -> Naming:
    """The naming that a user asks for; UsageError for what is no prefix of C names, or would be taken for another."""
    if name == DEFAULT.prefix:
        return DEFAULT
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or len(name) > LONGEST:
        raise UsageError(
            f"--name {brief(repr(name))}: names in C begin with it: use up to {LONGEST} letters, digits and _, "
            "with a letter first"
        )
    if name.lower() == RUNTIME.rstrip("_") or name.lower().startswith(RUNTIME):
        raise UsageError(
            f"--name {name}: names of the runtime begin with {RUNTIME}: choose another, for example my_{name}"
        )
    if name.lower() in _TAKEN:
        raise UsageError(f"--name {name}: {name}.h would be confused with another header: choose another name")
    return Naming(name)
