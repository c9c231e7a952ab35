"""`install.sh` on machines that lack everything: what apt-get and pip are asked for, in which order, and what is said.

The machine is a folder of programs that is the whole PATH. apt-get is a fake that knows the packages of one release and
what each brings; Python is a fake of that release's version. `tests/bare_machine.sh` is the real thing.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pytest

from tests.conftest import PROJECT

BASE = (
    "cat",
    "cp",
    "cut",
    "dirname",
    "env",
    "grep",
    "make",
    "mkdir",
    "mktemp",
    "rm",
    "sed",
    "sh",
    "tail",
    "tee",
    "touch",
)
"""Programs of every Debian, and make."""

DEMO = {"gcc-arm-none-eabi": "arm-none-eabi-gcc", "qemu-system-arm": "qemu-system-arm"}
TEST = DEMO | {
    "gcc": "gcc",
    "g++": "g++",
    "git": "git",
    "clang": "clang",
    "cmake": "cmake",
    "espeak-ng": "espeak-ng",
    "gcc-riscv64-unknown-elf": "riscv64-unknown-elf-gcc",
    "qemu-system-misc": "qemu-system-riscv32",
    "verilator": "verilator",
    "iverilog": "iverilog",
    "yosys": "yosys",
    "tcl": "tclsh",
    "chromium": "chromium",
}
"""Packages and the program that is looked for in each: the same names in all four releases."""

RELEASES = {"Debian 12": "3.11", "Debian 13": "3.13", "Ubuntu 22.04": "3.10", "Ubuntu 24.04": "3.12"}
"""Releases and their Python, whose packages carry its version in their names."""

APT = """
echo "apt-get $*" >>{log}
test "$1" = install || exit 0
for word; do
    case $word in
        install | -*) ;;
        *=*) ;;
        *)
            test -f "{packages}/$word" || {{ echo "E: Unable to locate package $word"; exit 100; }}
            echo "dlstatus:1:49.5:Retrieving file"
            sh "{packages}/$word"
            echo "pmstatus:$word:100.0000:Installed $word"
            ;;
    esac
done
"""
PYTHON = """
case "$*" in
    *"sys.exit(not"*) ;;
    *"python%d.%d"*) echo python{version} ;;
    *"import pip"*) test ! -f {machine}/interrupted ;;
    *ensurepip*) test -f {machine}/ensurepip ;;
    *"ctypes.CDLL('libpython{version}.so.1.0')"*) test -f {machine}/libpython ;;
    "-m venv"*) echo "venv $*" >>{log}; for folder; do :; done; mkdir -p "$folder/bin"; cp "$0" "$folder/bin/python" ;;
    "-m pip install"*)
        echo "pip $*" >>{log}
        case "$*" in *requirements/test.txt*) cp {machine}/npm "$(dirname "$0")/npm" ;; esac
        echo "Collecting numpy<2,>=1.23"
        test ! -f {machine}/offline
        ;;
    *) echo "unexpected: $*" >&2; exit 99 ;;
