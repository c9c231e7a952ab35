"""A model as sources of a user's own program: every function takes a context that holds all that it changes.

Beside the plan for the build's core there is a portable one, of C alone; the preprocessor chooses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_tr.codegen import mcu
from edge_tr.codegen.calls import LayerCode, layers_of
from edge_tr.codegen.naming import Naming
from edge_tr.errors import UsageError
from edge_tr.lower.program import Program

PORTABLE = "c"
_GUARDS = {
    "armv6-m": "defined(TR_CODE_ARM)",  # the others run its code too
    "armv7-m": "defined(TR_CODE_ARMV7M)",
    "armv7e-m": "defined(TR_CODE_ARMV7M) && defined(__ARM_FEATURE_DSP)",
    "rv32": "defined(TR_CODE_RV32)",
}


def guard_of(isa: str) -> str:
    """What a compiler defines whose core runs the code of an instruction set (tr_isa.h)."""
    return _GUARDS[{"armv6-m-mul32": "armv6-m", "rv32e": "rv32"}.get(isa, isa)]


@dataclass(frozen=True)
class Exported:
    """A model to print: `program` for a core with `isa`, `portable` the plan of C for other cores, None where `isa` is
    that already. `budgets` as the build shows them, by level; `verifies`: before each inference."""

    naming: Naming
    model_name: str
    core: str
    isa: str
    program: Program
    portable: Program | None
    budgets: Sequence[str]
    verifies: bool


def model_files(model: Exported) -> Mapping[str, bytes]:
    """Headers and sources by name. UsageError for a model that cannot keep all that changes in a context."""
    naming, prefix = model.naming, model.naming.prefix
    context = _context(model, model.program, naming)
    files = {f"{prefix}.h": mcu.render("export/model.h.j2", context)}
    files[f"{prefix}_single.c"] = mcu.render("export/single.c.j2", context)
    condition = ""
    if model.portable is not None:
        condition = f"{naming.macros}_PLANNED"
        files[f"{prefix}_core.h"] = mcu.render("export/core.h.j2", context | {"guard": guard_of(model.isa)})
        files |= _plan(model, model.portable, f"{prefix}_portable", f"!{condition}")
    return files | _plan(model, model.program, prefix, condition)


def _plan(model: Exported, program: Program, stem: str, condition: str) -> dict[str, bytes]:
    """The sources of one of the two plans; the preprocessor sees them where `condition` holds."""
    naming = model.naming
    core = model.core if program is model.program else ""
    context = _context(model, program, naming) | {"condition": condition, "core": core}
    files = {f"{stem}.c": mcu.render("export/model.c.j2", context)}
    for layer, suffix, source in mcu.generated_code(context["layers"], mcu.banner(model.model_name)):
        header = naming.prefix + (".h" if suffix == ".c" else "_core.h")  # of C is something left where it is empty
        files[f"{stem}_{layer}{suffix}"] = (_guarded(source, header, condition) if condition else source).encode()
    return files


def _guarded(source: str, header: str, condition: str) -> str:
    """Generated code that is nothing where the condition does not hold."""
    banner, rest = source.split("\n", 1)
    return f'{banner}\n#include "{header}"\n\n#if {condition}\n\n{rest.rstrip()}\n\n#endif\n'


def _context(model: Exported, program: Program, naming: Naming) -> dict[str, object]:
    layers = layers_of(program, naming)
    _require_contexts(layers)
    plans = [program for program in (model.program, model.portable) if program is not None]
    return mcu.context_of(program, layers, model.model_name, naming) | {
        "placed": "TR_TABLES ",
        "verifies": model.verifies,
        "result": "bool" if model.verifies else "void",
        "budget": model.budgets[-1],
        "budgets": model.budgets,
        "core": model.core,
        "portable": model.portable,
        "alignment": max(plan.alignment for plan in plans),
    }


def _require_contexts(layers: Sequence[LayerCode]) -> None:
    """The sums of an operator that is made of dot products know no context, and so no level of their own."""
    dialled = [code.name for code in layers for part in code.parts if part.product.kernel.dialled]
    if dialled:
        raise UsageError(
            f"{', '.join(dict.fromkeys(dialled))}: such a layer cannot have a context with several budgets: "
            "build with one --budget"
        )
