"""What `build` says of other choices: every option gets what was promised, and what would fit does."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

from edge_tr import boards, compiler
from edge_tr.compiler.alternatives import RUNTIME_FLASH
from edge_tr.compiler.common import read_source
from edge_tr.kernels import parse_choice
from edge_tr.kernels.machines import ISA_OF_CORE, isa_of, planned_for, tables_of
from edge_tr.lower.program import lower
from edge_tr.lower.select import Selection, handful, pareto
from edge_tr.manifest import Manifest
from edge_tr.report.summary import build_text
from tests.firmware.harness_models import Network
from tests.system.helpers import DIGITS, refused, run, succeed
from tests.unit.test_select import random_layers

OPTIONS = {"--optimise": ("objective", str), "--flash-limit": ("flash_limit", int), "--ram-limit": ("ram_limit", int)}


def built(folder: Path, board: str, options: str = "", **more: object) -> Manifest:
    """The digits model with options of the command line."""
    words = shlex.split(options)
    values = {OPTIONS[name][0]: OPTIONS[name][1](value) for name, value in zip(words[::2], words[1::2])}
    return compiler.build(DIGITS, board, folder, **values, **more)


def test_every_option_gets_the_cycles_and_the_memory_that_it_says(tmp_path: Path) -> None:
    given = built(tmp_path, "qemu-rv32ec")
    assert len(given.alternatives) > 3 and sum(other.chosen for other in given.alternatives) == 1
    for other in given.alternatives:
        got = built(tmp_path, "qemu-rv32ec", str(other.options))
        assert got.cycles_estimated <= other.cycles_estimated, other
        assert got.flash_bytes <= got.flash_limit, other
        if "--optimise" in str(other.options) or other.chosen:
            stack = got.ram.stack - given.ram.stack  # other kernels, another bound
            assert (got.cycles_estimated, got.ram_bytes - stack) == (other.cycles_estimated, other.ram_bytes), other


def test_alternatives_are_a_front_and_the_chosen_one_is_the_build(tmp_path: Path) -> None:
    for options in ("", "--optimise balanced"):
        manifest = built(tmp_path, "qemu-rv32ec", options)
        sizes, cycles = zip(*((other.flash_bytes, other.cycles_estimated) for other in manifest.alternatives))
        (chosen,) = (other for other in manifest.alternatives if other.chosen)
        assert (chosen.flash_bytes, chosen.ram_bytes) == (manifest.flash_bytes, manifest.ram_bytes)
        assert chosen.cycles_estimated == manifest.cycles_estimated
        assert list(cycles) == sorted(cycles, reverse=True) and len(set(cycles)) == len(cycles)
        assert min(sizes) >= min(10_000, manifest.flash_bytes)


def test_room_that_is_left_after_the_link_makes_a_faster_build(tmp_path: Path) -> None:
    """With RUNTIME_FLASH set aside, as before a link, the layers of the fastest build have not enough room here."""
    source = read_source(DIGITS, ("lossless",))
    needed = lower(source.graph, source.budget, parse_choice([]), isa_of("rv32ec")).chosen_flash + RUNTIME_FLASH
    free = built(tmp_path, "qemu-rv32ec")
    assert built(tmp_path, "qemu-rv32ec", f"--flash-limit {needed - 200}").cycles_estimated == free.cycles_estimated
    tight = built(tmp_path, "qemu-rv32ec", f"--flash-limit {free.flash_bytes - 1}")
    assert tight.cycles_estimated > free.cycles_estimated and tight.flash_bytes < free.flash_bytes


@pytest.mark.parametrize("seed", range(8))
def test_a_handful_holds_both_ends_and_nothing_but_the_front(seed: int) -> None:
    front = pareto(random_layers(seed))
    for steps in (1, 3, 6):
        some = handful(front, steps)
        assert len(some) <= steps + 1 and all(point in front for point in some)
        assert (some[0], some[-1]) == (front[0], front[-1])
        assert [point.flash for point in some] == sorted({point.flash for point in some})
    assert handful([Selection((), 0, 0)], 4) == [Selection((), 0, 0)]


# --- what would fit ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose weights, not the runtime, take the flash: 800 x 64."""
    net = Network(np.random.default_rng(0), (10, 10, 8))
    net.flatten()
    net.dense(64)
    file = tmp_path_factory.mktemp("wide") / "wide.tflite"
    file.write_bytes(net.finish())
    return file


