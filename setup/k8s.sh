# shellcheck shell=bash disable=SC2154 # what setup/cluster.sh sets
# `setup.sh k8s`: images, certificates and manifests, from here to the cluster.

start_k8s() {
  local dry_run=0 registry='' load='' hosts='' private=0 context kind namespace secrets='' name
  while [ $# -gt 0 ]; do
    case $1 in
      --dry-run) dry_run=1 ;;
      --host)
        [[ ${2:-} =~ ^[A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?$ ]] || fail "--host needs a host name, as in --host demo.example"
        hosts+=${hosts:+,}$2
        shift
        ;;
      --load) load=${2:?"give the command that loads \$IMAGE, as in --load 'docker save \"\$IMAGE\" | ssh node ctr -n k8s.io images import -'"}; shift ;;
      --private) private=1 ;;
      --registry) registry=${2:?"give the registry, as in --registry ghcr.io/you"}; shift ;;
      *) usage >&2; exit 2 ;;
    esac
    shift
  done
  need_namespace_name
  need_cluster
  [ "$kind" != other ] || [ -n "$registry$load" ] \
    || fail "$context is not minikube, kind, k3d or Docker Desktop, so images cannot be put into it: give a registry that it pulls from, as in \"./setup.sh k8s --registry ghcr.io/you\", or the command that loads an image, as in --load 'COMMAND'"
  [ "$dry_run" = 1 ] || need_engine

  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  : >"$work/images"
  cp -R k8s "$work/k8s"
  render
  secrets=$(awk '/^kind: / { kind = $2 } kind == "Deployment" && $1 == "secretName:" { print $2 }' "$work/manifests.yaml" | sort -u | tr '\n' ' ')
  refuse_unknown_apis "$work/manifests.yaml"
  refuse_foreign_objects "$work/manifests.yaml"
  refuse_second_owner

  say "context $context ($kind), namespace $namespace${registry:+, images by $registry}"
  [ "$dry_run" = 0 ] || say "nothing is done; this would be:"
  bring_images
  chosen cert-manager || make_certificates
  deploy
  for name in $(deployments); do
    if [ "$dry_run" = 1 ]; then
      run kubectl -n "$namespace" rollout status "deployment/$name"
    else
      wait_for_rollout "$name"
    fi
  done
  [ "$dry_run" = 1 ] || tell_k8s
}

# run COMMAND...: does it, or says that it would.
run() {
  if [ "$dry_run" = 1 ]; then
    printf '  %s\n' "$*"
  else
    "$@"
  fi
}

# Whether a component's line in k8s/Kustomization is no comment.
chosen() {
  grep -qE "^ *- *components/$1 *$" k8s/Kustomization
}

# Writes what is to be applied: k8s/ with its components, in this namespace, with the label of what
# setup.sh applied, and with the images that were brought.
render() {
  {
    printf '%s\n' "namespace: $namespace" "resources: [k8s]" \
      "labels: [{pairs: {${managed_by%=*}: ${managed_by#*=}}}]" "images:"
    cat "$work/images"
    [ -z "$registry" ] || printf '%s\n' "components: [k8s/components/registry]"
    ! chosen cert-manager || printf '%s\n' "replacements: [{path: k8s/components/cert-manager/namespace.yaml}]"
    printf '%s\n' "patches:"
    [ "$private" = 0 ] || cat <<'END_OF_PATCH'
  - target: {kind: Service, name: client-service}
    patch: |
      - op: add
        path: /spec/loadBalancerSourceRanges
        value: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, fc00::/7]
END_OF_PATCH
    [ -z "$hosts" ] || cat <<END_OF_PATCH
  - target: {kind: Deployment, name: client-service}
    patch: |
      - {op: add, path: /spec/template/spec/containers/0/env/-, value: {name: ALLOWED_HOSTS, value: "$hosts"}}
END_OF_PATCH
  } >"$work/Kustomization"
  kubectl kustomize "$work" >"$work/manifests.yaml" \
    || fail "k8s/ cannot be rendered: see the error above (kubectl must be 1.21 or later)"
}

# The Deployments that are applied.
deployments() {
  awk '/^kind: / { kind = $2 } kind == "Deployment" && /^  name: / { print $2 }' "$work/manifests.yaml"
}

# The images of ours that the manifests need. A chosen gateway component is for pods applied later.
images() {
  sed -n 's|^ *image: mtls-demo/\([^:]*\):latest$|\1|p' "$work/manifests.yaml" | sort -u
  if chosen gateway-sidecar && ! grep -q 'image: mtls-demo/gateway:' "$work/manifests.yaml"; then echo gateway; fi
}

