#!/usr/bin/env bash
# Makes local stand-ins of the images that the Dockerfile and docker-compose.yml name, under the
# same tags, for machines that cannot pull: from Debian's packages, the installed Rust toolchain,
# and the crates that Cargo.lock names. An image that is there already, or that can be pulled, is
# left as it is.
#
#   e2e/images/make.sh rust | httpbin | prometheus
#
# There is none of Grafana, which Debian does not have.
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { printf '%s\n' "$*" >&2; }
fail() { say "e2e/images/make.sh: $*"; exit 1; }

# default FILE VARIABLE: the image that a file names where nobody chose another.
default() {
  local image
  image=$(sed -n "s#^.*$2\(=\|:-\)\([^} ]*\).*#\2#p" "$1" | head -n 1)
  [ -n "$image" ] || fail "$1 names no $2"
  printf '%s\n' "$image"
}

# wanted TAG STATE: whether a stand-in is to be made. STATE distinguishes it from an older one.
wanted() {
  local state
  if state=$(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$1" 2>/dev/null); then
    # Without our label it is the real one.
    [ -n "$state" ] && [ "$state" != "$2" ]
  else
    if timeout 60 docker pull --quiet "$1" >/dev/null 2>&1; then return 1; fi
  fi
}

# packages NAME...: unpacks these Debian packages and all that they depend on into $root.
packages() {
  local archives=$work/archives
  mkdir -p "$archives/partial" "$root"/usr/{bin,lib,lib64,sbin}
  : >"$work/status"
  apt-get update -qq
  apt-get install -qq -y --no-install-recommends --download-only \
    -o APT::Sandbox::User=root -o Dir::State::Status="$work/status" \
    -o Dir::Cache::Archives="$archives" "$@" >/dev/null
  # Debian's merged /usr, which base-files would lay out.
  ln -s usr/bin usr/lib usr/lib64 usr/sbin "$root"
  local archive
  for archive in "$archives"/*.deb; do
    # Some still hold /bin and /lib themselves: tar is not to put directories in the links' places.
    dpkg-deb --fsys-tarfile "$archive" | tar -x -C "$root" --keep-directory-symlink
  done
  mkdir -p "$root"/{tmp,etc,root,proc,sys,dev}
  chmod 1777 "$root/tmp"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
  ln -sf dash "$root/usr/bin/sh"
}

# put TAG STATE CHANGE...: $root as an image.
put() {
  local tag=$1 changes=(--change "LABEL $label=$2")
  shift 2
  local change
  for change; do changes+=(--change "$change"); done
  tar -C "$root" --numeric-owner --owner=0 --group=0 -c . | docker import "${changes[@]}" - "$tag" >/dev/null
  say "made a stand-in of $tag"
}

rust() {
  local tag state sysroot
  tag=$(default Dockerfile RUST_IMAGE)
  state=$(cat Cargo.lock e2e/images/make.sh <(rustc --version) | sha256sum | cut -c 1-16)
  wanted "$tag" "$state" || return 0
  say "making a stand-in of $tag from Debian's packages, $(rustc --version) and Cargo.lock ..."
  packages bash binutils coreutils dash findutils gcc grep libc-bin libc6-dev sed
  ln -s gcc "$root/usr/bin/cc"
  sysroot=$(rustc --print sysroot)
  mkdir -p "$root/usr/local/cargo" "$root/usr/local/bin"
  tar -C "$sysroot" -c bin/cargo bin/rustc lib | tar -x -C "$root/usr/local"
  cargo vendor --quiet --locked --versioned-dirs "$root/usr/local/cargo/vendor" >/dev/null
  cat >"$root/usr/local/cargo/config.toml" <<'CONFIG'
[net]
offline = true
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "/usr/local/cargo/vendor"
CONFIG
  put "$tag" "$state" 'ENV CARGO_HOME=/usr/local/cargo' \
    'ENV PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    'CMD ["bash"]'
}

httpbin() {
  local tag state
  tag=$(default docker-compose.yml HTTPBIN_IMAGE)
  state=$(sha256sum e2e/images/make.sh | cut -c 1-16)
  wanted "$tag" "$state" || return 0
  say "making a stand-in of $tag from Debian's packages ..."
  packages dash gunicorn libc-bin python3-httpbin python3-minimal
  put "$tag" "$state" 'CMD ["gunicorn", "-b", "0.0.0.0:80", "httpbin:app"]' 'EXPOSE 80'
}

prometheus() {
  local tag state
  tag=$(default docker-compose.yml PROMETHEUS_IMAGE)
  state=$(sha256sum e2e/images/make.sh | cut -c 1-16)
  wanted "$tag" "$state" || return 0
  say "making a stand-in of $tag from Debian's packages ..."
  packages dash libc-bin prometheus
  mkdir -p "$root/prometheus" "$root/bin"
  chmod 777 "$root/prometheus"
  put "$tag" "$state" 'ENTRYPOINT ["/usr/bin/prometheus"]' 'WORKDIR /prometheus' 'EXPOSE 9090'
}

label=mtls-demo.stand-in
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -m 755 "$root"
case "${1:-}" in
  rust | httpbin | prometheus) "$1" ;;
  *) fail "say rust, httpbin or prometheus" ;;
esac
