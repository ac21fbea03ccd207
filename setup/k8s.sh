# shellcheck shell=bash
# `setup.sh k8s`, and its half of `setup.sh down`.

services=(api-service client-service)

# Sets `context` and `kind` to the cluster in use, or fails.
need_cluster() {
  command -v kubectl >/dev/null \
    || fail "kubectl is missing: install it (kubernetes.io/docs/tasks/tools), or use \"./setup.sh local\" or \"compose\""
  context=$(kubectl config current-context 2>/dev/null) \
    || fail "kubectl has no context: start a cluster, as with \"minikube start\" or \"kind create cluster\", or choose one with \"kubectl config use-context NAME\""
  kubectl --request-timeout=10s get --raw /version >/dev/null 2>&1 \
    || fail "the cluster of context $context does not answer: start it, or choose another with \"kubectl config use-context NAME\""
  case $context in
    docker-desktop) kind=docker-desktop ;;
    k3d-*) kind=k3d ;;
    kind-*) kind=kind ;;
    *)
      # A minikube profile may have any name.
      if [ "$context" = minikube ] || minikube profile list --output json 2>/dev/null | grep -q "\"Name\": *\"$context\""; then
        kind=minikube
      else
        kind=other
      fi
      ;;
  esac
}

# Whether kubectl has a cluster that answers.
cluster_answers() {
  command -v kubectl >/dev/null && kubectl --request-timeout=5s get --raw /version >/dev/null 2>&1
}

# run COMMAND...: does it, or says that it would.
run() {
  if [ "$dry_run" = 1 ]; then
    printf '  %s\n' "$*"
  else
    "$@"
  fi
}

start_k8s() {
  local dry_run=0 registry='' context kind
  while [ $# -gt 0 ]; do
    case $1 in
      --dry-run) dry_run=1 ;;
      --registry) registry=${2:?"say which, as in --registry ghcr.io/you"}; shift ;;
      *) usage >&2; exit 2 ;;
    esac
    shift
  done
  local namespace=${NAMESPACE:-default}
  [[ $namespace =~ ^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$ ]] \
    || fail "NAMESPACE=$namespace is no name of a namespace: use small letters, digits and hyphens"
  need_cluster
  [ "$kind" != other ] || [ -n "$registry" ] \
    || fail "$context is no minikube, kind, k3d or Docker Desktop, so images cannot be put into it: name a registry that it pulls from, as in \"./setup.sh k8s --registry ghcr.io/you\""
  [ "$dry_run" = 1 ] || need_engine

  say "context $context ($kind), namespace $namespace${registry:+, images by $registry}"
  [ "$dry_run" = 0 ] || say "nothing is done; this would be:"
  build_images
  make_certificates
  deploy
  [ "$dry_run" = 0 ] || return 0
  wait_until_rolled_out
  tell_k8s
}

# An image's tag is its content's, so that only what changed is rolled out, and nothing stale runs.
tag_of() {
  local id=sha256:IMAGE-ID
  [ "$dry_run" = 1 ] || id=$(docker image inspect --format '{{.Id}}' "mtls-demo/$1:latest")
  id=${id#sha256:}
  printf '%s' "${id:0:12}"
}

build_images() {
  local name image
  for name in "${services[@]}" certs; do
    run docker build --quiet --target "$name" --tag "mtls-demo/$name:latest" . \
      || fail "the image of $name does not build: its own words stand above"
  done
  for name in "${services[@]}"; do
    image=${registry:+$registry/}mtls-demo/$name:$(tag_of "$name")
    run docker tag "mtls-demo/$name:latest" "$image"
    bring "$image" || fail "$image could not be brought to $context: the words above say why"
    # The name that k8s/ says, for who applies it by hand.
    [ -n "$registry" ] || bring "mtls-demo/$name:latest"
  done
}

bring() {
  if [ -n "$registry" ]; then
    run docker push --quiet "$1" || fail "$1 could not be pushed: \"docker login ${registry%%/*}\", and see that you may write there"
    return
  fi
  case $kind in
    docker-desktop) ;; # the cluster's engine is the one that built it
    k3d) run k3d image import --cluster "${context#k3d-}" "$1" ;;
    kind) run kind load docker-image --name "${context#kind-}" "$1" ;;
    minikube) run minikube --profile "$context" image load "$1" ;;
  esac
}

