#!/usr/bin/env bash
# Proves the README's two commands on a machine that has nothing: makes a minimal Debian in a folder (python3, make, git
# and ca-certificates are all that is added), clones the committed state of this checkout into it, and runs `make demo`
# and `make test` there. Needs root, and the right to mount and to change the root folder.
#
# usage: tests/bare_machine.sh [--install-only] [--suite NAME] [FOLDER]
#   --install-only  installs what both commands need and runs the demo, not the tests: minutes
#   --suite NAME    the release: bookworm (Debian 12, the default), trixie (13), jammy (Ubuntu 22.04), noble (24.04)
#   --mirror URL    where debootstrap finds it; by default where this machine's apt finds its own distribution. Ubuntu on
#                   Debian needs it, and is not checked against Ubuntu's keys where those are not installed
#   FOLDER          where the machine is made, as FOLDER/edge-tr-bare.XXXXXX, which is removed at the end (default: /tmp)
#
# What this machine's package managers need to reach their registries (sources, settings, certificates, and the local
# folders that pip's settings name) is carried over as it is. All mounts are in a namespace of their own, with all
# processes: both are gone when this script ends, however it ends.
set -euo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
suite=bookworm mirror='' install_only='' parent=${TMPDIR:-/tmp}

fail() {
    echo "bare_machine.sh: $*" >&2
    exit 5
}

arguments() {
    while test $# -gt 0; do
        case $1 in
            --install-only) install_only=yes ;;
            --suite) suite=${2:?--suite needs the name of a release} && shift ;;
            --mirror) mirror=${2:?--mirror needs an address} && shift ;;
            -*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
            *) parent=$1 ;;
        esac
        shift
    done
}

# --- Outside: the namespace, and the end of it all.

outside() {
    test "$(id -u)" = 0 || fail "needs root, to mount and to change the root folder"
    test -d "$parent" || fail "no folder $parent"
    git -C "$project" diff --quiet HEAD -- || echo "note: only what is committed is tried; there are changes beside it"
    command -v debootstrap >/dev/null || install debootstrap
    unshare --mount --pid --fork true || fail "this machine forbids namespaces, and with them mounting"
    work=$(mktemp -d "$parent/edge-tr-bare.XXXXXX")
    trap 'stop; exit 130' INT
    trap 'stop; exit 143' TERM HUP
    trap 'rm -rf --one-file-system "$work"' EXIT
    unshare --mount --propagation private --pid --fork --kill-child \
        bash "$0" --inside "$work" "$suite" "$mirror" "$install_only" </dev/null &
    child=$!
    wait "$child"
}

stop() {
    kill -KILL "$child" 2>/dev/null || true # unshare heeds nothing milder; what it began dies with it
    wait "$child" || true
}

install() {
    echo "installing $1"
    { apt-get update && apt-get install -y --no-install-recommends "$1"; } >/dev/null </dev/null ||
        fail "needs $1: apt-get update && apt-get install $1"
}

is_ubuntu() {
    case $suite in jammy | noble) ;; *) false ;; esac
}

# --- Inside the namespace: the machine is made and used.

inside() {
    root=$1/root suite=$2 mirror=$3 install_only=$4 no_skips=
    echo "== debootstrap $suite"
    make_system
    carry_settings
    mount_all
    git clone --quiet "$project" "$root/home/edge-tr"
    git -C "$root/home/edge-tr" checkout --quiet --detach "$(git -C "$project" rev-parse HEAD)"
    timed "make demo" there make demo
    if test -n "$install_only"; then
        timed "make install-test" there make install-test
        timed "a second time" installs_nothing
    else
        timed "make test" there make test CI="$no_skips"
    fi
}

timed() {
    local began=$SECONDS
    echo "== $1"
    if "${@:2}"; then
        echo "== $1: done in $((SECONDS - began)) s"
    else
        echo "bare_machine.sh: $1 failed after $((SECONDS - began)) s" >&2
        exit 1
    fi
}

