# shellcheck shell=bash disable=SC2154 # what setup/cluster.sh and setup/k8s.sh set
# The end of `setup.sh k8s`: waits for the pods, says what keeps them, and where the page is.

# Waits for a Deployment; says at once what keeps its pods, and fails where they do not come.
wait_for_rollout() {
  local rollout start said='' now
  start=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  kubectl -n "$namespace" rollout status --timeout=180s "deployment/$1" &
  rollout=$!
  while kill -0 "$rollout" 2>/dev/null; do
    now=$(trouble "$1" "$start")
    if [ -n "$now" ] && [ "$now" != "$said" ]; then
      say "still waiting: $now"
      said=$now
    fi
    sleep 1
  done
  wait "$rollout" && return
  now=$(trouble "$1" "")
  fail "${now:-$1 is not ready: \"kubectl -n $namespace logs -l app=$1 --tail=-1 --max-log-requests=20\" and \"kubectl -n $namespace describe pods -l app=$1\" say why}"
}

# trouble NAME SINCE: what keeps the pods of a Deployment, as seen since then, and what to do.
trouble() {
  local found
  found=$(
    kubectl -n "$namespace" get deployment "$1" -o 'jsonpath={.status.conditions[?(@.type=="ReplicaFailure")].message}'
    kubectl -n "$namespace" get pods -l "app=$1" \
      -o 'jsonpath={range .items[*]}{.status.containerStatuses[*].state.waiting.reason}{" "}{.status.conditions[*].reason}{"\n"}{end}'
    kubectl -n "$namespace" get events --field-selector type=Warning \
      -o 'jsonpath={range .items[*]}{.lastTimestamp}{" "}{.involvedObject.name}{" "}{.reason}{" "}{.message}{"\n"}{end}' \
      | awk -v since="$2" -v name="$1-" '$1 >= since && index($2, name) == 1'
  ) 2>/dev/null || true
  case $found in
    *ErrImageNeverPull* | *ImagePullBackOff* | *ErrImagePull*)
      echo "$1: the node does not have the image: run this again; if it stays so, use --registry or --load"
      ;;
    *"exceeded quota"*)
      echo "$1: the namespace's quota is used up: \"kubectl -n $namespace describe quota\", free some, or set NAMESPACE to another namespace"
      ;;
    *FailedCreate*)
      echo "$1: its pods are rejected: \"kubectl -n $namespace describe replicasets -l app=$1\" says why"
      ;;
    *FailedScheduling* | *Unschedulable*)
      echo "$1: no node has room for it: \"kubectl -n $namespace describe pods -l app=$1\" says what is short"
      ;;
    *FailedMount*)
      echo "$1: a Secret is missing: \"kubectl -n $namespace get secrets\", and run this again"
      ;;
    *CrashLoopBackOff*)
      echo "$1: it ends at its start: \"kubectl -n $namespace logs -l app=$1 --tail=-1 --max-log-requests=20\" says why"
      ;;
  esac
}

tell_k8s() {
  local url='' on="-n $namespace " renew
  [ "$namespace" != default ] || on=
  case $kind in
    docker-desktop) url="http://localhost" ;;
    minikube) url="what \"minikube --profile $context service ${on}client-service\" prints" ;;
    *)
      url=$(kubectl -n "$namespace" get service client-service \
        -o jsonpath='{range .status.loadBalancer.ingress[0]}{.ip}{.hostname}{end}' 2>/dev/null) || url=
      url=${url:+http://$url}
      ;;
  esac
  if chosen cert-manager; then
    renew="cert-manager renews the certificates: kubectl ${on}get certificates"
  else
    renew="The certificates end at $(sed -n 's/^renew them by \([^ ]*\): .*/\1/p' "$work/init"), and nothing in the cluster renews them:
  run this again in the ten days before, or choose components/cert-manager (docs/kubernetes.md)."
  fi
  cat <<END_OF_TEXT

  Open ${url:-http://localhost:4000, after the next command,} and click "Fetch Secure Data".

    kubectl ${on}port-forward service/client-service 4000:80      # http://localhost:4000

  The handshakes, as each side saw them, and both together:

    kubectl ${on}logs -l app=api-service --prefix --tail=-1 --max-log-requests=20
    kubectl ${on}logs -l app=client-service --prefix --tail=-1 --max-log-requests=20
    ${on:+NAMESPACE=$namespace }./setup.sh logs

  $renew

  "${on:+NAMESPACE=$namespace }./setup.sh down" removes it.

END_OF_TEXT
  if [ "$private" = 1 ]; then
    say "The load balancer accepts private addresses only. The NodePort of client-service is not covered by that."
  else
    say "WARNING: client-service is a LoadBalancer. On a cloud, everybody on the Internet can open the page, and"
    say "each click calls the API with the client service's certificate. --private restricts it to private addresses."
  fi
}

# Follows the logs of both services, in the cluster or in compose.
follow_logs() {
  local namespace
  need_namespace_name
  if cluster_answers && [ -n "$(kubectl -n "$namespace" get deployments -l "$part_of" -o name 2>/dev/null)" ]; then
    kubectl -n "$namespace" logs -l 'app in (api-service,client-service)' --prefix --follow --tail=-1 --max-log-requests=20
  elif command -v docker >/dev/null && [ -n "$(compose ps --quiet 2>/dev/null)" ]; then
    compose logs --follow api-service client-service
  else
    fail "mtls-demo runs neither in namespace $namespace of the cluster nor in compose: start it with \"./setup.sh k8s\" or \"./setup.sh compose\""
  fi
}