esac
"""
NPM = 'echo "npm $*" >>{log}; echo "npm says why"; test ! -f {machine}/no-registry'
SLOW_DEBOOTSTRAP = """
for folder; do case "$folder" in */root) break ;; esac; done
mkdir -p "$folder"
mount -t tmpfs none "$folder"
touch {ready}
while :; do sleep 0.2; done
"""
SUDO = 'echo sudo >>{log}; exec "$@"'


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@dataclass(frozen=True)
class Machine:
    """A checkout on a machine of one release, which has `python3` and what tests add."""

    folder: Path
    version: str

    @property
    def programs(self) -> Path:
        return self.folder / "programs"

    @property
    def asked(self) -> list[str]:
        """What was asked of apt-get, pip and sudo, in order."""
        log = self.folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def asked_of(self) -> list[str]:
        """Which package manager was asked, in order; each run of one once."""
        asked = (line.split()[0] for line in self.asked if not line.startswith("venv"))
        return [who for who, _ in groupby(asked)]

    @property
    def installed_itself(self) -> int:
        """How often pip got to the last step."""
        return sum("-e ." in line for line in self.asked)

    @property
    def cleared(self) -> int:
        """How often an environment was made from nothing."""
        return self.asked.count("venv -m venv --clear .venv")

    @property
    def packages(self) -> set[str]:
        """What apt-get was asked to install."""
        (line,) = (line for line in self.asked if line.startswith("apt-get install"))
        assert line.startswith("apt-get install -y --no-install-recommends -o APT::Status-Fd=1 ")
        return {word for word in line.split()[2:] if not word.startswith("-") and "::" not in word}

    def has(self, *programs: str) -> None:
        for name in programs:
            script(self.programs / name, "exit 0")

    def sells(self, package: str, brings: str) -> None:
        """Apt knows a package, which brings a file."""
        path = self.folder / "packages" / package
        script(path, f"echo '#!/bin/sh' >{brings}; chmod +x {brings}")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.folder / "checkout", env={"PATH": str(self.programs), "TMPDIR": str(self.folder)},
            capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip

    def install(self, group: str) -> subprocess.CompletedProcess[str]:
        return self.run("./install.sh", group)


def machine_of(folder: Path, version: str) -> Machine:
    """Root's machine without one tool; apt-get sells what the releases have."""
    made = Machine(folder, version)
    made.programs.mkdir()
    (folder / "checkout").mkdir()
    for name in ("Makefile", "install.sh", "pyproject.toml"):
        shutil.copy(PROJECT / name, folder / "checkout" / name)
    shutil.copytree(PROJECT / "requirements", folder / "checkout" / "requirements")
    for name in (*BASE, "chmod"):
        (made.programs / name).symlink_to(shutil.which(name) or pytest.fail(f"no {name} here"))
    script(made.programs / "id", "echo 0")
    log = folder / "log"
    script(made.programs / "apt-get", APT.format(log=log, packages=folder / "packages"))
    script(folder / "npm", NPM.format(log=log, machine=folder))
    script(made.programs / "python3", PYTHON.format(log=log, machine=folder, version=version))
    for package, program in TEST.items():
        made.sells(package, str(made.programs / program))
    made.sells("fonts-dejavu-core", str(folder / "font"))
    made.sells(f"python{version}-venv", str(folder / "ensurepip"))
    made.sells(f"libpython{version}-dev", str(folder / "libpython"))
    return made


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return machine_of(tmp_path, "3.11")


# --- What is asked for.


@pytest.mark.parametrize("version", RELEASES.values(), ids=RELEASES.keys())
def test_where_every_tool_is_missing_apt_is_asked_for_names_that_the_release_has(version: str, tmp_path: Path) -> None:
    machine = machine_of(tmp_path, version)
    done = machine.install("test")
    assert done.returncode == 0, done.stdout + done.stderr
    files = {"libc6-dev", "fonts-dejavu-core"}  # asked for where the machine of the tests lacks what they bring
    assert machine.packages - files == {*TEST, f"python{version}-venv", f"libpython{version}-dev"}


@pytest.mark.parametrize("version", RELEASES.values(), ids=RELEASES.keys())
def test_the_demo_asks_for_its_own_tools_only(version: str, tmp_path: Path) -> None:
    machine = machine_of(tmp_path, version)
    assert machine.install("demo").returncode == 0
    assert machine.packages == {*DEMO, f"python{version}-venv"}


def test_what_is_there_is_not_asked_for(machine: Machine) -> None:
    machine.has("arm-none-eabi-gcc")
    (machine.folder / "ensurepip").touch()
    assert machine.install("demo").returncode == 0
    assert machine.packages == {"qemu-system-arm"}


def test_tools_are_installed_before_python_packages(machine: Machine) -> None:
    assert machine.install("test").returncode == 0
    assert machine.asked_of == ["apt-get", "pip", "npm"]


def test_packages_of_npm_are_the_locked_ones_and_run_no_script(machine: Machine) -> None:
    assert machine.install("test").returncode == 0
    assert machine.asked[-1] == "npm ci --prefix .venv/lib/node --ignore-scripts --no-audit --no-fund"
    for name in ("package.json", "package-lock.json"):
        installed = machine.folder / "checkout" / ".venv" / "lib" / "node" / name
        assert installed.read_text() == (PROJECT / "requirements" / "node" / name).read_text()