make_system() {
    local components=main script=$suite
    if is_ubuntu; then components=main,universe script=gutsy; fi # what debootstrap calls all Ubuntus since
    debootstrap --variant=minbase --include=python3,make,git,ca-certificates --components=$components \
        "$suite" "$root" "${mirror:-$(apt_mirror)}" "/usr/share/debootstrap/scripts/$script" >"$root.log" 2>&1 ||
        { tail -n 20 "$root.log" >&2 && fail "debootstrap cannot make $suite: its last words are above"; }
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io" # nobody keeps this machine
}

# Where apt finds this machine's own distribution; nothing for another one's releases.
apt_mirror() {
    local origin=Debian
    if is_ubuntu; then origin=Ubuntu; fi
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI)' "Origin: $origin" 'Component: main' 2>/dev/null | sed -n 1p
}

# A command in the clone on the machine, with nothing of this one's environment but what reaches registries.
there() {
    local kept
    mapfile -t kept < <(kept_environment)
    chroot "$root" /usr/bin/env -i "${kept[@]}" HOME=/root TERM=dumb \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c 'cd /home/edge-tr && exec "$@"' sh "$@"
}

kept_environment() {
    env | grep -iE '^((pip|ssl|npm_config|openblas)_[a-z_]*|[a-z]*_ca_bundle|[a-z_]*_ca_certs|[a-z]*_proxy|ci)=' || true
}

installs_nothing() {
    local said
    said=$(there make install-demo install-test)
    echo "${said:-nothing}"
    test -z "$said"
}

# --- What the machine takes from this one, all of it at the same place.

carry_settings() {
    local path
    for path in /etc/resolv.conf /etc/hosts $(named_files); do carry_file "$path"; done
    for path in /etc/ssl/certs /usr/local/share/ca-certificates /usr/share/keyrings /etc/apt/apt.conf.d \
        /etc/apt/auth.conf.d /etc/apt/keyrings /etc/apt/trusted.gpg.d; do carry_folder "$path"; done
    if test "$suite" = "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)"; then # sources name the release
        rm -f "$root/etc/apt/sources.list"
        carry_file /etc/apt/sources.list
        carry_folder /etc/apt/sources.list.d
        carry_folder /etc/apt/preferences.d
    fi
}

carry_file() {
    test -f "$1" || return 0
    mkdir -p "$root$(dirname "$1")"
    cp --dereference "$1" "$root$1"
}

carry_folder() {
    test -d "$1" || return 0
    mkdir -p "$root$1"
    cp -a "$1/." "$root$1/"
}

# Files that pip's and npm's settings are in, and those that settings and the environment name.
named_files() {
    python3 -m pip config debug 2>/dev/null | sed -n 's/^ *\(.*\), exists: True$/\1/p'
    if command -v npm >/dev/null; then
        npm config get globalconfig
        npm config get userconfig
        npm config get cafile
    fi
    kept_environment | sed 's/^[^=]*=//'
    pip_values
}

pip_values() {
    python3 -m pip config list 2>/dev/null | sed 's/^[^=]*=//' | tr "' " '\n\n'
}

mount_all() {
    local path
    mount --bind "$root" "$root" # a machine's root is a mount point: without one, mounting privately fails there
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mountpoint -q "$root/dev/pts" || mount -t devpts devpts "$root/dev/pts"
    # pip's folders of packages; an index is a folder beside its files
    for path in $(pip_values | sed -nE 's#^file://(/.+)/[^/]+/?$#\1#p; /^\//p' | sort -u); do
        test ! -d "$path" || bind_read_only "$path" "$root$path"
    done
    path=$(dirname "$project")/shared
    if test -d "$path"; then
        bind_read_only "$path" "$root/home/shared"
        no_skips=true # a test that is skipped would hide a tool that is missing
    fi
}

bind_read_only() {
    mkdir -p "$2"
    mount --bind "$1" "$2"
    mount -o remount,bind,ro "$2"
}

if test "${1:-}" = --inside; then
    inside "${@:2}"
    exit
else
    arguments "$@"
    outside
    exit # bash reads on where a changed file now is
fi
