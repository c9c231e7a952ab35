"""docs/operators.md: what `make conformance` found, and what each operator's module refuses, read from its source."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Protocol

from edge_tr import operators
from edge_tr.golden.probe import reference_info
from edge_tr.operators import checks, newest_version, wide

WIDTH = 110
TYPES = {"KINDS": "int8", "INT16_KINDS": "int16", "INT32_KINDS": "int32"}


class Case(Protocol):
    """What the table takes of a case."""

    family: str
    types: str
    refused: str
    wrong: str


def document(results: Mapping[str, Sequence[Case]], cores: Sequence[str], missing: int = 0, stale: int = 0) -> str:
    """All of it; `results` by family: an operator, and a type where that is not int8. `missing` cases have not run,
    `stale` ones ran before a source changed."""
    by_kind = defaultdict(list)
    for family, cases in results.items():
        by_kind[family.split()[0]] += cases
    info, total = reference_info(), sum(map(len, results.values()))
    head = (
        f"{len(by_kind)} operators, {total:,} seeded cases of them. Each is a model of one operator, its shapes and "
        f"quantisations at the extremes, that went through golden against the interpreter ({info.runtime} "
        f"{info.version} with its reference kernels, or TFLite Micro or ai-edge-litert where it has none), C under "
        f"sanitizers on the computer that ran this, and C on emulated cores ({', '.join(cores)}), and was compared "
        "on every tensor. Models of uint8 are int8 inside, so they are counted there."
    )
    parts = [
        "<!-- Written by `make conformance`: do not edit. -->",
        "# Operators",
        "",
        textwrap.fill(head, WIDTH),
        "",
        *([textwrap.fill(_unfinished(total, missing, stale), WIDTH), ""] if missing or stale else []),
        "| operator | versions | types | cases | exact | refused | differ |",
        "|---|---|---|---|---|---|---|",
        *(_row(kind, cases) for kind, cases in sorted(by_kind.items())),
        "",
        "## What is refused, and why",
        "",
        textwrap.fill(
            "`edge-tr inspect` names every operator that a model needs and that is refused, with what was found and "
            "what is supported. These are all the reasons there are, by the module in `edge_tr/operators/` that "
            'gives them; "..." stands for a value of the model.',
            WIDTH,
        ),
        "",
        *_shared(),
        *_sections(),
    ]
    return "\n".join(parts)


def _unfinished(total: int, missing: int, stale: int) -> str:
    before = f", {stale:,} of them before a source of some file changed" if stale else ""
    return (
        f"**The run is not complete**: {total:,} of {total + missing:,} cases ran{before}. `make conformance` goes on "
        "with the others."
    )


def _row(kind: str, cases: Sequence[Case]) -> str:
    types = ", ".join(sorted({case.types for case in cases}))
    refused = Counter(case.refused.partition(": ")[2] or case.refused for case in cases if case.refused)
    reasons = "; ".join(f"{count}: {reason}" for reason, count in refused.most_common()) or "0"
    wrong = sum(1 for case in cases if case.wrong)
    exact = len(cases) - wrong - sum(refused.values())
    return f"| {kind} | 1 to {newest_version(kind)} | {types} | {len(cases)} | {exact} | {reasons} | {wrong} |"


def _shared() -> list[str]:
    return ["### Any operator", "", *_reasons(checks), "", "### Any operator of int16", "", *_reasons(wide), ""]


def _sections() -> Iterator[str]:
    for module in operators._MODULES:
        titles = [
            ", ".join(getattr(module, table)) + ("" if dtype == "int8" else f" of {dtype}")
            for table, dtype in TYPES.items()
            if getattr(module, table, None)
        ]
        if titles:
            text = " ".join(inspect.getdoc(module).split())
            yield from (f"### {'; '.join(titles)}", "", textwrap.fill(text, WIDTH), "", *_reasons(module), "")


def _reasons(module: ModuleType) -> list[str]:
    """One line for each check of a module."""
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Call)]
    named = [call.args for call in calls if isinstance(call.func, ast.Name) and call.func.id == "require"]
    known = vars(module)
    reasons = dict.fromkeys((_words(found, known), _words(supported, known)) for _, found, supported in named)
    return [f"* {found}; supported: {supported}" for found, supported in reasons if supported != "..."] or [
        "Nothing but what is refused of any operator."
    ]


def _words(node: ast.expr, known: dict[str, object]) -> str:
    """The text that an expression makes, with ... for what only a model knows."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_words(value, known) for value in node.values)
    whole = ast.JoinedStr([node]) if isinstance(node, ast.FormattedValue) else node
    try:
        return str(eval(ast.unparse(whole), dict(known)))
    except NameError:  # a local of the function
        return "..."
