"""The schemas of build.json and check.json are those of the code, and hold for what commands write."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from edge_tr.report.schema import FOLDER, schemas
from edge_tr.target.outcome import LevelsReport, read_report
from tests.system.helpers import DIGITS, DIGITS_DATA, succeed
from tests.unit.reports import REPORT, WRONG


def test_the_schemas_are_printed_anew() -> None:
    for name, text in schemas().items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, "run python -m edge_tr.report.schema"


@pytest.mark.parametrize(("target", "options"), [("host", ["--budget", "g=8,k=8"]), ("pynq-z2", [])])
def test_what_is_written_keeps_to_the_schema(target: str, options: list[str], tmp_path: Path) -> None:
    built = succeed("build", DIGITS, "--target", target, "-o", tmp_path, *options, "--json").json
    jsonschema.validate(json.loads((tmp_path / "build.json").read_text()), json.loads(schemas()["build.schema.json"]))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**built, "layers": 3}, json.loads(schemas()["build.schema.json"]))
    if target == "host":
        succeed("flash", tmp_path)
        succeed("check", tmp_path, "--data", DIGITS_DATA, "--limit", "5", "--layers")
        checked = json.loads((tmp_path / "check.json").read_text())
        jsonschema.validate(checked, json.loads(schemas()["check.schema.json"]))
        assert json.loads(read_report(checked).to_json()) == checked


@pytest.mark.parametrize("report", [REPORT, WRONG, LevelsReport.of([REPORT, REPORT])])
def test_a_report_is_read_back_as_it_was(report) -> None:
    values = json.loads(report.to_json())
    assert read_report(values) == report
    jsonschema.validate(values, json.loads(schemas()["check.schema.json"]))


@pytest.mark.parametrize(
    "change", [{"samples": -1}, {"samples": "4"}, {"levels": [{}]}, {"cost": {"unit": 3}}, {"new": 1}]
)
def test_a_damaged_report_is_not_read(change: dict) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        read_report({**json.loads(REPORT.to_json()), **change})
