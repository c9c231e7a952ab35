"""What an export's folder holds, in each ecosystem: everything that its build files name, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import numpy as np
import pytest

from edge_tr.codegen.context import Exported, guard_of, model_files
from edge_tr.codegen.ecosystems import ECOSYSTEMS
from edge_tr.codegen.export import Model, Sample, export_tree
from edge_tr.codegen.naming import named
from edge_tr.errors import UsageError
from edge_tr.ir.tflite import parse
from edge_tr.kernels.machines import MACHINES
from edge_tr.prepared.budget import Budget, Tuned, parse_shown
from edge_tr.prepared.budget import parse as parse_budget
from tests.conftest import PROJECT
from tests.firmware.harness_build import WARNINGS, command
from tests.firmware.harness_models import lower_levels, lower_with, random_network

FOREIGN = ("tr_board", "tr_string", "tr_seal", "tr_verify", "link.", "an3155", "monocypher")


def exported(name: str, isa: str, verifies: bool = False) -> Exported:
    graph = parse(random_network(np.random.default_rng(1)))
    program, portable = lower_with(graph, "pairs", "lossless", isa), lower_with(graph, "pairs", "lossless")
    plan = None if isa == "c" else portable
    return Exported(named(name), "a.tflite", "a-core", isa, program, plan, ["lossless"], verifies)


@pytest.fixture(scope="module")
def models() -> list[Model]:
    return [Model(exported("kws", "armv7e-m"), Sample(37, 1)), Model(exported("kws_small", "c"), Sample(0, 2))]


@pytest.fixture(params=sorted(ECOSYSTEMS))
def tree(request: pytest.FixtureRequest, models: list[Model]) -> Mapping[str, bytes]:
    return export_tree(models, ECOSYSTEMS[request.param])


def compiled(tree: Mapping[str, bytes]) -> set[str]:
    return {path for path in tree if path.startswith("src/") and path.endswith((".c", ".S"))}


def test_a_folder_has_sources_licence_readme_and_an_example_of_each_model(tree: Mapping[str, bytes]) -> None:
    assert tree["LICENSE"] == (PROJECT / "LICENSE").read_bytes()
    assert {f"src/{name}.c" for name in ("kws", "kws_portable", "kws_single", "kws_small", "tr_table")} <= set(tree)
    text = tree["README.md"].decode()
    assert "kws_invoke()" in text and "| `kws_small` |" in text and "Apache-2.0" in text
    for name, crc in (("kws", 1), ("kws_small", 2)):
        (example,) = (path for path in tree if re.fullmatch(rf"(examples|samples)/{name}/.*\.(c|ino)", path))
        assert f"0x{crc:08x}u" in tree[example].decode()


def test_nothing_of_boards_server_loader_or_c_library_is_in_it(tree: Mapping[str, bytes]) -> None:
    for path, data in tree.items():
        assert not any(name in path for name in FOREIGN), path
        assert not re.search(rb"/(home|root|usr|tmp|work)/", data), path
        assert path.startswith("src/") or (b"{{" not in data and b"{%" not in data), path
        includes = re.findall(rb'#include "(.*?)"', data)
        known = {PurePosixPath(other).name.encode() for other in tree} | {b"pico/stdlib.h"}
        assert set(includes) <= known, path


def test_build_files_name_every_source_once(tree: Mapping[str, bytes]) -> None:
    """PlatformIO and Arduino take all below src/."""
    for path in ("CMakeLists.txt", "edge_tr_models.clayer.yml", "edge-tr.edge_tr_models.pdsc"):
        if path in tree:
            named_there = re.findall(r"(?<!\w)src/[\w.]+\.[cS]\b", tree[path].decode())
            assert sorted(named_there) == sorted(compiled(tree)), path
    if not any(path.endswith(("CMakeLists.txt", ".clayer.yml")) for path in tree):
        assert {"library.json", "library.properties"} & set(tree)


@pytest.mark.parametrize("isa", sorted(MACHINES))
def test_every_instruction_set_has_a_condition_and_its_sources_are_empty_elsewhere(isa: str, tmp_path: Path) -> None:
    """On the host only the portable plan is left, and every name begins with the model's."""
    files = model_files(exported("kws", isa))
    assert isa == "c" or guard_of(isa) in files["kws_core.h"].decode()
    tree = export_tree([Model(exported("kws", isa), Sample(0, 0))], ECOSYSTEMS["arduino"])
    for path, data in tree.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    sources = sorted((tmp_path / "src").glob("kws*.[cS]"))
    command("gcc", *WARNINGS, "-Wshadow", "-c", *sources, cwd=tmp_path)
    listed = command("nm", "-g", "--defined-only", *sorted(tmp_path.glob("*.o"))).splitlines()
    names = [line.split()[-1] for line in listed if len(line.split()) == 3]
    assert len(names) == len(set(names)) > 20 and all(name.startswith("kws_") for name in names)