def test_where_npm_fails_its_words_are_shown_and_the_next_run_asks_it_alone(machine: Machine) -> None:
    (machine.folder / "no-registry").touch()
    done = machine.install("test")
    assert done.returncode == 5 and "npm says why\ninstall.sh: could not install npm packages" in done.stderr
    (machine.folder / "no-registry").unlink()
    assert machine.install("test").returncode == 0
    assert machine.asked_of == ["apt-get", "pip", "npm"] and machine.installed_itself == 1


def test_python_packages_are_the_locked_ones(machine: Machine) -> None:
    assert machine.install("test").returncode == 0
    build, torch, locked, itself = (line for line in machine.asked if line.startswith("pip "))
    assert build.endswith(" --require-hashes -r requirements/build.txt")
    assert torch.endswith(" --no-index --no-deps --require-hashes -r requirements/torch-cpu.txt")
    assert locked.endswith(" --no-deps --no-build-isolation --require-hashes -r requirements/test.txt")
    assert itself.endswith(" --no-build-isolation -e .[test]")


def test_progress_is_shown(machine: Machine) -> None:
    said = machine.install("demo").stdout.splitlines()
    (wanted,) = (line for line in said if line.startswith("installing Debian packages: "))
    assert {*wanted.split()[3:]} == {*DEMO, "python3.11-venv"}
    assert "  downloaded 40 %" in said and "  installed 100 %" in said and "  numpy<2,>=1.23" in said


@pytest.mark.parametrize("group", ["demo", "test"])
def test_a_second_run_installs_nothing_and_says_nothing(group: str, machine: Machine) -> None:
    assert machine.install(group).returncode == 0
    before = machine.asked
    again = machine.install(group)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert machine.install("demo").returncode == 0  # which every group holds
    assert machine.asked == before


@pytest.mark.parametrize("changed", ["pyproject.toml", "requirements/demo.txt"])
def test_new_dependencies_are_installed(changed: str, machine: Machine) -> None:
    machine.install("demo")
    later = (machine.folder / "checkout" / ".venv" / "demo.stamp").stat().st_mtime + 5
    os.utime(machine.folder / "checkout" / changed, (later, later))
    machine.install("demo")
    assert machine.asked_of == ["apt-get", "pip"] and machine.installed_itself == 2


def test_an_environment_whose_python_is_gone_is_made_again(machine: Machine) -> None:
    machine.install("demo")
    (machine.folder / "checkout" / ".venv" / "bin" / "python").unlink()
    assert machine.install("demo").returncode == 0
    assert machine.asked_of == ["apt-get", "pip"] and machine.installed_itself == 2


@pytest.mark.parametrize(("version", "left_out"), [("3.11", False), ("3.13", True)])
def test_what_has_no_wheel_for_this_python_is_named(version: str, left_out: bool, tmp_path: Path) -> None:
    said = machine_of(tmp_path, version).install("test").stdout
    assert ("not on python3.13: tflite-runtime 2.14.0, pynq 3.1.2" in said) is left_out


def test_an_environment_that_was_not_made_to_the_end_is_made_again(machine: Machine) -> None:
    """`python -m venv` puts the interpreter there first and pip last."""
    (machine.folder / "ensurepip").touch()
    machine.run("python3", "-m", "venv", ".venv")
    (machine.folder / "checkout" / ".venv" / "half").touch()
    (machine.folder / "interrupted").touch()
    assert machine.install("demo").returncode == 0
    assert machine.cleared == 1 and machine.installed_itself == 1


# --- What is said where it cannot be installed: exit code 5 always.


def test_without_root_and_sudo_the_one_command_to_run_is_printed(machine: Machine) -> None:
    script(machine.programs / "id", "echo 1000")
    done = machine.install("demo")
    install = "apt-get install -y --no-install-recommends gcc-arm-none-eabi qemu-system-arm python3.11-venv"
    assert done.returncode == 5 and machine.asked == []
    assert f"missing tools; as root, run:  apt-get update && {install}" in done.stderr


