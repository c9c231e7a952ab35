#!/bin/sh
# Installs what `make demo`, `make docs`, `make test` or `make reproduce` needs, and nothing that is there already: Debian packages
# first, so that a missing compiler is seen in the first second, then Python packages into .venv, Node.js among them, and
# at last what runs in that.
#
# usage: ./install.sh demo|docs|test|reproduce
# Ends with 0, or with 5 where something is missing and cannot be installed. make, which calls this, says "Error 5" then,
# and like after any failure itself ends with 2.
set -eu
group=${1:?usage: ./install.sh demo|docs|test|reproduce}
cd "$(dirname "$0")"
venv=.venv

# A program, or a file, and the Debian package that brings it. The names are the same on Debian 12 and 13 and on Ubuntu
# 22.04 and 24.04; only Python's differ, see `missing`.
demo="arm-none-eabi-gcc:gcc-arm-none-eabi qemu-system-arm:qemu-system-arm"
test="$demo gcc:gcc g++:g++ /usr/include/stdio.h:libc6-dev make:make git:git clang:clang cmake:cmake espeak-ng:espeak-ng
    riscv64-unknown-elf-gcc:gcc-riscv64-unknown-elf qemu-system-riscv32:qemu-system-misc
    verilator:verilator iverilog:iverilog yosys:yosys tclsh:tcl
    chromium:chromium /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf:fonts-dejavu-core"
docs=
reproduce=/usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz:dataset-fashion-mnist
case $group in
    demo) tools=$demo ;;
    docs) tools=$docs ;;
    test) tools=$test ;;
    reproduce) tools=$reproduce ;;
    *) echo "usage: ./install.sh demo|docs|test|reproduce" >&2; exit 2 ;;
esac

fail() {
    echo "install.sh: $*" >&2
    exit 5
}

# The interpreter of .venv if that was made to the end, else the first of the machine's that edge-tr runs on.
find_python() {
    own="$venv/bin/python"
    test -f "$venv/demo.stamp" || "$own" -c 'import pip' 2>/dev/null || own=
    for candidate in $own ${PYTHON:-python3.11 python3.10 python3 python3.12 python3.13}; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "no Python from 3.10 to 3.13 (tried ${PYTHON:-python3.10 to python3.13}): install one, for instance by" \
        "apt-get install python3, or name one: make PYTHON=/path/to/python3"
}

# The packages that are missing, a space before each.
missing() {
    for entry in $tools; do
        command -v "${entry%%:*}" >/dev/null || test -f "${entry%%:*}" || printf ' %s' "${entry#*:}"
    done
    test "$python" = "$venv/bin/python" || "$python" -c 'import ensurepip, venv' 2>/dev/null || printf ' %s-venv' "$named"
    test "$group" != test || has_library || printf ' lib%s-dev' "$named"
}

# Simulators load Python as a library, and a package without wheels (crcmod) is compiled with its headers: Debian packs
# both apart from the interpreter.
has_library() {
    "$python" -c "import ctypes; ctypes.CDLL('lib$named.so.1.0')
import os, sysconfig; os.stat(sysconfig.get_path('include') + '/Python.h')" 2>/dev/null
}

# What apt-get says between its own words with APT::Status-Fd, as one line for each ten percent.
show_apt() {
    shown=
    while IFS=: read -r kind _ percent _; do
        case $kind in
            dlstatus) step="downloaded" ;;
            pmstatus) step="installed" ;;
            *) continue ;;
        esac
        percent=${percent%%.*}
        step="$step $((percent / 10 * 10)) %"
        test "$step" = "$shown" || echo "  $step"
        shown=$step
    done
}

# pip's lines: each package's name, each large file and what takes long.
show_pip() {
    while read -r word name rest; do
        case "$word $rest" in
            Collecting*) echo "  $name" ;;
            Processing*.whl*) echo "  ${name##*/}" ;;
            Downloading*[MG]B*) echo "    $name $rest" ;;
            Building* | Installing*) echo "  $word $name $rest" | cut -c 1-100 ;;
        esac
    done
}

