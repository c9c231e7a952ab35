"""docs/benchmarks.md: what whole models cost on each core, beside the bars and the best known engines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from edge_tr.report.bench import BenchReport, LayerBench
from edge_tr.report.markdown import markdown_table
from edge_tr.report.requantisation import requantisation_text

MODELS = {  # MLPerf Tiny v1, int8: name -> (file, what it does)
    "kws": ("kws_ref_model.tflite", "keyword spotting, DS-CNN"),
    "vww": ("vww_96_int8.tflite", "visual wake words, MobileNetV1 0.25"),
    "ic": ("pretrainedResnet_quant.tflite", "image classification, ResNet-8"),
    "ad": ("ad01_int8.tflite", "anomaly detection, autoencoder"),
}
LOSSLESS, CUT, TUNED = "lossless", "g=8,k=8", "tuned"


@dataclass(frozen=True)
class Platform:
    """What is built: a board, or an emulated one within limits (bytes); `core`: another core's costs to choose by."""

    name: str
    board: str
    flash_limit: int | None = None
    ram_limit: int | None = None
    core: str | None = None


@dataclass(frozen=True)
class Variant:
    """How it is built."""

    budget: str
    kernels: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.budget}, {self.kernels[0]} kernel" if self.kernels else self.budget


G0B1RE = Platform("NUCLEO-G0B1RE, 512 KB flash, 144 KB RAM", "nucleo-g0b1re")
MUL32 = Platform(
    "a Cortex-M0 with 512 KB flash, 144 KB RAM and a slow multiplier",
    "qemu-cortex-m0",
    512 << 10,
    144 << 10,
    core="cortex-m0-mul32",
)
M4 = Platform("a Cortex-M4 with 2 MB flash, 640 KB RAM", "mps2-an386", 2 << 20, 640 << 10)
M3 = Platform("a Cortex-M3 with 512 KB flash, 128 KB RAM", "mps2-an385", 512 << 10, 128 << 10)
L4R5ZI = Platform("NUCLEO-L4R5ZI, 2 MB flash, 640 KB RAM", "nucleo-l4r5zi")
RV32IMC = Platform("an RV32IMC with 512 KB flash, 96 KB RAM", "qemu-rv32imc", 512 << 10, 96 << 10)
RV32EC = Platform("an RV32EC with 512 KB flash, 96 KB RAM", "qemu-rv32ec", 512 << 10, 96 << 10)
PLATFORMS = (L4R5ZI, M4, G0B1RE, MUL32, M3, RV32IMC, RV32EC)
VARIANTS = (Variant(LOSSLESS), Variant(CUT), Variant(TUNED), Variant(LOSSLESS, ("int8",)))


Bars = tuple[float | None, ...]


@dataclass(frozen=True)
class Section:
    """One table: a platform's firmware on one cycle table. `bars` at zero wait states and `board_bars` with the board's
    memory, by budget, and `known` are million cycles in the order of MODELS; None: no bar."""

    title: str
    platform: Platform
    core: str
    bars: Mapping[str, Bars]
    known: Mapping[str, tuple[float, ...]]
    board_bars: Mapping[str, Bars] = field(default_factory=dict)


