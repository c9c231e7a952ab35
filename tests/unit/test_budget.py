"""Budgets: every form that is understood, and one clear message for every form that is not."""

from __future__ import annotations

import pytest

from edge_tr.errors import UsageError
from edge_tr.prepared.budget import Budget, TrSetting, check_budgets, parse, read


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("lossless", TrSetting(8, None, None)),
        ("k=12", TrSetting(8, 12, None)),
        ("g=8,k=12", TrSetting(8, 12, None)),
        ("k=12,g=16", TrSetting(16, 12, None)),
        ("g=8,k=12,s=3", TrSetting(8, 12, 3)),
        ("s=1", TrSetting(8, None, 1)),
        ("g=1,s=65535", TrSetting(1, None, 65535)),
        ("g=256,k=65535", TrSetting(256, 65535, None)),
        ("g=8, k=12", TrSetting(8, 12, None)),
    ],
)
def test_a_budget_on_the_command_line(text, setting):
    budget = parse(text)
    assert budget == Budget(setting)
    assert budget.of("any_layer") == setting
    assert setting.lossless == (text == "lossless")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "not understood"),
        ("loss", "not understood"),
        ("Lossless", "not understood"),
        ("12", "not understood"),
        ("k=", "not understood"),
        ("k=-1", "not understood"),
        ("k=1.5", "not understood"),
        ("k=12,", "not understood"),
        ("g=8;k=12", "not understood"),
        ("g=8", "needs k or s"),
        ("k=1,k=2", "each key once"),
        ("k=0", "k = 0 .*k 1 to 65535"),
        ("s=0", "s = 0"),
        ("k=65536", "k = 65536"),
        ("g=0,k=1", "g = 0 .*g 1 to 256"),
        ("g=257,k=1", "g = 257"),
        ("k=1,q=2", "q = 2"),
        ("g=0,k=0,s=0", "g = 0.*; k = 0.*; s = 0"),
    ],
)
def test_a_wrong_budget_is_refused_with_its_cause(text, cause):
    with pytest.raises(UsageError, match=cause) as caught:
        parse(text)
    assert repr(text) in str(caught.value)


def test_a_number_of_5000_digits_is_refused():
    with pytest.raises(UsageError):
        parse("k=" + "1" * 5000)


@pytest.mark.parametrize("text", ["lossless", "g=8,k=12", "g=3,s=2", "g=256,k=1,s=1"])
def test_a_budget_prints_as_it_is_written(text):
    assert str(parse(text)) == text


# --- files ------------------------------------------------------------------------------------


@pytest.fixture
def budget_file(tmp_path):
    def write(text: str | bytes):
        path = tmp_path / "budget.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_file_has_a_default_and_layers_of_their_own(budget_file):
    text = "[default]\ng = 16\nk = 12\n[layer.conv_2d_0]\nk = 24\ns = 3\n[layer.fully_connected_7]\ng = 4\n"
    budget = parse(str(budget_file(text)))
    assert budget.of("conv_2d_0") == TrSetting(16, 24, 3)
    assert budget.of("fully_connected_7") == TrSetting(4, 12, None)
    assert budget.of("conv_2d_5") == TrSetting(16, 12, None)
    assert str(budget) == "g=16,k=12; conv_2d_0: g=16,k=24,s=3; fully_connected_7: g=4,k=12"


def test_an_empty_file_is_lossless(budget_file):
    assert read(budget_file("")) == Budget()
    assert read(budget_file("[layer.conv_2d_0]\nk = 3\n")) == Budget(TrSetting(), {"conv_2d_0": TrSetting(8, 3)})


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[default", "is not TOML"),
        (b"\xff\xfe", "cannot be read"),
        ("[defaults]\nk = 1", r"only \[default\], \[layer.NAME\] and \[tuned\]"),
        ("k = 1", r"only \[default\]"),
        ("default = 1", r"only \[default\]"),
        ("[layer]\nconv_2d_0 = 1", r"only \[default\]"),
        ("[default]\nk = 0", r"\[default\]: k = 0"),
        ("[default]\nk = true", "k = True"),
        ("[default]\nk = 1.0", "k = 1.0"),
        ('[default]\nk = "1"', "k = '1'"),
        ("[layer.a]\ng = 300", r"\[layer.a\]: g = 300"),
        ("[layer.a]\nterms = 3", "terms = 3"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_cause(text, cause, budget_file):
    path = budget_file(text)
    with pytest.raises(UsageError, match=cause) as caught:
        read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["layer = 5", 'layer = "abc"'])
def test_a_layer_key_that_is_no_table_is_refused(text, budget_file):
    with pytest.raises(UsageError, match=r"only \[default\]"):
        read(budget_file(text))


def test_a_missing_file_or_a_folder_is_refused(tmp_path):
    (tmp_path / "folder.toml").mkdir()
    for name in ("nothing.toml", "folder.toml"):
        with pytest.raises(UsageError, match="cannot be read"):
            parse(str(tmp_path / name))


def test_layers_that_the_model_does_not_have_are_named():
    budget = Budget(layers={"conv_2d_9": TrSetting(8, 1), "conv_2d_0": TrSetting(8, 1), "add_1": TrSetting()})
    with pytest.raises(UsageError, match="names add_1, conv_2d_9; this model has conv_2d_0, conv_2d_4"):
        check_budgets([budget], ["conv_2d_0", "conv_2d_4"])
    check_budgets([budget], ["conv_2d_0", "conv_2d_9", "add_1"])
    assert budget.of("conv_2d_9").terms == 1


def test_parts_have_settings_of_their_own_or_their_operators(tmp_path):
    path = tmp_path / "budget.toml"
    path.write_text("[layer.lstm_0]\nk = 6\n[layer.lstm_0.projection]\nk = 9\ns = 2\n[layer.svdf_1.feature]\nk = 3\n")
    budget = read(path)
    layers = ["lstm_0.input_to_cell", "lstm_0.projection", "svdf_1.feature", "conv_2d_2"]
    settings = [TrSetting(8, 6), TrSetting(8, 9, 2), TrSetting(8, 3), TrSetting()]
    assert [budget.of(layer) for layer in layers] == settings
    check_budgets([budget], layers)
    with pytest.raises(UsageError, match=r"names svdf_1\.feature; this model has"):
        check_budgets([budget], layers[:2])
