#!/usr/bin/env bash
# Makes the Python environment of the end-to-end tests in DIRECTORY, if it isn't there already as
# requirements.txt has it: e2e/venv.sh DIRECTORY
set -euo pipefail
requirements=$(dirname "$0")/requirements.txt
venv=$1

# The copy is made last, so that one half made is made again.
cmp -s "$requirements" "$venv/requirements.txt" && exit
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --requirement "$requirements"
cp "$requirements" "$venv/requirements.txt"
