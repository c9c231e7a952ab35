"""The command line as such: help, JSON, exit codes, streams."""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from edge_tr import cli, compiler, errors, overlays, verbs
from edge_tr.arguments import EXIT_CODES
from edge_tr.errors import MismatchError
from edge_tr.target.version import described
from tests.system.helpers import ALL_BOARDS, DIGITS, PROCESS_ENVIRONMENT, refused, run, run_process, succeed

COMMANDS = ("inspect", "build", "flash", "check", "emulate", "bench", "tune", "keys", "boards", "doctor", "demo")


def start(*arguments: object, **options) -> subprocess.Popen:
    """The command as a process under way, which heeds Ctrl-C even if the tests run in the background and do not."""
    command = [sys.executable, "-m", "edge_tr.cli", *map(str, arguments)]
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(
        command, env=PROCESS_ENVIRONMENT, stderr=subprocess.PIPE, text=True, preexec_fn=heed, **options
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "host"
    succeed("build", DIGITS, "--target", "host", "-o", folder)
    return folder


def test_help_names_every_command_the_first_steps_and_the_exit_codes() -> None:
    ran = run("--help")
    assert ran.code == 0
    for words in (*COMMANDS, "first steps", "exit codes: 0 done", "7 the device's answers differ"):
        assert words in ran.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_within_80_columns(command: str) -> None:
    ran = run_process(command, "--help", COLUMNS="80")
    assert ran.code == 0 and "--json" in ran.out and "--quiet" in ran.out
    _, _, after_usage = ran.out.partition("\n\n")  # argparse does not wrap a group of exclusive options there
    help_lines = after_usage.split("\nexit codes")[0].splitlines()
    assert max(map(len, help_lines)) <= 80


def test_the_version_is_the_packages() -> None:
    assert run("--version").out.strip() == f"edge-tr {described()}"


def test_every_documented_exit_code_is_an_error_class_and_no_other() -> None:
    codes = sorted(kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and kind.__doc__)
    assert codes == [1, 2, 3, 4, 5, 6, 7]
    documented = {int(code) for code in EXIT_CODES.split() if code.isdigit()}
    assert documented == {0, *codes}


@pytest.mark.parametrize("arguments", [(), ("frob",), ("build",), ("check",), ("check", "x", "--limit", "many")])
def test_a_wrong_command_line_shows_its_usage_and_exits_with_2(arguments: tuple[str, ...]) -> None:
    ran = run(*arguments, *(["--json"] if arguments else []))
    assert ran.code == 2 and ran.out == "" and ran.err.startswith("usage: edge-tr")


def test_boards_are_listed_as_text_and_as_json() -> None:
    listed = succeed("boards", "--json").json
    assert [board["name"] for board in listed] == [*ALL_BOARDS, *overlays.names()]
    assert {board["verified"] for board in listed} <= {"hardware", "emulator", "builds"}
    assert all(board["costs_counted_on"] in (*ALL_BOARDS, *overlays.names()) for board in listed)
    assert all(board["emulator"] or board["costs_counted_on"] != board["name"] for board in listed)
    text = succeed("boards").out
    assert all(name in text for name in ALL_BOARDS) and "verified in an emulator" in text


def test_a_model_is_inspected_as_text_and_as_json() -> None:
    model = succeed("inspect", DIGITS, "--json").json
    text = succeed("inspect", DIGITS).out
    assert model["inputs"][0]["shape"][0] == 1 and model["inputs"][0]["dtype"] == "int8"
    for layer in model["layers"]:
        assert layer["name"] in text
        assert (layer["terms"] > 0) == (layer["weights"] > 0)


def test_json_is_all_that_stdout_gets_and_text_is_the_same_build(built: Path, tmp_path: Path) -> None:
    manifest = succeed("build", DIGITS, "--target", "host", "-o", tmp_path / "a", "--json").json
    assert manifest == json.loads((built / "build.json").read_text())
    text = succeed("build", DIGITS, "--target", "host", "-o", tmp_path / "b").out
    assert f"used {manifest['flash_bytes']:,} of {manifest['flash_limit']:,} bytes" in text
    assert text.endswith(f"written to {tmp_path / 'b'}\n")


def test_the_folder_is_named_after_model_and_board(tmp_path: Path) -> None:
    ran = run_process("build", DIGITS, "--target", "host", cwd=tmp_path)
    assert ran.code == 0 and (tmp_path / "out" / f"{DIGITS.stem}-host" / "build.json").is_file()


def test_a_bug_shows_its_traceback_asks_for_a_report_and_exits_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(compiler, "flash", broken)
    ran = run("flash", "somewhere", "--json")
    assert ran.code == 1 and ran.out == ""
    assert "RuntimeError: a bug" in ran.err and "this is a bug of edge-tr, please report it" in ran.err


def test_a_mismatch_keeps_its_exit_code_when_the_reader_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def mismatch(arguments) -> int:
        verbs._print(arguments, [], "text")
        raise MismatchError("differs")

    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        monkeypatch.setitem(verbs.VERBS, "boards", mismatch)
        assert cli.main(["boards"]) == MismatchError.exit_code


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_reader_that_has_gone_is_no_error(options: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = start("boards", *options, stdout=writer)
    os.close(writer)
    assert process.communicate()[1] == "" and process.returncode == 0


def test_a_full_disk_behind_stdout_is_one_message() -> None:
    with open("/dev/full", "w") as full:
        process = start("boards", stdout=full)
        assert "cannot write the result: No space left on device" in process.communicate()[1]
    assert process.returncode == 2


def test_ctrl_c_ends_with_one_line_and_130(built: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"socket://127.0.0.1:{silent.getsockname()[1]}"
        process = start("check", built, "--port", url, stdout=subprocess.PIPE)
        client, _ = silent.accept()
        assert client.recv(1) == b"\0"  # HELLO is on its way
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    client.close()
    assert (process.returncode, out, err) == (130, "", "edge-tr: interrupted\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--baud", "9600"), "--baud and --wait need --port: they apply to a serial port"),
        (("--wait", "3"), "--baud and --wait need --port: they apply to a serial port"),
        (("--port", "x", "--baud", "0"), "'0' is not a speed from 1 to 20,000,000 bits in a second"),
        (("--port", "x", "--baud", "fast"), "'fast' is not a speed from 1 to"),
        (("--port", "x", "--wait", "-1"), "'-1' is not a number of seconds from 0 to 86,400"),
        (("--port", "x", "--wait", "nan"), "'nan' is not a number of seconds"),
    ],
)
@pytest.mark.parametrize("command", ["flash", "check"])
def test_a_speed_and_a_wait_that_mean_nothing_are_refused(
    command: str, arguments: tuple[str, ...], words: str, built: Path
) -> None:
    ran = run(command, built, *arguments)
    assert ran.code == 2 and words in ran.err


