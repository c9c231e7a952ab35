"""Many generated models in one program: each model's C with a prefix before every name of its own, one behind the
other in one translation unit, so that a compiler and a linker start once for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_tr.codegen import mcu
from edge_tr.lower.program import Program
from tests.firmware import harness_build, harness_cores
from tests.firmware.harness_build import FIRMWARE

INCLUDES = (FIRMWARE / "include", FIRMWARE / "app")
TEXTS = (mcu.identity_of(), "model/model.h", "model/model.c")
HARNESS = (harness_build.HERE / "harness_model.c").read_text(encoding="utf-8")
_OWN_INCLUDE = re.compile(r'^#include "(?:identity|model)\.h"\n', re.MULTILINE)
_MACRO = re.compile(r"^#define (\w+)", re.MULTILINE)
_AT_FILE_SCOPE = re.compile(r"^(?!typedef)[A-Za-z_][\w \t*]*?[ *](\w+)(?:\[[^;={]*\])*[ ]*(?:\(|=|;)", re.MULTILINE)


@dataclass(frozen=True)
class Sources:
    """A model's generated files: `identity` and `c`, one behind the other, and the rest (assembly) by name."""

    identity: str  # names the build, and so hangs on every file of the runtime
    c: str
    others: Mapping[str, str]


def sources(program: Program) -> Sources:
    """The files that `edge_tr.codegen` generates for a program, without those of the runtime."""
    tree = {path: data.decode() for path, data in mcu.source_tree(program, "host", "test.tflite").items()}
    made = {path: text for path, text in tree.items() if path.startswith("model/") and path not in TEXTS}
    c = [*(tree[path] for path in TEXTS[1:]), *(text for path, text in made.items() if path.endswith(".c"))]
    others = {Path(path).name: text for path, text in made.items() if not path.endswith(".c")}
    return Sources(tree[mcu.identity_of()], _OWN_INCLUDE.sub("", "\n".join(c)), others)


def _names(c: str) -> set[str]:
    """Of the macros, functions and objects that a text defines or declares at file scope."""
    plain = re.sub(r"_Alignas\([^)]*\) ", "", c)
    return {*_MACRO.findall(plain), *_AT_FILE_SCOPE.findall(plain)}


def _prefixed(text: str, names: set[str], prefix: str) -> str:
    """Members of structs (.name, ->name) keep theirs."""
    own = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    return re.sub(rf"(?<![\w.>])(?:{own})\b", lambda found: prefix + found[0], text)


def prefix_of(number: int) -> str:
    """Before the names of one of a program's models."""
    return f"m{number}_"


def _write(made: Sequence[Sources], folder: Path, harness: str = "") -> list[Path]:
    """One C file, and each model's others."""
    parts, others = [], []
    for number, of in enumerate(made):
        c, prefix = of.identity + of.c + _OWN_INCLUDE.sub("", harness), prefix_of(number)
        names = _names(c)
        parts.append(_prefixed(c, names, prefix))
        for name, text in of.others.items():
            others.append(folder / f"{prefix}{name}")
            others[-1].write_text(_prefixed(text, names, prefix), encoding="utf-8")
    if harness:
        parts.append(_main(len(made)))
    folder.joinpath("models.c").write_text("\n".join(parts), encoding="utf-8")
    return [folder / "models.c", *others]


def _main(count: int) -> str:
    """Runs the harness of the model that the first argument numbers."""
    table = ", ".join(f"{prefix_of(number)}main" for number in range(count))
    return (
        f"int main(int argc, char **argv)\n{{\n    int (*const mains[])(int, char **) = {{{table}}};\n"
        "    return argc == 2 ? mains[atoi(argv[1])](1, argv) : EXIT_FAILURE;\n}\n"
    )


def compile_host(made: Sequence[Sources], runtime: Path, folder: Path) -> Path:
    """A sanitized program of this computer: model n as harness_model.c by the argument n."""
    return harness_build.compile_c(folder / "program", [*_write(made, folder, HARNESS), runtime], INCLUDES)


def link_core(target: harness_cores.Target, made: Sequence[Sources], runtime: Path, folder: Path) -> Path:
    """A program of an emulated core, to be entered at its functions: model n's have `prefix_of(n)`."""
    paths = _write(made, folder)
    return harness_cores.link(target, paths, INCLUDES, runtime, folder, f"{prefix_of(0)}tr_model_invoke")