def test_make_says_5_and_ends_with_its_own_2(machine: Machine) -> None:
    script(machine.programs / "id", "echo 1000")
    done = machine.run("make", "demo")
    assert done.returncode == 2 and "install-demo] Error 5" in done.stderr and "edge-tr demo" not in done.stdout


def test_with_sudo_it_is_used(machine: Machine) -> None:
    script(machine.programs / "id", "echo 1000")
    script(machine.programs / "sudo", SUDO.format(log=machine.folder / "log"))
    assert machine.install("demo").returncode == 0
    assert machine.asked_of == ["sudo", "apt-get", "sudo", "apt-get", "pip"]


def test_where_apt_fails_its_words_are_shown_and_pip_is_not_begun(machine: Machine) -> None:
    (machine.folder / "packages" / "qemu-system-arm").unlink()
    done = machine.install("demo")
    assert done.returncode == 5 and "E: Unable to locate package qemu-system-arm" in done.stderr
    assert "run:  apt-get update && apt-get install -y --no-install-recommends gcc-arm-none-eabi" in done.stderr
    assert not any(line.startswith("pip") for line in machine.asked)


def test_a_package_that_does_not_bring_its_program_is_named(machine: Machine) -> None:
    machine.sells("qemu-system-arm", str(machine.programs / "something-else"))
    done = machine.install("demo")
    assert done.returncode == 5 and "what should come with qemu-system-arm is still not found" in done.stderr


def test_without_apt_the_packages_are_named(machine: Machine) -> None:
    (machine.programs / "apt-get").unlink()
    done = machine.install("demo")
    assert done.returncode == 5 and "gcc-arm-none-eabi qemu-system-arm python3.11-venv" in done.stderr


def test_where_pip_fails_the_next_run_begins_again(machine: Machine) -> None:
    (machine.folder / "offline").touch()
    done = machine.install("demo")
    assert done.returncode == 5 and "could not install Python packages" in done.stderr
    (machine.folder / "offline").unlink()
    assert machine.install("demo").returncode == 0
    assert machine.asked_of == ["apt-get", "pip"] and machine.installed_itself == 1


def test_without_a_python_that_will_do_it_is_said(machine: Machine) -> None:
    (machine.programs / "python3").unlink()
    done = machine.install("demo")
    assert done.returncode == 5 and "no Python from 3.10 to 3.13" in done.stderr and machine.asked == []


# --- The real machine.


@pytest.mark.parametrize(
    ("name", "text", "cause"),
    [("id", "echo 1000", "needs root"), ("unshare", "exit 1", "forbids namespaces")],
)
def test_where_no_bare_machine_can_be_made_it_fails_and_says_why(
    name: str, text: str, cause: str, tmp_path: Path
) -> None:
    programs = tmp_path / "programs"
    script(programs / "id", "echo 0")
    script(programs / "debootstrap", "exit 0")
    script(programs / name, text)
    (tmp_path / "machines").mkdir()
    done = subprocess.run(
        [PROJECT / "tests" / "bare_machine.sh", "--install-only", tmp_path / "machines"],
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 5 and cause in done.stderr
    assert list((tmp_path / "machines").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="making a machine needs root")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_interrupted_bare_machine_leaves_no_process_no_mount_and_no_folder(number: int, tmp_path: Path) -> None:
    """debootstrap is a fake that mounts, as the real one does, and takes its time."""
    machines, programs, ready = tmp_path / "machines", tmp_path / "programs", tmp_path / "ready"
    machines.mkdir()
    here = 'for folder; do case "$folder" in */root) break ;; esac; done'
    script(
        programs / "debootstrap", f'{here}; mkdir -p "$folder"; mount -t tmpfs none "$folder"; touch {ready}; sleep 77'
    )
    process = subprocess.Popen(
        [PROJECT / "tests" / "bare_machine.sh", "--install-only", machines],
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}, stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # under nohup, or of a job in the background, ignored
    )  # fmt: skip
    while not ready.exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(60) != 0
    assert list(machines.iterdir()) == []
    assert str(machines) not in Path("/proc/mounts").read_text(encoding="utf-8")
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(machines).encode() in command_of(path)]


def command_of(path: Path) -> bytes:
    """A process's command line; empty if it has just ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