_TFLM = "TFLM + CMSIS-NN, estimated"
_M0_KNOWN = {_TFLM: (39.9, 119.9, 137.3, 2.36), "Bosch HALE, published": (30.4, 90.5, 97.4, 2.62)}
_M0_BARS = {LOSSLESS: (13, 28, 45, 1.6), TUNED: (8.5, 20, 24, None), CUT: (None, None, None, 1.2)}
_M0PLUS_BOARD_BARS = {LOSSLESS: (9.7, 18, 36, 1.20), TUNED: (7.5, 14.5, 20, None)}
_M4_BARS = {LOSSLESS: (3.9, 7.6, 12.0, 0.48)}
_M4_BOARD_BARS = {LOSSLESS: (4.4, 9.0, 13.0, 0.64), TUNED: (3.9, 8.6, None, None)}
_M4_KNOWN = {_TFLM: (9.17, 29.1, 36.5, 0.72), "X-CUBE-AI, published": (5.2, 10.7, 19.8, 0.63)}
SECTIONS = (
    Section("Cortex-M4", L4R5ZI, "cortex-m4", {}, _M4_KNOWN, _M4_BOARD_BARS),
    Section("Cortex-M4 at zero wait states, planned for them", M4, "cortex-m4", _M4_BARS, _M4_KNOWN),
    Section("Cortex-M0+, multiplication in 1 cycle", G0B1RE, "cortex-m0plus", _M0_BARS, _M0_KNOWN, _M0PLUS_BOARD_BARS),
    Section("The same firmware by the table of Cortex-M0", G0B1RE, "cortex-m0", _M0_BARS, _M0_KNOWN),
    Section(
        "Cortex-M0, multiplication in 32 cycles",
        MUL32,
        "cortex-m0-mul32",
        {LOSSLESS: (15, 32, 55, 2.6)},
        {_TFLM: (136, 399, 562, 11.0)},
    ),
    Section("Cortex-M3", M3, "cortex-m3", {LOSSLESS: (7.0, 13, 24, 0.85)}, {_TFLM: (16.8, 50.8, 71.4, 1.69)}),
    Section(
        "RV32IMC, multiplication in 1 cycle",
        RV32IMC,
        "rv32imc",
        {LOSSLESS: (8.2, 15.5, 33, 1.6)},
        {},
    ),
    Section(
        "RV32EC, no multiplier",
        RV32EC,
        "rv32ec",
        {LOSSLESS: (9.5, 19.5, 38, 1.9)},
        {"TFLM reference kernels, estimated": (681, 1299, 2363, 32)},
    ),
)
_OWN = tuple({section.platform: section for section in reversed(SECTIONS)}.values())[::-1]
"""The table that each platform's kernels are chosen by."""
ARENA_BARS = dict(zip(MODELS, (22_000, 62_000, 52_000, 2_400)))  # bytes, scratch included
FLASH_BARS = {  # bytes, Cortex-M0: these builds are held to them as `--flash-limit`
    ("kws", TUNED): 113_000,
    ("vww", TUNED): 393_000,
    ("ad", CUT): 310_000,
}
STAGING_BARS = {"kws": 40 << 10, "vww": 72 << 10, "ic": 64 << 10}
"""Bytes on the L4R5ZI, arena with copied weights: these builds are held to them by `--ram-limit`."""
BESIDE_ARENA = 5 << 9
"""Bytes that stack, frames and costs of layers take of that limit."""
RUNTIME_BAR = 12_000  # bytes of flash besides the layers' own


@dataclass(frozen=True)
class BudgetQuality:
    """What a budget costs on `samples` test samples: kept terms per MAC, accuracy (None without labels) and agreement
    with the model as given, in %."""

    terms_per_mac: float
    accuracy: float | None
    agreement: float
    samples: int


Qualities = Mapping[tuple[str, str], BudgetQuality]
"""By model and budget, where there is data."""
Key = tuple[Platform, str, Variant]
Outcome = Mapping[str, BenchReport] | str
"""Reports by core, or why there is none."""

