#!/usr/bin/env bash
# Fetches the test suite x509-limbo (https://github.com/C2SP/x509-limbo, Apache-2.0) into FILE, for
# `X509_LIMBO=FILE cargo nextest run -p mtls --test limbo`. Left out: the private keys, and the
# thousands of cases of bettertls, which vary in two aspects only.
set -euo pipefail

commit=8a2e6f41023b1716dc16fe63335e4bb972e4c3f6
source=https://raw.githubusercontent.com/C2SP/x509-limbo/$commit/limbo.json

[ $# = 1 ] || { echo "usage: $0 FILE" >&2; exit 2; }
whole=$(mktemp)
trap 'rm -f "$whole"' EXIT
curl --proto '=https' --fail --location --silent --show-error --output "$whole" "$source"
python3 - "$whole" "$1" <<'PYTHON'
import json
import sys

with open(sys.argv[1]) as whole:
    suite = json.load(whole)
suite["testcases"] = [
    {field: value for field, value in case.items() if field != "peer_certificate_key"}
    for case in suite["testcases"]
    if not case["id"].startswith("bettertls::")
]
with open(sys.argv[2], "w") as kept:
    json.dump(suite, kept, indent=1)
print(f"{len(suite['testcases'])} cases in {sys.argv[2]}")
PYTHON
