#!/bin/sh
# Writes the locked versions of what `install.sh` installs, one file a group, each valid for Python 3.10 to 3.13: `make lock`.
# Wants uv, which resolves for Pythons that are not here. All groups take the versions of `test`.
set -eu
cd "$(dirname "$0")/.."

# The one file that is not on PyPI: PyTorch's own CPU build for Python 3.11 on x86-64. A pip that is told where it lies
# takes it; others take PyPI's build, whose CUDA libraries are the one thing that is not locked.
torch_cpu=6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b

lock() {
    output=requirements/$1.txt
    shift
    "${UV:-uv}" pip compile --quiet --universal --python-version 3.10 --no-python-downloads --generate-hashes \
        --custom-compile-command "make lock" --output-file "$output" "$@"
    sed "s/^\(torch==[^ ]*\) .*/&\n    --hash=sha256:$torch_cpu \\\\/" "$output" >"$output.new"
    mv "$output.new" "$output"
}

lock test --extra test pyproject.toml
lock demo --constraints requirements/test.txt pyproject.toml
lock reproduce --constraints requirements/test.txt --extra reproduce pyproject.toml
lock build --constraints requirements/test.txt requirements/build.in
