#!/usr/bin/env bash
# Sets mtls-demo up on this machine. The Rust tools do the work; this names and starts them.
set -euo pipefail
cd "$(dirname "$0")"
. setup/cluster.sh
. setup/compose.sh
. setup/k8s.sh
. setup/rollout.sh

usage() {
  cat <<'END'
Usage: ./setup.sh [COMMAND]

  local     build, make certificates, start both services on loopback; Ctrl-C stops them
  compose   the same in containers, by docker compose
  k8s       the same in the cluster that kubectl points to: minikube, kind, k3d, Docker Desktop
              --registry R      push the images to R, for any other cluster
              --load 'COMMAND'  or load each image, $IMAGE, into it by a command of yours
              --private         let only private addresses reach the page by the load balancer
              --host NAME       let the page answer to this name and loopback names only; repeatable
              --dry-run         print what would be done, and change nothing
  logs      follow the logs of both services, in the cluster or in compose
  bench     measure it side by side with nginx and Envoy; "bench --help" lists what can be measured
  down      remove what compose and k8s started; --volumes removes compose's certificates too
  test      everything that is checked: format, lints, tests, documents, scripts

Without a command: k8s, where a cluster answers.

Ports of `local`, to be set in the environment if they are taken; `compose` has the first:
  WEB_PORT=4000  API_PORT=3000  WEB_ADMIN_PORT=9001  API_ADMIN_PORT=9000
Namespace of `k8s`, `logs` and `down`: NAMESPACE=default
Certificates are in certs/pki, those of another namespace in certs/pki-NAMESPACE; CERTS_DIR=... puts
them elsewhere.
END
}

say() { printf '%s\n' "$*" >&2; }
fail() { say "setup.sh: $*"; exit 1; }

# need COMMAND PACKAGE...: have a command, from these Debian packages where root may install them.
need() {
  local command=$1
  shift
  command -v "$command" >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing $* for $command ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  else
    fail "$command is missing: install it, as with \"sudo apt-get install $*\""
  fi
}

need_rust() {
  command -v cargo >/dev/null || fail "cargo is missing: install Rust 1.88 or later from rustup.rs"
  need cc gcc libc6-dev
}

# free_port PORT VARIABLE COMMAND: a port that nobody listens on.
free_port() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || return 0
  local owner
  owner=$(ss -Hltnp "sport = :$1" 2>/dev/null | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1 (process \2)/p' | head -n 1)
  say "setup.sh: port $1 is taken by ${owner:-another program}: stop it, or set $2, as in $2=$(($1 + 10000)) ./setup.sh $3"
  return 1
}

# named NAME: puts a name before each line, to the last one: Ctrl-C reaches it too, and must not end it.
named() {
  trap '' INT TERM
  exec sed -u "s/^/$1/"
}

# ready NAME PROCESS ADMIN_PORT: wait until the service is ready, or has ended.
ready() {
  local deadline=$((SECONDS + 10))
  until curl -fs --max-time 1 "http://127.0.0.1:$3/readyz" >/dev/null; do
    kill -0 "$2" 2>/dev/null || fail "$1 did not start: see its output above"
    [ "$SECONDS" -lt "$deadline" ] || fail "$1 is not ready after 10 s: see http://127.0.0.1:$3/readyz"
    sleep 0.05
  done
}

start_local() {
  need_rust
  need curl curl ca-certificates
  local web=${WEB_PORT:-4000} api=${API_PORT:-3000}
  local web_admin=${WEB_ADMIN_PORT:-9001} api_admin=${API_ADMIN_PORT:-9000}
  local taken=0
  free_port "$web" WEB_PORT local || taken=1
  free_port "$api" API_PORT local || taken=1
  free_port "$web_admin" WEB_ADMIN_PORT local || taken=1
  free_port "$api_admin" API_ADMIN_PORT local || taken=1
  [ "$taken" = 0 ] || exit 1

  cargo build --profile local --locked -p certs -p api-service -p client-service
  local bin=${CARGO_TARGET_DIR:-target}/local pki=${CERTS_DIR:-certs/pki}
  "$bin/certs" --dir "$pki" init
  # Another authority, which made itself a client of the same name: for the third curl line below.
  local stranger=${CARGO_TARGET_DIR:-target}/stranger
  "$bin/certs" --dir "$stranger" init >/dev/null

  running=()
  trap 'stop_local; exit 0' INT TERM
  trap stop_local EXIT
  HOST=127.0.0.1 PORT=$api ADMIN_PORT=$api_admin CERT_PATH=$pki/api-service \
    "$bin/api-service" > >(named "api-service    | ") 2>&1 &
  running+=($!)
  HOST=127.0.0.1 PORT=$web ADMIN_PORT=$web_admin CERT_PATH=$pki/client-service \
    API_SERVICE_URL=https://localhost:$api \
    "$bin/client-service" > >(named "client-service | ") 2>&1 &
  running+=($!)
  ready api-service "${running[0]}" "$api_admin"
  ready client-service "${running[1]}" "$web_admin"

  cat <<END

  Open http://localhost:$web and click "Fetch Secure Data".

  Or ask the API yourself, with the client's certificate, without one, and with a stranger's:

    curl --cacert $pki/ca/ca.crt --cert $pki/client-service/tls.crt --key $pki/client-service/tls.key https://localhost:$api/api/data
    curl --cacert $pki/ca/ca.crt https://localhost:$api/api/data
    curl --cacert $pki/ca/ca.crt --cert $stranger/client-service/tls.crt --key $stranger/client-service/tls.key https://localhost:$api/api/data

  The output below says why the last two are refused, as does http://localhost:$api_admin/handshakes. Ctrl-C stops both.

END
  # The first to end ends both.
  wait -n "${running[@]}" || true
  say "setup.sh: a service has ended: see its output above"
  exit 1
}

