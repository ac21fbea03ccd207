#!/usr/bin/env bash
# Checks that the crate builds without warnings with each combination of its features, and that
# without `axum` it depends on neither axum nor axum-server.
set -euo pipefail
cd "$(dirname "$0")/.."

features=(client server axum metrics probe)
for ((set = 0; set < 1 << ${#features[@]}; set++)); do
  chosen=
  for ((i = 0; i < ${#features[@]}; i++)); do
    ((set >> i & 1)) && chosen+=,${features[i]}
  done
  cargo clippy --package mtls --locked --quiet --no-default-features --features "${chosen#,}" -- -D warnings ||
    { echo "mtls/features.sh: failed with the features \"${chosen#,}\"" >&2; exit 1; }
done

# The names alone: a checkout may have any path.
tree=$(cargo tree --package mtls --locked --edges no-dev --prefix none --format '{p}' \
  --no-default-features --features client,server,metrics,probe)
if grep -E '^axum(-server)? ' <<<"$tree"; then
  echo "mtls/features.sh: without the feature axum, the crate depends on axum" >&2
  exit 1
fi
