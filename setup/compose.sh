# shellcheck shell=bash
# `setup.sh compose`, and its half of `setup.sh down`.

# What both compose and k8s build images with.
need_engine() {
  command -v docker >/dev/null \
    || fail "docker is missing: install Docker Desktop or Docker Engine (docs.docker.com/engine/install), or use \"./setup.sh local\""
  local complaint
  complaint=$(docker info 2>&1 >/dev/null) && return
  case $complaint in
    *"permission denied"*)
      fail "you may not use the Docker engine: \"sudo usermod -aG docker $(id -un)\", log in again, and run this once more"
      ;;
    *)
      fail "no Docker engine answers: start Docker Desktop, or \"sudo systemctl start docker\", and run this once more"
      ;;
  esac
}

# compose ARGUMENT...: Compose v2, or the older docker-compose.
compose() {
  if docker compose version >/dev/null 2>&1; then
    docker compose --project-name "$project" "$@"
  elif command -v docker-compose >/dev/null; then
    docker-compose --project-name "$project" "$@"
  else
    fail "docker compose is missing: install the package docker-compose-plugin, or docker-compose"
  fi
}

project=mtls-demo

start_compose() {
  need_engine
  need curl curl ca-certificates
  local web=${WEB_PORT:-4000} url
  # Running it again must not take our own page for a stranger.
  if [ -z "$(compose ps --quiet client-service 2>/dev/null)" ]; then
    free_port "$web" WEB_PORT compose || exit 1
  fi
  compose up --detach --build "$@" \
    || fail "the containers did not start: see \"docker compose -p $project logs\""
  url=http://localhost:$web
  local deadline=$((SECONDS + 30))
  until curl -fs --max-time 2 "$url/health" >/dev/null; do
    [ "$SECONDS" -lt "$deadline" ] \
      || fail "$url does not answer after 30 s: see \"docker compose -p $project logs client-service\""
    sleep 0.2
  done

  cat <<END_OF_TEXT

  Open $url and click "Fetch Secure Data".

  Both ends of the handshake, as they happen:

    docker compose -p $project logs --follow api-service client-service

  The certificates, a renewal while all runs, and the end:

    docker compose -p $project exec certs-watch certs list
    docker compose -p $project exec certs-watch certs renew --all
    ./setup.sh down

END_OF_TEXT
}

# Nothing to stop is no failure.
stop_compose() {
  command -v docker >/dev/null && docker info >/dev/null 2>&1 || return 0
  # Compose itself would name each network that it does not find.
  local ours=(--quiet --filter "label=com.docker.compose.project=$project") found
  found=$(docker ps --all "${ours[@]}" && docker network ls "${ours[@]}" && docker volume ls "${ours[@]}") || found=unknown
  [ -n "$found" ] || return 0
  # Every profile, or its containers would stay.
  COMPOSE_PROFILES=gateway,observability compose down --remove-orphans "$@"
}