_HEAD = """\
# Benchmarks

What one inference of the MLPerf Tiny models costs, input in RAM to output in RAM. **These are estimates from
instruction streams, not measurements of boards**: the firmware's instructions are executed on an emulated core and
counted exactly, and every executed instruction costs what the core's published table says. Every tensor of every
counted run equals the golden model's. Where a board says what it reads code and constants through
(`edge-tr boards NAME`), every fetch and read of the run is played through a simulation of its flash, prefetch and
caches (`edge_tr/target/waits.c`): **figures "on the board" are simulated, not measured**. They stand first; those at
zero wait states leave the memory out. Bus contention is in neither.

This file is written by `{command}` at commit {commit}, with

{tools}

* *M cycles*: estimated; the rules of the table that each section names are in `edge_tr/lower/cores.py`. *On the board*:
  with its memory, simulated; *waits*: the part of them in which the core waits for code or for constants; *ms*: at its
  clock.
* *bar*: the project's goal; *distance*: how far above (+) or below (-) it the estimate is.
* *flash*, *RAM*: of the whole program, serial link included, in units of 1000 bytes; RAM with the static bound of
  the stack.
* Engines to compare with: million cycles. TFLM's are estimates too, from its instruction streams in prototypes of this
  project with simpler rules (the Cortex-M0 table; no address interlocks, long multiplications of Cortex-M3 in one
  cycle). Published figures are cycles on boards: Bosch HALE 1.0.175 on an STM32G0B1RE at 64 MHz, X-CUBE-AI 9.0 on
  an STM32L4R5ZI at 120 MHz.
* Kernels are those that `edge-tr build` chooses for least cycles within the limits; rows "int8 kernel" force the
  multiplying kernel, for comparison. Rows "at most ... KB" are built with that `--flash-limit`, a bar of the project.
  On the NUCLEO-L4R5ZI and the NUCLEO-G0B1RE the runtime's code runs from RAM, and weights are copied there, where that
  is faster: on the NUCLEO-L4R5ZI within 40 KB of arena for kws, 72 for vww and 64 for ic, as `--ram-limit`.
* One seeded input of noise. What depends on the data is saturation, rounding that needs its exact path, and
  multiplication by software: four inputs differed by 0.03 % on Cortex-M0+ and by 3 % on RV32EC.
"""


def flash_limit(platform: Platform, name: str, variant: Variant) -> int | None:
    """Bytes that a build may take, None: all that the board has."""
    bar = FLASH_BARS.get((name, variant.budget)) if platform == G0B1RE and not variant.kernels else None
    return bar or platform.flash_limit


def ram_limit(platform: Platform, name: str) -> int | None:
    """Bytes that a build may take, None: all that the board has."""
    bar = STAGING_BARS.get(name) if platform == L4R5ZI else None
    return platform.ram_limit if bar is None else bar + BESIDE_ARENA


def benchmarks_text(outcomes: Mapping[Key, Outcome], qualities: Qualities, facts: Mapping[str, str], notes: str) -> str:
    """The whole file. `facts`: command, commit, tools (one a line); `notes` are added at the end."""
    parts = [_HEAD.format(**{**facts, "tools": "\n".join(f"* {tool}" for tool in facts["tools"].splitlines())})]
    parts += [_budgets(qualities), *(_section(section, outcomes, qualities) for section in SECTIONS)]
    parts += [_sizes(outcomes), _arenas(outcomes), _requantisation(outcomes), _slowest(outcomes)]
    return "".join([*parts, f"\n{notes}"] if notes else parts)


def _budgets(qualities: Qualities) -> str:
    """What the budgets are, and what they cost in accuracy."""
    rows = [("model", "budget", "terms/MAC", "accuracy %", "agreement %", "test samples")]
    for (name, budget), figures in qualities.items():
        terms = f"{figures.terms_per_mac:.2f}"
        rows.append((name, budget, terms, *_right(figures), f"{figures.samples:,}"))
    return f"\n## Budgets\n\n{_BUDGETS}\n{markdown_table(rows, left=2)}"


_BUDGETS = """\
*tuned* is `edge-tr tune` with the goals of docs/reproduction.md, chosen on calibration data alone; it minimises terms,
so one budget serves all cores. kws is calibrated on 250 clips and tested on 750 others, with labels. For vww and ic no
data with a clear licence is here: calibration and test are crops of different photographs, and only agreement with the
model as given can be said; it is lower than on their own data. For ad there is no data at all: it has no tuned row, and
its bars stand beside g=8,k=8.
"""


def _right(figures: BudgetQuality | None) -> tuple[str, str]:
    if figures is None:
        return "", ""
    return "" if figures.accuracy is None else f"{figures.accuracy:.2f}", f"{figures.agreement:.2f}"


