# shellcheck shell=bash
# The cluster that kubectl points to: which it is, what of ours is in it, and `setup.sh down`'s half.

# Every manifest has the first label. Only setup.sh adds the second: what has both, it applied.
part_of=app.kubernetes.io/part-of=mtls-demo
managed_by=app.kubernetes.io/managed-by=mtls-demo-setup
# The columns in which kubectl lists objects for the functions below.
columns='custom-columns=KIND:.kind,NAME:.metadata.name,VERSION:.apiVersion,NAMESPACE:.metadata.namespace'
columns+=',PART:.metadata.labels.app\.kubernetes\.io/part-of,BY:.metadata.labels.app\.kubernetes\.io/managed-by'
columns+=',CERTIFICATE:.metadata.annotations.cert-manager\.io/certificate-name'

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

# Sets `namespace` to the one that NAMESPACE names, or fails.
need_namespace_name() {
  namespace=${NAMESPACE:-default}
  [[ $namespace =~ ^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$ ]] \
    || fail "NAMESPACE=$namespace is not a namespace: use lower-case letters, digits and hyphens"
}

# Fails where a manifest's API is unknown to the cluster, naming the component that needs it.
refuse_unknown_apis() {
  local known version component
  known=$(kubectl api-versions) || fail "the cluster of context $context does not list its APIs: see the error above"
  while read -r version; do
    ! grep -qxF "$version" <<<"$known" || continue
    component=$(grep -rlx "apiVersion: $version" --include='*.yaml' k8s/components | sed -n '1s|/[^/]*$||p')
    [ -n "$component" ] || fail "the cluster does not know $version: it must be Kubernetes 1.30 or later"
    fail "$component needs $version, and the cluster has no such CRD: install what defines it (see docs/kubernetes.md), or remove the component from k8s/Kustomization"
  done < <(awk '/^apiVersion: / { print $2 }' "$1" | sort -u)
}

# Fails where applying the manifests of a file would overwrite an object that is not ours.
refuse_foreign_objects() {
  local found kind name part foreign=
  found=$(kubectl -n "$namespace" get --ignore-not-found --no-headers -o "$columns" -f "$1") \
    || fail "what is in namespace $namespace cannot be read: see the error above"
  found+=$'\n'$(secrets_in_cluster) || fail "the Secrets in namespace $namespace cannot be read: see the error above"
  while read -r kind name _ _ part _; do
    [ -z "$name" ] || [ "$part" = mtls-demo ] || foreign+=" $kind/$name"
  done <<<"$found"
  [ -z "$foreign" ] \
    || fail "nothing was changed: these objects in namespace $namespace of context $context lack the label $part_of, and would be overwritten:$foreign. Set NAMESPACE to another namespace, or rename or delete them"
}

# The Secrets that the pods mount and that exist, one a line.
secrets_in_cluster() {
  # shellcheck disable=SC2086 # a list of names
  [ -z "$secrets" ] || kubectl -n "$namespace" get secret $secrets --ignore-not-found --no-headers -o "$columns"
}

# Fails where a Secret would have two owners: cert-manager and `certs secrets`.
refuse_second_owner() {
  local name certificate
  while read -r _ name _ _ _ _ certificate; do
    [ -n "$name" ] || continue
    if chosen cert-manager && [ "$certificate" = '<none>' ]; then
      fail "Secret/$name was made by \"certs secrets\" or by hand, and components/cert-manager would overwrite it: follow \"From our authority to cert-manager's\" in docs/kubernetes.md"
    elif ! chosen cert-manager && [ "$certificate" != '<none>' ]; then
      fail "Secret/$name belongs to cert-manager (Certificate/$certificate), which would overwrite ours: choose components/cert-manager in k8s/Kustomization, or delete the Certificate and the Secret"
    fi
  done <<<"$(secrets_in_cluster)"
}

# The resources of ours that the cluster knows, with commas between them.
our_resources() {
  # An aggregated API that is down makes this fail, and still list the others.
  { kubectl api-resources --namespaced --verbs=list,delete --output name 2>/dev/null || true; } | grep -xF -e configmaps \
    -e deployments.apps -e horizontalpodautoscalers.autoscaling -e networkpolicies.networking.k8s.io \
    -e poddisruptionbudgets.policy -e secrets -e serviceaccounts -e services \
    -e certificates.cert-manager.io -e issuers.cert-manager.io \
    -e destinationrules.networking.istio.io -e peerauthentications.security.istio.io \
    -e podmonitors.monitoring.coreos.com -e prometheusrules.monitoring.coreos.com \
    | tr '\n' ',' | sed 's/,$//'
}

# Deletes what `k8s` applied in this namespace, and nothing else; the namespace stays.
stop_k8s() {
  cluster_answers || return 0
  local namespace resources context kind name version of part by found mine='' kinds='' others='' elsewhere=''
  need_namespace_name
  resources=$(our_resources) || return 0
  # What may not be listed is passed over in silence: where we may not look, we applied nothing.
  found=$(kubectl get "$resources" -n "$namespace" -l "$part_of" --ignore-not-found --no-headers -o "$columns" 2>/dev/null) || true
  found+=$'\n'$(kubectl get "$resources" --all-namespaces -l "$part_of" --ignore-not-found --no-headers -o "$columns" 2>/dev/null) || true
  while read -r kind name version of part by _; do
    if [ -z "$name" ]; then
      continue
    elif [ "$of" != "$namespace" ]; then
      elsewhere+="$of"$'\n'
    elif [ "$by" = "${managed_by#*=}" ]; then
      mine+=" $kind/$name"
      # KIND.VERSION.GROUP, since other projects have kinds of the same name.
      case $version in
        */*) kinds+="$kind.${version#*/}.${version%%/*}"$'\n' ;;
        *) kinds+="$kind"$'\n' ;;
      esac
    else
      others+=" $kind/$name"
    fi
  done <<<"$(sort -u <<<"$found")"

  context=$(kubectl config current-context 2>/dev/null) || context=unknown
  if [ -n "$mine" ]; then
    say "context $context, namespace $namespace: deleting$mine"
    kubectl delete -n "$namespace" --ignore-not-found -l "$part_of,$managed_by" \
      "$(sort -u <<<"$kinds" | sed '/^$/d' | tr '\n' ',' | sed 's/,$//')"
  fi
  [ -z "$others" ] \
    || say "context $context, namespace $namespace: setup.sh did not apply these, and leaves them:$others"
  while read -r of; do
    [ -z "$of" ] || say "mtls-demo is in namespace $of too: \"NAMESPACE=$of ./setup.sh down\" removes what setup.sh applied there"
  done < <(sort -u <<<"$elsewhere")
}