stop_local() {
  trap - EXIT INT TERM
  kill -TERM "${running[@]}" 2>/dev/null || true
  wait "${running[@]}" 2>/dev/null || true
}

run_tests() {
  need_rust
  need curl curl ca-certificates
  need openssl openssl
  need chromium chromium
  need chromedriver chromium-driver
  need shellcheck shellcheck
  need nginx nginx-light
  need h2load nghttp2-client
  need ab apache2-utils
  need promtool prometheus
  need node nodejs
  need php php-cli
  need apache2 apache2-bin
  need javac default-jdk-headless
  # Libraries without a command.
  [ -e /usr/share/java/tomcat10-embed-core.jar ] || need tomcat10-embed-core libtomcat10-embed-java
  [ -e /usr/share/java/jetty9-server.jar ] || need jetty9-server libjetty9-java
  need wget wget
  need gnutls-cli gnutls-bin
  need tstclnt libnss3-tools
  need node nodejs
  need keytool default-jdk-headless
  need docker-registry docker-registry
  need python3 python3
  # There is no command of this name: without the module, the package is to be installed.
  python3 -c 'import ensurepip' 2>/dev/null || need python3-venv python3-venv

  step() { say; say "== $*"; "$@"; }
  step .ci/words
  step cargo fmt --all --check
  step cargo fmt --manifest-path fuzz/Cargo.toml --check
  step cargo clippy --workspace --all-targets --locked -- -D warnings
  step mtls/features.sh
  step cargo build --workspace --locked
  # Alone, the crate has no profile: with the workspace's, what it depends on is not built again.
  step cargo package --package mtls --all-features --offline --locked --allow-dirty --quiet \
    --config 'profile.dev.debug="line-tables-only"' --config 'profile.dev.package."*".opt-level=1'
  # Before the tests: where kubectl is missing or old, this brings one that they use too.
  step e2e/k8s/check.py
  local venv=${CARGO_TARGET_DIR:-target}/e2e-venv
  step e2e/venv.sh "$venv"
  step "$venv/bin/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml
  step cargo test --workspace --locked --doc --quiet
  local said=${CARGO_TARGET_DIR:-target}/tests.log
  if cargo nextest --version >/dev/null 2>&1; then
    step cargo nextest run --workspace --locked 2>&1 | tee "$said"
  else
    step cargo test --workspace --locked --lib --bins --tests -- --show-output 2>&1 | tee "$said"
  fi
  # A workspace of its own, in the same target directory; PROPTEST_CASES=100000 looks longer.
  CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target} step cargo test --manifest-path fuzz/Cargo.toml --quiet
  RUSTDOCFLAGS="-D warnings" step cargo doc --workspace --locked --no-deps --quiet
  step shellcheck setup.sh setup/*.sh e2e/*.sh e2e/images/*.sh mtls/*.sh mtls/tests/limbo/*.sh .ci/run .ci/words
  if cargo deny --version >/dev/null 2>&1; then
    step cargo deny check bans licenses sources
  else
    say "== cargo deny is not installed: bans, licences and sources were NOT checked"
  fi
  say
  grep -o 'SKIPPED: .*' "$said" | sort -u >&2 || true
  say "All checks passed; $(grep -c 'SKIPPED: ' "$said" || true) tests or parts of them were skipped."
}

run_bench() {
  need_rust
  case " $* " in
    *" -h "* | *" --help "*) ;;
    *)
      need python3 python3
      python3 -c 'import ensurepip' 2>/dev/null || need python3-venv python3-venv
      need h2load nghttp2-client
      # Apart from the bench, so that its dependencies change no feature of theirs.
      cargo build --release --locked -p api-service -p client-service -p gateway
      ;;
  esac
  cargo build --release --locked --quiet -p bench
  exec "${CARGO_TARGET_DIR:-target}/release/bench" --peers "${CARGO_TARGET_DIR:-target}/bench/peers" "$@"
}

start_anything() {
  if cluster_answers; then
    start_k8s
  else
    say "no Kubernetes cluster answers: start one (\"minikube start\") and run this again, or take one of these:"
    say
    say "  ./setup.sh local     both services on this machine; needs Rust"
    say "  ./setup.sh compose   both services in containers; needs Docker"
    exit 1
  fi
}

stop_everything() {
  case "${*:-}" in
    "" | --volumes) ;;
    *) usage >&2; exit 2 ;;
  esac
  stop_compose "$@"
  stop_k8s
}

command=${1:-}
[ $# = 0 ] || shift
case $command in
  "") start_anything ;;
  bench) run_bench "$@" ;;
  compose) start_compose "$@" ;;
  down) stop_everything "$@" ;;
  k8s) start_k8s "$@" ;;
  local) start_local ;;
  logs) follow_logs ;;
  test) run_tests ;;
  -h | --help | help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
