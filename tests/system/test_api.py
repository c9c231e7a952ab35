"""`import edge_tr`: cheap, typed, and the same verbs as the command line's."""

from __future__ import annotations

import dataclasses
import inspect
import json
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import edge_tr
from edge_tr import api, compiler, errors
from edge_tr.manifest import BuildFolder
from tests.system.helpers import DIGITS, DIGITS_DATA

NOTEBOOK = Path(__file__).parents[2] / "docs" / "python-api.ipynb"
FUNCTIONS = ("build", "check", "flash", "load", "tune")


def test_importing_it_imports_nothing_of_weight() -> None:
    code = (
        "import sys, edge_tr; print(edge_tr.__version__, *sorted(m for m in sys.modules if m.startswith('edge_tr.')))"
    )
    done = subprocess.run([sys.executable, "-c", code + "; assert 'numpy' not in sys.modules"], capture_output=True)
    assert done.returncode == 0 and done.stdout.decode().split() == [edge_tr.__version__], done


def test_names_are_lazy_and_no_others_are_there() -> None:
    assert set(edge_tr.__all__) <= set(dir(edge_tr)) and all(
        getattr(edge_tr, n) is getattr(api, n) for n in edge_tr.__all__
    )
    with pytest.raises(AttributeError, match="'bild'"):
        _ = edge_tr.bild


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_typed_and_results_frozen(name: str) -> None:
    function = getattr(edge_tr, name)
    hints = typing.get_type_hints(function)
    assert set(hints) == {*inspect.signature(function).parameters, "return"}
    result = hints["return"]
    assert dataclasses.is_dataclass(result) and result.__dataclass_params__.frozen and function.__doc__


def test_the_package_says_that_it_is_typed() -> None:
    assert Path(edge_tr.__file__).with_name("py.typed").is_file()


@pytest.mark.parametrize("name", ["build", "check", "flash", "tune"])
def test_arguments_of_the_same_name_are_the_verbs(name: str) -> None:
    ours, verbs = (inspect.signature(getattr(where, name)).parameters for where in (api, compiler))
    assert set(ours) - {"build"} <= {*verbs, "objective"}


def test_the_notebook_runs_and_shows_what_the_command_line_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, typing.Any] = {}
    cells = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    for cell in cells:
        assert cell["outputs"] == [] and cell["execution_count"] is None
        exec(compile("".join(cell["source"]), f"{NOTEBOOK.name}:{cell['id']}", "exec"), names)
    assert "unknown board 'hots': did you mean host?" in capsys.readouterr().out
    model, build, checked = names["model"], names["build"], names["checked"]
    assert build.manifest == BuildFolder(tmp_path / "out" / "notebook").read()
    assert checked.bit_exact and checked.report.samples == 20 and checked.page.is_file()
    for shown, word in ((model, "conv_2d_0"), (build, "arena"), (checked, "BIT-EXACT")):
        page = shown._repr_html_()
        assert page.startswith("<pre>") and word in page and word in str(shown) and "<script" not in page
    assert repr(checked) == "Checked(bit_exact=True, samples=20)" and "Build(" in repr(build)


def test_tuning_gives_a_budget_and_its_files(tmp_path: Path) -> None:
    tuned = edge_tr.tune(DIGITS, DIGITS_DATA, tmp_path / "found", max_terms=2, jobs=1)
    assert tuned.budget == tmp_path / "found.toml" and tuned.budget.is_file()
    assert tuned.budget.with_suffix(".html").is_file() and "terms" in str(tuned)


def test_errors_are_of_edge_trs_classes(tmp_path: Path) -> None:
    (tmp_path / "bad.tflite").write_bytes(b"no model")
    with pytest.raises(errors.ModelError):
        edge_tr.load(tmp_path / "bad.tflite")
    with pytest.raises(errors.UsageError, match="holds no build"):
        edge_tr.check(tmp_path)
    with pytest.raises(errors.UsageError, match="--protocol dap"):
        edge_tr.build(DIGITS, "host", tmp_path / "out", protocols=["dap"])