@pytest.mark.parametrize(
    ("isa", "compiler"),
    [
        ("armv6-m", ("arm-none-eabi-gcc", "-mcpu=cortex-m0", "-mthumb")),
        ("armv6-m", ("arm-none-eabi-gcc", "-mcpu=cortex-m33", "-mthumb")),
        ("armv7e-m", ("arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb")),
        ("armv7e-m", ("arm-none-eabi-gcc", "-mcpu=cortex-m3", "-mthumb")),
        ("armv7e-m", ("clang", "--target=arm-none-eabi", "-mcpu=cortex-m7", "-mthumb")),
        ("armv7e-m", ("riscv64-unknown-elf-gcc", "-march=rv32imac", "-mabi=ilp32")),
        ("rv32", ("riscv64-unknown-elf-gcc", "-march=rv32imac", "-mabi=ilp32")),
        ("rv32", ("clang", "--target=riscv32-none-elf", "-march=rv32imc", "-mabi=ilp32")),
    ],
)
def test_each_core_compiles_one_of_the_two_plans_without_a_warning(isa: str, compiler: tuple, tmp_path: Path) -> None:
    for path, data in export_tree([Model(exported("kws", isa, True), Sample(0, 0))], ECOSYSTEMS["arduino"]).items():
        if path.startswith("src/"):
            (tmp_path / PurePosixPath(path).name).write_bytes(data)
    sources = sorted(tmp_path.glob("kws*.[cS]"))
    command(*compiler, "-ffreestanding", *WARNINGS, "-Wshadow", "-c", *sources, cwd=tmp_path)
    listed = command("nm", "-g", "--defined-only", *sorted(tmp_path.glob("*.o"))).splitlines()
    names = [line.split()[-1] for line in listed if len(line.split()) == 3]
    assert names.count("kws_invoke_r") == 1 and len(names) == len(set(names))


def test_manifests_are_what_their_tools_read(models: list[Model]) -> None:
    """By hand, with those tools and schemas: docs/own-program.md."""
    library = json.loads(export_tree(models, ECOSYSTEMS["platformio"])["library.json"])
    assert (library["name"], library["license"]) == ("edge_tr_models", "Apache-2.0")
    assert library["headers"] == ["kws.h", "kws_small.h"]
    properties = export_tree(models, ECOSYSTEMS["arduino"])["library.properties"].decode()
    fields = dict(line.split("=", 1) for line in properties.splitlines() if line)
    assert set(fields) >= {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url"}
    pack = ElementTree.fromstring(export_tree(models, ECOSYSTEMS["cmsis-pack"])["edge-tr.edge_tr_models.pdsc"])
    order = [child.tag for child in pack]
    assert order == ["vendor", "name", "description", "url", "license", "releases", "conditions", "components"]
    assert [part.get("Csub") for part in pack.iter("component")] == ["Runtime", "kws", "kws_small"]
    component = export_tree(models, ECOSYSTEMS["esp-idf"])["idf_component.yml"].decode()
    assert re.search(r'^version: "\d+\.\d+\.\d+"$', component, re.MULTILINE)
    module = export_tree(models, ECOSYSTEMS["zephyr"])["zephyr/module.yml"].decode()
    assert module == "name: edge_tr_models\nbuild:\n  cmake: .\n  kconfig: Kconfig\nsamples:\n  - samples\n"


@pytest.mark.parametrize("names", [("kws", "kws"), ("kws", "KWS"), ("kws", "kws_single")])
def test_models_whose_names_clash_are_refused(names: tuple[str, str]) -> None:
    clashing = [Model(exported(name, "c"), Sample(0, 0)) for name in names]
    with pytest.raises(UsageError, match="name of another model"):
        export_tree(clashing, ECOSYSTEMS["cmake"])


def test_several_budgets_have_a_level_in_each_context() -> None:
    program = lower_levels(parse(random_network(np.random.default_rng(1))), "g=8,k=3; lossless")
    model = Exported(named("a"), "a.tflite", "host", "c", program, None, ["g=8,k=3", "lossless"], False)
    files = model_files(model)
    assert b"    uint32_t level;\n" in files["a.h"] and b"dialled.level = &state->level;" in files["a.c"]


@pytest.mark.parametrize("text", ["lossless", "g=8,k=12", "g=8,k=12,s=3", "g=4,s=2"])
def test_budgets_are_read_as_they_are_shown(text: str) -> None:
    default, other = parse_budget(text), parse_budget("g=16,k=3")
    for budget in (default, Budget(default.default, {"conv_2d_0": other.default, "svdf_1.feature": default.default})):
        assert parse_shown(str(budget)) == budget
        tuned = Budget(budget.default, budget.layers, Tuned(Path("x/budget.tflite"), "0"))
        assert parse_shown(str(tuned)) == budget