def test_each_remedy_for_too_little_flash_is_one(wide: Path, tmp_path: Path) -> None:
    words = ("build", wide, "--target", "qemu-cortex-m0", "-o", tmp_path / "out")
    ran = run(*words, "--json", "--flash-limit", 50_000)
    remedies = [remedy["options"] for remedy in ran.json["would_fit"]]
    refused(ran, 4, "does not fit qemu-cortex-m0: flash", *remedies)
    for remedy in ran.json["would_fit"]:
        assert remedy["flash_bytes"] <= remedy["flash_limit"] and f"flash {remedy['flash_bytes']:,} of " in ran.err
    assert ran.json["fits"] is False and f"--flash-limit {ran.json['flash_bytes']}" in remedies
    assert [remedy.split("=")[0] for remedy in remedies if "--budget" in remedy] == ["--budget g"]
    targets = [remedy for remedy in remedies if remedy.startswith("--target")]
    assert len(targets) == 3 and not {"--target host", "--target qemu-cortex-m0"} & set(targets)
    succeed("build", wide, *shlex.split(targets[0]), "-o", tmp_path / "other")
    for remedy in remedies:
        if not remedy.startswith("--target"):
            limit = [] if "limit" in remedy else ["--flash-limit", 50_000]
            succeed(*words, *limit, *shlex.split(remedy))


def test_prescribed_kernels_are_named_when_they_are_what_is_too_large(wide: Path, tmp_path: Path) -> None:
    words = ("build", wide, "--target", "qemu-cortex-m0", "-o", tmp_path, "--flash-limit", 80_000)
    refused(run(*words, "--kernel", "planes"), 4, "flash", "no --kernel")
    succeed(*words)


def test_no_budget_is_promised_where_ram_is_short(tmp_path: Path) -> None:
    ran = run("build", DIGITS, "--target", "qemu-cortex-m0", "-o", tmp_path, "--json", "--ram-limit", 1_000)
    remedies = [remedy["options"] for remedy in ran.json["would_fit"]]
    refused(ran, 4, "does not fit qemu-cortex-m0: RAM", remedies[0])
    assert remedies[0] == f"--ram-limit {ran.json['ram_bytes']}" and not [r for r in remedies if "--budget" in r]


# --- costs of another core --------------------------------------------------------------


def test_chips_of_one_instruction_set_share_their_tables() -> None:
    assert set(tables_of("cortex-m0plus")) == {name for name in ISA_OF_CORE if name.startswith("cortex-m0")}
    for core in (*ISA_OF_CORE, "some-core-of-the-users"):
        assert tables_of(core)[0] == core == planned_for("board", core, None)
        assert all(set(tables_of(other)) == set(tables_of(core)) for other in tables_of(core))
    for alone in ("cortex-m3", "cortex-m4", "rv32ec", "host", "some-core-of-the-users"):
        assert tables_of(alone) == (alone,)


def test_a_slow_multiplier_is_planned_for_and_counted(tmp_path: Path) -> None:
    options = ("--target", "nucleo-g0b1re", "-o", tmp_path, "--json")
    fast = succeed("build", DIGITS, *options).json
    assert fast["core"] == boards.load("nucleo-g0b1re").core == succeed("bench", tmp_path, "--json").json["core"]
    slow = succeed("build", DIGITS, *options, "--core", "cortex-m0plus-mul32").json
    assert slow["core"] == "cortex-m0plus-mul32"
    assert [layer["kernel"] for layer in slow["layers"]] != [layer["kernel"] for layer in fast["layers"]]
    counted = succeed("bench", tmp_path, "--json").json
    assert counted["core"] == "cortex-m0plus-mul32" and "MULS 32" in counted["table"]


@pytest.mark.parametrize(
    ("board", "core", "known"),
    [
        ("nucleo-g0b1re", "cortex-m4", "cortex-m0plus, cortex-m0, cortex-m0-mul32, cortex-m0plus-mul32"),
        ("nucleo-g0b1re", "cortex-m99", "cortex-m0plus, cortex-m0, cortex-m0-mul32, cortex-m0plus-mul32"),
        ("mps2-an386", "cortex-m3", "cortex-m4"),
        ("host", "cortex-m0", "host"),
    ],
)
def test_costs_of_other_code_are_refused_with_those_that_are_known(
    board: str, core: str, known: str, tmp_path: Path
) -> None:
    ran = run("build", DIGITS, "--target", board, "--core", core, "-o", tmp_path / "out")
    refused(ran, 2, f"--core {core}: {board} runs the code of", f"whose costs are known for {known}")
    assert not (tmp_path / "out").exists()


# --- several budgets, and each of them alone ------------------------------------------------


def test_a_level_costs_alone_what_a_build_of_its_own_says(tmp_path: Path) -> None:
    budgets = ("g=8,k=6", "lossless")
    together = compiler.build(DIGITS, "qemu-cortex-m0", tmp_path / "both", budget=budgets)
    for level, budget in zip(together.levels, budgets):
        own = compiler.build(DIGITS, "qemu-cortex-m0", tmp_path / budget, budget=budget)
        assert level.alone.cycles_estimated == own.cycles_estimated
        assert level.alone.flash_bytes == pytest.approx(own.flash_bytes, rel=0.1)
    assert own.levels[0].alone is None and "cycles alone" in build_text(together)


def test_a_kernel_that_takes_no_layer_is_refused(tmp_path: Path) -> None:
    ran = run("build", DIGITS, "--target", "mps2-an386", "-o", tmp_path / "out", "--kernel", "dual")
    refused(ran, 2, "kernel dual takes no layer of this model; use ", "fours or ")