def _section(section: Section, outcomes: Mapping[Key, Outcome], qualities: Qualities) -> str:
    own = {key: _on(outcome, section.core) for key, outcome in outcomes.items() if key[0] == section.platform}
    reports = [report for report in own.values() if report is not None]
    waits = any(report.cycles_with_memory is not None for report in reports)
    rows = [(*_section_head(waits), "accuracy %", "agreement %", *section.known)]
    for position, name in enumerate(MODELS):
        known = [f"{cycles[position]:g}" for cycles in section.known.values()]
        for variant in VARIANTS:
            outcome = outcomes.get((section.platform, name, variant))
            if outcome is None:
                continue
            report = own[section.platform, name, variant]
            if report is None:
                cells = [str(outcome), *[""] * (len(_section_head(waits)) - 3)]
            else:
                board_bar, bar = (_bar(of, variant, position) for of in (section.board_bars, section.bars))
                cells = [*(_board_cells(report, board_bar) if waits else ()), *_cells(report, bar)]
            right = _right(qualities.get((name, variant.budget)))
            rows.append((name, _label(section.platform, name, variant), *cells, *right, *known))
    source = next((report.table for report in reports), section.core)
    through = next((f" {_sentence(report.reads)}." for report in reports if report.reads), "") if waits else ""
    return f"\n## {section.title}\n\n{section.platform.name}; {source}.{through}\n\n{markdown_table(rows, left=2)}"


def _section_head(waits: bool) -> tuple[str, ...]:
    board = ("M cycles on the board", "bar", "distance", "waits for code", "for constants", "ms")
    cycles = ("at zero wait states", "bar", "distance") if waits else ("M cycles", "bar", "distance")
    return ("model", "budget", *(board if waits else ()), *cycles, "M instructions", "cycles/MAC", "flash KB", "RAM KB")


def _sentence(reads: str) -> str:
    return reads[:1].upper() + reads[1:]


def _bar(bars: Mapping[str, Bars], variant: Variant, position: int) -> float | None:
    """Of a variant that chooses its kernels itself."""
    of = bars.get(variant.budget)
    return of[position] if of and not variant.kernels else None


def _distance(millions: float, bar: float | None) -> tuple[str, str]:
    return ("", "") if bar is None else (f"{bar:g}", f"{millions / bar - 1:+.0%}")


def _label(platform: Platform, name: str, variant: Variant) -> str:
    limit = flash_limit(platform, name, variant)
    return str(variant) if limit == platform.flash_limit else f"{variant}, at most {limit / 1000:g} KB"


def _on(outcome: Outcome | None, core: str) -> BenchReport | None:
    return None if outcome is None or isinstance(outcome, str) else outcome.get(core)


def _board_cells(report: BenchReport, bar: float | None) -> Iterator[str]:
    """With the board's memory, where it was simulated."""
    if report.cycles_with_memory is None:
        yield from [""] * 6
        return
    millions = report.cycles_with_memory / 1e6
    yield f"{millions:.2f}"
    yield from _distance(millions, bar)
    yield f"{(report.stalls_code or 0) / 1e6:.2f}"
    yield f"{(report.stalls_data or 0) / 1e6:.2f}"
    yield "" if report.milliseconds is None else f"{report.milliseconds:.1f}"


def _cells(report: BenchReport, bar: float | None) -> Iterator[str]:
    millions = report.cycles_estimated / 1e6
    yield f"{millions:.2f}"
    yield from _distance(millions, bar)
    yield f"{report.instructions / 1e6:.2f}"
    yield f"{report.cycles_estimated / max(1, sum(layer.macs for layer in report.layers)):.2f}"
    yield f"{report.flash_bytes / 1000:.1f}"
    yield f"{_ram(report) / 1000:.1f}"