def test_the_speed_and_the_wait_reach_the_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple] = []

    def open_port(*arguments: object) -> None:
        asked.append(arguments)
        raise errors.DeviceError("asked")

    monkeypatch.setattr(compiler.mcu_boards, "open_port", open_port)
    monkeypatch.setattr("edge_tr.target.flash.open_port", open_port)
    succeed("build", DIGITS, "--target", "mps2-an386", "-o", tmp_path)
    for options, expected in (((), (115200, "none", 0.0)), (("--baud", 9600, "--wait", 2.5), (9600, "none", 2.5))):
        for command in ("flash", "check"):
            refused(run(command, tmp_path, "--port", "somewhere", *options), 6, "asked")
            assert asked.pop() == ("somewhere", *expected)


def test_no_output_has_colour_codes_with_or_without_no_color(built: Path) -> None:
    for environment in ({}, {"NO_COLOR": "1"}):
        ran = run_process("boards", **environment)
        assert "\x1b" not in ran.out + ran.err


def test_quiet_says_nothing_on_stderr(tmp_path: Path) -> None:
    for arguments in (("build", DIGITS, "--target", "host", "-o", tmp_path), ("flash", tmp_path)):
        assert run_process(*arguments, "-q").err == ""


def test_an_error_with_json_leaves_stdout_empty() -> None:
    ran = run("inspect", "/nowhere.tflite", "--json")
    refused(ran, 2, "/nowhere.tflite", "No such file")
    assert ran.out == ""