# $1 is sudo or nothing, the others are packages.
apt_install() {
    as=$1
    shift
    log=$(mktemp)
    by_hand="${as:+$as }apt-get update && ${as:+$as }apt-get install -y --no-install-recommends $*"
    echo "installing Debian packages: $*"
    if {
        $as env LC_ALL=C apt-get update &&
            $as env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
                -o APT::Status-Fd=1 -o DPkg::Lock::Timeout=300 "$@" || echo "failed: $?"
    } </dev/null 2>&1 | tee "$log" | show_apt && tail -n 1 "$log" | grep -q '^failed: '; then
        tail -n 20 "$log" >&2
        fail "could not install; the whole log is $log; run:  $by_hand"
    fi
    rm -f "$log"
}

install_packages() {
    wanted=$(missing)
    test -n "$wanted" || return 0
    command -v apt-get >/dev/null || fail "missing, by their Debian names:$wanted. There is no apt-get here: install them by hand"
    if test "$(id -u)" = 0; then
        as=
    elif command -v sudo >/dev/null; then
        as=sudo
    else
        fail "missing tools; as root, run:  apt-get update && apt-get install -y --no-install-recommends$wanted"
    fi
    # shellcheck disable=SC2086
    apt_install "$as" $wanted
    left=$(missing)
    test -z "$left" || fail "installed$wanted, but what should come with$left is still not found; PATH is $PATH"
}

# A group's stamp says that pip has done its part since the group's locked versions or pyproject.toml were last changed.
# Every group holds demo's.
install_python_packages() {
    stamp=$venv/$group.stamp lock=requirements/$group.txt
    test ! -f "$stamp" || test "$lock" -nt "$stamp" || test pyproject.toml -nt "$stamp" || return 0
    echo "installing Python packages for $group into $venv"
    case $named in
        python3.1[01]) ;;
        *) echo "  not on $named: tflite-runtime 2.14.0, pynq 3.1.2 (no wheels; ai-edge-litert and pynq 3.0.1 stand in)" ;;
    esac
    if { pip_installs || : >"$venv/failed"; } </dev/null | show_pip && test -f "$venv/failed"; then
        rm "$venv/failed"
        fail "could not install Python packages: pip's own words are above"
    fi
    touch "$stamp" "$venv/demo.stamp"
}

# What builds others, then the locked versions, which are complete. PyTorch is its own CPU build where pip is told of one,
# else PyPI's; the last step adds edge-tr itself, and what only PyPI's PyTorch needs: CUDA, which is not locked.
pip_installs() {
    pip_install --require-hashes -r requirements/build.txt || return
    if grep -q '^torch==' "$lock"; then
        pip_install --no-index --no-deps --require-hashes -r requirements/torch-cpu.txt 2>/dev/null ||
            echo "  pip is told of no CPU build of PyTorch: PyPI's, with CUDA, is larger" >&2
    fi
    pip_install --no-deps --no-build-isolation --require-hashes -r "$lock" &&
        pip_install --no-build-isolation -e ".$(test "$group" = demo || echo "[$group]")"
}

# Emulators that are packages of npm and what tests run in a browser, in the versions and with the hashes of the lock
# file, and without their scripts.
install_node_packages() {
    test "$group" = test || return 0
    stamp=$venv/node.stamp folder=$venv/lib/node lock=requirements/node/package-lock.json
    test ! -f "$stamp" || test "$lock" -nt "$stamp" || return 0
    echo "installing npm packages into $folder"
    mkdir -p "$folder"
    cp requirements/node/package.json "$lock" "$folder"
    # npm is a script that looks for its Node.js on the path, and Node.js trusts its own certificates: this computer's, too
    certificates=${NODE_EXTRA_CA_CERTS:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}
    if ! said=$(PATH="$PWD/$venv/bin:$PATH" NODE_EXTRA_CA_CERTS="$certificates" npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund 2>&1 </dev/null); then
        echo "$said" >&2
        fail "could not install npm packages: npm's own words are above"
    fi
    touch "$stamp"
}

pip_install() {
    "$venv/bin/python" -m pip install --disable-pip-version-check "$@"
}

python=$(find_python)
named=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
install_packages
if test "$python" != "$venv/bin/python"; then
    rm -f "$venv"/*.stamp
    "$python" -m venv --clear "$venv" || fail "could not make the environment $venv with $python"
fi
install_python_packages
install_node_packages