def _ram(report: BenchReport) -> int:
    """Static data, and of the reserved stack what can be used."""
    used = report.stack_reserved if report.stack_bytes is None else report.stack_bytes
    return report.ram_bytes - report.stack_reserved + used


def _sizes(outcomes: Mapping[Key, Outcome]) -> str:
    """Memory on the smallest board."""
    rows = [("model", "budget", "arena", "bar", "stack bound", "flash", "bar", "flash besides the layers", "bar")]
    for name in MODELS:
        for variant in VARIANTS[:3]:
            report = _on(outcomes.get((G0B1RE, name, variant)), "cortex-m0plus")
            if report is None:
                continue
            flash_bar = FLASH_BARS.get((name, variant.budget))
            rows.append(
                (
                    name,
                    _label(G0B1RE, name, variant),
                    f"{report.arena_bytes:,}",
                    f"{ARENA_BARS[name]:,}",
                    "none" if report.stack_bytes is None else f"{report.stack_bytes:,}",
                    f"{report.flash_bytes:,}",
                    "" if flash_bar is None else f"{flash_bar:,}",
                    f"{report.flash_bytes - sum(layer.flash_bytes for layer in report.layers):,}",
                    f"{RUNTIME_BAR:,}",
                )
            )
    return (
        f"\n## Memory\n\nBytes, on {G0B1RE.name}. The arena holds all tensors and scratch. Flash besides the layers "
        f"is start-up, serial link and runtime.\n\n{markdown_table(rows, left=2)}"
    )


def _arenas(outcomes: Mapping[Key, Outcome]) -> str:
    """RAM of tensors and scratch on every core."""
    rows = [("model", "budget", "bar", *(section.platform.core or section.platform.board for section in _OWN))]
    for name in MODELS:
        for variant in VARIANTS[:3]:
            reports = [_on(outcomes.get((section.platform, name, variant)), section.core) for section in _OWN]
            arenas = ["" if report is None else f"{report.arena_bytes:,}" for report in reports]
            if any(arenas):
                rows.append((name, str(variant), f"{ARENA_BARS[name]:,}", *arenas))
    return f"\n## Arena on every core\n\nBytes of all tensors and scratch.\n\n{markdown_table(rows, left=2)}"


def _requantisation(outcomes: Mapping[Key, Outcome]) -> str:
    reports = []
    for section in SECTIONS:
        for name in MODELS:
            report = _on(outcomes.get((section.platform, name, VARIANTS[0])), section.core)
            reports += [] if report is None else [report]
    return requantisation_text(reports)


def _slowest(outcomes: Mapping[Key, Outcome], most: int = 4) -> str:
    """Where the cycles go, lossless."""
    rows = [("firmware", "model", "layer", "operator", "kernel", "M cycles", "share", "cycles/MAC", "planned M cycles")]
    for section in SECTIONS:
        for name in MODELS:
            report = _on(outcomes[section.platform, name, VARIANTS[0]], section.core)
            if report is None or section.core not in _SLOWEST_ON:
                continue
            for layer in sorted(report.layers, key=lambda layer: -_counted(layer))[:most]:
                planned = "" if layer.cycles_planned is None else f"{layer.cycles_planned / 1e6:.2f}"
                per_mac = f"{_counted(layer) / layer.macs:.2f}" if layer.macs else ""
                figures = (f"{_counted(layer) / 1e6:.2f}", f"{layer.share:.0%}", per_mac, planned)
                rows.append((section.title, name, layer.name, layer.op, layer.kernel, *figures))
    return (
        f"\n## Slowest layers\n\nLossless, the {most} slowest of each model, with memory where that is simulated; "
        f"*planned* is what the choice of kernels reckoned with.\n\n{markdown_table(rows, left=5)}"
    )


def _counted(layer: LayerBench) -> int:
    """Cycles with memory, where that is simulated."""
    return layer.cycles_estimated if layer.cycles_with_memory is None else layer.cycles_with_memory


_SLOWEST_ON = ("cortex-m0plus", "cortex-m3", "cortex-m4", "rv32ec")
