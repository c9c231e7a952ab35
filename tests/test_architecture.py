"""The rules the rooms live by (docs/architecture.md), read from the source with `ast`."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_tr import boards
from edge_tr.formats import emit

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "edge_tr"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Low to high; a room imports from lower floors only. Rooms on one floor do not know each other.
FLOORS = (
    {"errors", "plots", "resources", "memory_plan"},
    {"files", "records"},
    {"formats", "tr", "manifest", "project", "sbom", "structs"},
    {"boards"},  # one step up from formats and tr: a board's id is a field of the image header
    {"overlays"},
    {"record"},
    {"graph"},
    {"operators"},
    {"ir"},
    {"golden"},
    {"prepared", "metrics"},
    {"kernels"},
    {"lower", "accel"},
    {"tuning", "training"},
    {"codegen"},
    {"target"},
    {"report"},
    {"compiler", "demo", "bench", "arguments"},
    {"completion"},
    {"verbs"},
    {"api", "bitstream_table", "cli", "cycles_table", "synth_table", "reproduction"},
    {"bench_table", "comparison_table"},
    {"__init__"},  # names of the Python API, imported when they are asked for
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
OUTSIDE_WORLD = {"subprocess", "socket", "serial", "select", "threading", "signal", "urllib", "http"}
MAY_TOUCH_IT = {"target", "cli"}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(tree: ast.Module) -> Iterator[str]:
    """Dotted names of everything a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_imported(path: Path) -> set[str]:
    """Rooms of edge_tr that a module imports from, its own excepted."""
    own = {name.split(".")[1] for name in imported(tree_of(path)) if name.startswith("edge_tr.")}
    return own - {room_of(path), "__version__"}


def by_path(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_two_test_files_share_a_name():
    """pytest imports them by name alone."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name not in ("__init__.py", "conftest.py")]
    assert sorted(names) == sorted(set(names))


def test_every_room_has_a_floor():
    assert {room_of(path) for path in MODULES} - {"__init__"} <= set(FLOOR_OF)


@pytest.mark.parametrize("path", MODULES, ids=by_path)
def test_imports_point_down(path):
    floor = FLOOR_OF.get(room_of(path), -1)
    up = {room for room in rooms_imported(path) if FLOOR_OF[room] >= floor}
    assert not up, f"{by_path(path)} imports from {up}, which are not below it"


def test_golden_and_the_number_maths_never_read_packed_bytes():
    for path in MODULES:
        if room_of(path) in ("golden", "tr", "ir", "operators", "record", "graph"):
            assert "formats" not in rooms_imported(path), by_path(path)


def test_only_target_and_the_command_line_touch_the_outside_world():
    for path in MODULES:
        modules = {name.split(".")[0] for name in imported(tree_of(path))}
        assert room_of(path) in MAY_TOUCH_IT or not modules & OUTSIDE_WORLD, by_path(path)


def test_nothing_below_the_command_line_exits():
    for path in MODULES:
        calls = {ast.unparse(node.func) for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)}
        is_script = 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
        assert room_of(path) == "cli" or is_script or not calls & {"sys.exit", "exit", "quit", "os._exit"}, by_path(
            path
        )


def test_every_module_says_what_it_is():
    for path in MODULES:
        text = ast.get_docstring(tree_of(path))
        assert text and text.split("\n")[0].rstrip(), by_path(path)


def test_every_c_header_says_what_it_is():
    for path in sorted(path for path in (ROOT / "firmware").rglob("*.h") if "third_party" not in path.parts):
        assert path.read_text(encoding="utf-8").startswith("/* "), by_path(path)


def test_generated_files_are_fresh():
    for path, text in emit.outputs().items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"{path}: run python -m edge_tr.formats.emit"


# --- boards are data ---------------------------------------------------------------------------


def compared_strings(tree: ast.Module) -> Iterator[str]:
    """String constants on either side of a comparison, in a `match` or as a key that decides."""
    for node in ast.walk(tree):
        sides: list[ast.AST] = []
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            sides = [node.value]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "startswith":
            sides = list(node.args)
        for side in sides:
            yield from (n.value for n in ast.walk(side) if isinstance(n, ast.Constant) and isinstance(n.value, str))


def test_no_code_compares_with_the_name_of_a_board():
    names = set(boards.names())
    assert len(names) >= 2
    for path in MODULES:
        assert not names & set(compared_strings(tree_of(path))), by_path(path)


def test_no_firmware_and_no_template_names_a_board():
    """`host` is a word of its own; every other name would be a special case."""
    pattern = re.compile("|".join(re.escape(name) for name in boards.names() if name != "host"))
    macro = re.compile("|".join(name.upper().replace("-", "_") for name in boards.names() if name != "host"))
    files = [*(ROOT / "firmware").rglob("*.[ch]"), *(ROOT / "codegen_templates").rglob("*.j2")]
    assert files
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not pattern.search(text) and not macro.search(text), by_path(path)


# --- what is committed ------------------------------------------------------------------------------


def committed_text() -> Iterator[tuple[Path, str]]:
    """Every text file of the project's own folders."""
    folders = ("edge_tr", "codegen_templates", "firmware", "rtl", "boards", "docs", "tests")
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if "third_party" in path.parts:  # as others wrote it
                continue
            if path.suffix in {".py", ".c", ".h", ".j2", ".sv", ".toml", ".ld", ".md", ".json"}:
                yield path, path.read_text(encoding="utf-8")


def test_no_source_has_a_path_of_somebodys_computer():
    homes = "|".join(["home", "root", "Users", "tmp", "work"])
    absolute = re.compile(rf"""(^|[\s"'`(=])/({homes})/""", re.MULTILINE)
    found = [by_path(path) for path, text in committed_text() if absolute.search(text)]
    assert not found


def test_text_files_end_with_one_newline_and_have_no_tabs_or_trailing_spaces():
    for path, text in committed_text():
        if path.suffix in {".py", ".c", ".h", ".sv", ".toml"}:
            assert text == "" or (text.endswith("\n") and not text.endswith("\n\n")), by_path(path)
            assert "\t" not in text and not re.search(r"[ ]+$", text, re.MULTILINE), by_path(path)


def test_one_header_tells_cores_apart_whose_assembly_runs():
    """Guards that name architectures leave out the next one."""
    named = re.compile(r"__ARM_ARCH|__arm__|defined\(__riscv\)\s*$", re.M)
    files = [path for path in (ROOT / "firmware").rglob("*.[chS]") if "third_party" not in path.parts]
    assert len(files) > 100
    assert [path.name for path in files if named.search(path.read_text(encoding="utf-8"))] == ["tr_isa.h"]
