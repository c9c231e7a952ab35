#!/bin/sh
# Writes the locked versions of what `install.sh` installs, one file a group, each valid for Python 3.10 to 3.13: `make lock`.
# Versions stay as they are where pyproject.toml allows; remove a file to have its versions chosen anew. Wants uv, which
# resolves for Pythons that are not here.
set -eu
cd "$(dirname "$0")/.."

lock() {
    output=requirements/$1.txt
    shift
    "${UV:-uv}" pip compile --quiet --universal --python-version 3.10 --no-python-downloads --generate-hashes \
        --custom-compile-command "make lock" --output-file "$output" "$@"
}

lock test --extra test pyproject.toml
# The others take the versions of `test`.
lock demo --constraints requirements/test.txt pyproject.toml
lock docs --constraints requirements/test.txt --extra docs pyproject.toml
lock reproduce --constraints requirements/test.txt --extra reproduce pyproject.toml
lock build --constraints requirements/test.txt requirements/build.in