bring_images() {
  local name image id digest names
  names=$(images)
  for name in $names $(chosen cert-manager || echo certs); do
    run docker build --target "$name" --tag "mtls-demo/$name:latest" . \
      || fail "the image of $name does not build: see the error above"
  done
  for name in $names; do
    # The tag is the content's, so that only what changed is rolled out, and nothing stale runs.
    id=sha256:IMAGE-ID
    [ "$dry_run" = 1 ] || id=$(docker image inspect --format '{{.Id}}' "mtls-demo/$name:latest")
    id=${id#sha256:} id=${id:0:12}
    image=${registry:+$registry/}mtls-demo/$name:$id
    run docker tag "mtls-demo/$name:latest" "$image"
    if [ -z "$registry" ]; then
      bring "$image"
      # The name that k8s/ has, for those who apply it by hand.
      bring "mtls-demo/$name:latest"
      printf '%s\n' "  - {name: mtls-demo/$name, newTag: \"$id\"}" >>"$work/images"
      continue
    fi
    run docker push --quiet "$image" \
      || fail "$image could not be pushed: run \"docker login ${registry%%/*}\", and check that you may write there"
    digest=sha256:DIGEST
    [ "$dry_run" = 1 ] || digest=$(digest_of "$image")
    printf '%s\n' "  - {name: mtls-demo/$name, newName: $registry/mtls-demo/$name, digest: \"$digest\"}" >>"$work/images"
  done
}

# The digest under which the registry has an image that was pushed.
digest_of() {
  local repository=${1%:*} entry digest=
  # The engine leaves the host of its default registry out.
  while read -r entry; do
    [[ $repository == "${entry%@*}" || $repository == */"${entry%@*}" ]] && digest=${entry#*@}
  done < <(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$1")
  [[ $digest == sha256:* ]] || fail "the registry gave no digest for $1"
  printf '%s' "$digest"
}

# Brings an image from the engine to the nodes.
bring() {
  local command=$load
  # The name goes where the command says $IMAGE, or else at its end.
  [[ -z $load || $load == *IMAGE* ]] || command+=" \"\$IMAGE\""
  if [ -n "$load" ]; then
    run env IMAGE="$1" bash -c "$command"
  else
    case $kind in
      docker-desktop) ;; # the cluster's engine is the one that built it
      k3d) run k3d image import --cluster "${context#k3d-}" "$1" ;;
      kind) run kind load docker-image --name "${context#kind-}" "$1" ;;
      minikube) run minikube --profile "$context" image load "$1" ;;
    esac
  fi || fail "$1 could not be brought to $context: see the error above"
}

# certs ARGUMENT...: the authority's command from its image, on this namespace's directory.
certs() {
  local pki=${CERTS_DIR:-}
  # One authority, one namespace.
  [ -n "$pki" ] || case $namespace in default) pki=certs/pki ;; *) pki=certs/pki-$namespace ;; esac
  [ "$dry_run" = 1 ] || mkdir -p "$pki"
  [[ $pki = /* ]] || pki=$PWD/$pki
  run docker run --rm --pull never --network none --read-only --cap-drop ALL --user "$(id -u):$(id -g)" \
    --volume "$pki:/certs/pki" mtls-demo/certs:latest "$@"
}

make_certificates() {
  certs init --namespace "$namespace" | tee "$work/init" \
    || fail "the certificates could not be made: see the error above"
}

deploy() {
  local name arguments=()
  if [ "$namespace" != default ] && ! namespace_exists; then
    run kubectl create namespace "$namespace" || fail "namespace $namespace could not be created: ask for the right to, or set NAMESPACE to one that is yours"
  fi
  for name in $secrets; do arguments+=(--name "${name%-certs}"); done
  if [ "$dry_run" = 1 ]; then
    chosen cert-manager || printf '  %s\n' "certs secrets --namespace $namespace ${arguments[*]} | kubectl label --local -f - $managed_by | kubectl apply -n $namespace -f -"
    printf '  %s\n' "kubectl kustomize k8s | (namespace, label, images${hosts:+, ALLOWED_HOSTS=$hosts}$([ "$private" = 0 ] || echo ", private addresses only")) | kubectl apply -n $namespace -f -"
    return
  fi
  if ! chosen cert-manager; then
    # Through a pipe: no key reaches the disk or a command line.
    certs secrets --namespace "$namespace" "${arguments[@]}" \
      | kubectl label --local -f - "$managed_by" -o json | kubectl apply -n "$namespace" -f - \
      || fail "the Secrets could not be applied to $namespace: see the error above"
  fi
  for name in $(deployments); do give_replicas_to_autoscaler "$name"; done
  render
  kubectl apply -n "$namespace" -f "$work/manifests.yaml" \
    || fail "the manifests could not be applied to $namespace: see the error above"
}

# Whether it exists. Who may not ask is taken to work in one that does.
namespace_exists() {
  local found
  found=$(kubectl get namespace "$namespace" --ignore-not-found --output name 2>/dev/null) || return 0
  [ -n "$found" ]
}

# Older manifests had "replicas". Apply would take its absence for a wish, and scale to 1 until the
# autoscaler looks, if it stayed in the annotation of what was applied last.
give_replicas_to_autoscaler() {
  local applied
  applied=$(kubectl -n "$namespace" get deployment "$1" --ignore-not-found \
    -o 'jsonpath={.metadata.annotations.kubectl\.kubernetes\.io/last-applied-configuration}')
  [[ $applied =~ \"replicas\":[0-9]+, ]] || return 0
  printf '%s' "${applied/"${BASH_REMATCH[0]}"/}" | kubectl -n "$namespace" apply set-last-applied -f - >/dev/null \
    || fail "replicas of $1 could not be left to the autoscaler: see the error above"
}