# certs ARGUMENT...: the authority's command from its image, on this machine's directory.
certs() {
  local pki=${CERTS_DIR:-certs/pki}
  [ "$dry_run" = 1 ] || mkdir -p "$pki"
  [[ $pki = /* ]] || pki=$PWD/$pki
  run docker run --rm --network none --read-only --cap-drop ALL --user "$(id -u):$(id -g)" \
    --volume "$pki:/certs/pki" mtls-demo/certs:latest "$@"
}

make_certificates() {
  certs init --namespace "$namespace" \
    || fail "the certificates could not be made: the words above say why"
}

deploy() {
  if [ "$dry_run" = 1 ] || ! kubectl get namespace "$namespace" >/dev/null 2>&1; then
    run kubectl create namespace "$namespace" || fail "namespace $namespace could not be made: ask for the right to, or set NAMESPACE to one that is yours"
  fi
  if [ "$dry_run" = 1 ]; then
    printf '  certs secrets --namespace %s | kubectl apply -n %s -f -\n' "$namespace" "$namespace"
    printf '  kubectl kustomize k8s | (namespace and image tags) | kubectl apply -n %s -f -\n' "$namespace"
    for name in "${services[@]}"; do
      run kubectl -n "$namespace" rollout status --timeout=180s "deployment/$name"
    done
    return
  fi
  # Through a pipe: no key reaches the disk or a command line.
  certs secrets --namespace "$namespace" | kubectl apply -n "$namespace" -f - \
    || fail "the Secrets could not be put into $namespace: the words above say why"
  kubectl kustomize k8s | fitted | kubectl apply -n "$namespace" -f - \
    || fail "k8s/ could not be applied to $namespace: the words above say why (a quota? \"kubectl -n $namespace describe quota\")"
}

# The manifests, with this namespace's SPIFFE IDs and these images' tags.
fitted() {
  local name script="s|/ns/default/sa/|/ns/$namespace/sa/|g"
  for name in "${services[@]}"; do
    script+=";s|image: mtls-demo/$name:latest|image: ${registry:+$registry/}mtls-demo/$name:$(tag_of "$name")|"
  done
  sed "$script"
}

wait_until_rolled_out() {
  local name
  for name in "${services[@]}"; do
    kubectl -n "$namespace" rollout status --timeout=180s "deployment/$name" || explain "$name"
  done
}

# What keeps a deployment from being rolled out, and what to do.
explain() {
  local found
  found=$(
    kubectl -n "$namespace" get pods -l "app=$1" \
      -o jsonpath='{range .items[*].status.containerStatuses[*]}{.state.waiting.reason}{"\n"}{end}'
    kubectl -n "$namespace" get events --field-selector type=Warning \
      -o jsonpath='{range .items[*]}{.reason}{" "}{.message}{"\n"}{end}'
  ) 2>/dev/null || true
  case $found in
    *ErrImageNeverPull* | *ImagePullBackOff* | *ErrImagePull*)
      fail "$1: the cluster does not find the image: run this again; if it stays so, push it with --registry"
      ;;
    *"exceeded quota"*)
      fail "$1: the namespace's quota is used up: \"kubectl -n $namespace describe quota\", free some, or set NAMESPACE to another"
      ;;
    *FailedScheduling*)
      fail "$1: no node has room for it: \"kubectl -n $namespace describe pods -l app=$1\" says what is short"
      ;;
    *FailedMount*)
      fail "$1: a Secret is missing: \"kubectl -n $namespace get secrets\", and run this again"
      ;;
    *)
      fail "$1 is not ready after 180 s: \"kubectl -n $namespace logs -l app=$1\" and \"kubectl -n $namespace describe pods -l app=$1\" say why"
      ;;
  esac
}

tell_k8s() {
  local url="" on="-n $namespace"
  [ "$namespace" != default ] || on=
  case $kind in
    docker-desktop) url="http://localhost" ;;
    minikube) url="what \"minikube --profile $context service $on client-service\" prints" ;;
    *)
      url=$(kubectl -n "$namespace" get service client-service \
        -o jsonpath='{range .status.loadBalancer.ingress[0]}{.ip}{.hostname}{end}' 2>/dev/null) || url=
      url=${url:+http://$url}
      ;;
  esac
  cat <<END_OF_TEXT

  Open ${url:-http://localhost:4000, after the line below,} and click "Fetch Secure Data".

    kubectl ${on:+$on }port-forward service/client-service 4000:80      # http://localhost:4000

  The handshakes, as both ends saw them:

    kubectl ${on:+$on }logs -l app=api-service --prefix --follow
    kubectl ${on:+$on }logs -l app=client-service --prefix --follow

  ./setup.sh down takes it away again.

END_OF_TEXT
}

# What `k8s` brought, and nothing else; the namespace stays.
stop_k8s() {
  cluster_answers || return 0
  local namespace=${NAMESPACE:-default}
  kubectl -n "$namespace" get deployment api-service >/dev/null 2>&1 || return 0
  say "taking mtls-demo out of namespace $namespace of $(kubectl config current-context) ..."
  kubectl delete -n "$namespace" --ignore-not-found -k k8s
  kubectl delete -n "$namespace" --ignore-not-found secret api-service-certs client-service-certs gateway-certs
}
