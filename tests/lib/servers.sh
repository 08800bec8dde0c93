# The servers that tests/run and tests/lab start: a private Docker engine, an image registry and
# etcd. They listen on the loopback interface and keep their data below one directory ($root). This file
# is sourced, not run. The sourcing script sets `root` and calls `servers_stop` at the end.
# shellcheck shell=bash

PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export DOCKER_CLI_HINTS=false

# The versions of the sample application: tag, fault, age in days.
SAMPLE_VERSIONS="1.8.2:none:21 1.9.0:none:7 1.9.1:unhealthy:2 1.9.2:failing-checks:1"

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# --- what must be installed ------------------------------------------------------------------

missing_packages() {
  local wanted command package
  for wanted in dockerd:docker.io docker-registry:docker-registry etcd:etcd-server etcdctl:etcd-client \
    nginx:nginx-light busybox:busybox-static ip:iproute2 openssl:openssl curl:curl cc:gcc htpasswd:apache2-utils \
    faketime:faketime; do
    command=${wanted%%:*} package=${wanted#*:}
    command -v "$command" >/dev/null || echo "$package"
  done
  # Newer Debian versions have a separate package for the client; on older ones docker.io has both.
  if ! command -v docker >/dev/null; then
    if apt-cache show docker-cli >/dev/null 2>&1; then echo docker-cli; else echo docker.io; fi
  fi
  # Images contain it, some of them with only a shell script besides.
  if command -v busybox >/dev/null && ldd "$(command -v busybox)" >/dev/null 2>&1; then echo busybox-static; fi
  [ -e /usr/include/stdlib.h ] || echo libc6-dev
  [ -e /usr/share/zoneinfo/Europe/Berlin ] || echo tzdata
  # Its programs are in no directory of $PATH, and the tests start their own cluster.
  [ -n "$(postgresql_programs)" ] || echo postgresql
}

# The directory with the programs of the newest PostgreSQL; nothing if there is none.
postgresql_programs() {
  local programs
  for programs in /usr/lib/postgresql/*/bin; do
    [ ! -x "$programs/postgres" ] || echo "$programs"
  done | sort -V | tail -n 1
}

installed_packages() { dpkg-query -W -f '${Package}\n' | LC_ALL=C sort -u; }

# Installs the missing packages. Their services are not started, neither now nor at the next boot.
# Services that were installed before are not changed.
install_missing() {
  local packages made_policy='' before package unit
  mapfile -t packages < <(missing_packages | sort -u)
  [ "${#packages[@]}" -eq 0 ] && return
  command -v apt-get >/dev/null || fail "missing here, and no apt to install them: ${packages[*]}"
  [ "$EUID" -eq 0 ] || fail "missing: ${packages[*]}. Run this as root or with sudo, or install them first"
  say "installing ${packages[*]}"
  (
    exec 9>/run/lock/greenroom-install.lock
    flock 9
    mapfile -t packages < <(missing_packages | sort -u)
    [ "${#packages[@]}" -eq 0 ] && exit
    if [ ! -e /usr/sbin/policy-rc.d ]; then
      made_policy=yes
      trap 'rm -f /usr/sbin/policy-rc.d' EXIT
      printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
      chmod 755 /usr/sbin/policy-rc.d
    fi
    before=$(mktemp)
    installed_packages >"$before"
    apt-get -qq -o DPkg::Lock::Timeout=300 update
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
      install --no-install-recommends "${packages[@]}" >&2
    if [ -n "$made_policy" ] && command -v systemctl >/dev/null; then
      for package in $(installed_packages | LC_ALL=C comm -13 "$before" -); do
        for unit in $(dpkg -L "$package" | sed -n 's,.*/systemd/system/\([^/@]*\.\(service\|socket\)\)$,\1,p'); do
          systemctl disable --quiet "$unit" 2>/dev/null || true
        done
      done
    fi
    rm -f "$before"
  )
  mapfile -t packages < <(missing_packages | sort -u)
  [ "${#packages[@]}" -eq 0 ] || fail "still missing after the installation: ${packages[*]}"
}

# --- waiting, ports, processes ----------------------------------------------------------------

# wait_until SECONDS COMMAND…: waits until the command succeeds; returns 1 after the time.
wait_until() {
  local tries=$(($1 * 10))
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.1
  done
}

# A loopback port without a listener, below the range that the system assigns. Two runs may still
# pick the same port, so each server is asked whether it is really ours.
free_port() {
  local port
  while :; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# Starts a server in a session of its own, so that Ctrl-C reaches only us and we end it in order.
start_server() {
  local name=$1
  shift
  setsid "$@" >>"$root/$name.log" 2>&1 </dev/null 9>&- &
  echo $! >"$root/$name.pid"
  disown
  # Wait until it is that program: before, it is still a copy of this shell.
  wait_until 2 server_runs_or_ended "$name" || true
}

# Whether that server is running. Another process may have its process number by now. While the
# kernel loads a program, which takes 10 ms from a cold disk, its command line is empty; it has not
# ended then. A process that has ended has no program file.
server_runs() {
  local pid line
  pid=$(cat "$root/$1.pid" 2>/dev/null) || return 1
  line=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") || return 1
  if [ -n "$line" ]; then
    [[ $line == *"$root/"* ]]
  else
    readlink "/proc/$pid/exe" >/dev/null
  fi
}

server_runs_or_ended() { server_runs "$1" || ! kill -0 "$(cat "$root/$1.pid")"; }

server_gone() { ! server_runs "$1"; }

stop_server() {
  if server_runs "$1"; then
    kill -TERM "$(cat "$root/$1.pid")" 2>/dev/null || true
    wait_until 20 server_gone "$1" || kill -KILL "$(cat "$root/$1.pid")" 2>/dev/null || true
  fi
  rm -f "$root/$1.pid"
}

# --- the servers ------------------------------------------------------------------------------

# Sets GREENROOM_TEST_DOCKER. The engine has a bridge of its own and leaves the host's firewall
# unchanged: otherwise two engines would delete each other's rules and share addresses.
start_docker() {
  local bridge subnet
  if [ -n "${GREENROOM_TEST_DOCKER:-}" ]; then
    say "using the Docker engine at $GREENROOM_TEST_DOCKER"
    export DOCKER_HOST=$GREENROOM_TEST_DOCKER
    docker version >/dev/null || fail "no Docker engine answers at $GREENROOM_TEST_DOCKER"
    return
  fi
  [ "$EUID" -eq 0 ] || fail "a private Docker engine needs root: run this as root or with sudo, or say in GREENROOM_TEST_DOCKER where a running engine is (unix:///run/docker.sock)"

  bridge="gr$(od -An -N4 -tx1 /dev/urandom | tr -d ' ')"
  ip link add name "$bridge" type bridge 2>"$root/docker.log" ||
    fail "a private Docker engine needs a network bridge, and this machine refuses one: $(cat "$root/docker.log"). A container needs NET_ADMIN and SYS_ADMIN for it; or say in GREENROOM_TEST_DOCKER where a running engine is"
  echo "$bridge" >"$root/bridge"
  while :; do
    subnet="10.$((RANDOM % 120 + 120)).$((RANDOM % 256))"
    ip -4 route show | grep -qF "$subnet." || break
  done
  # Without a fixed hardware address a bridge takes the lowest of its ports, and changes it when a
  # container comes or goes. For seconds the other containers then send to the old address.
  ip link set dev "$bridge" address "02:42:${bridge:2:2}:${bridge:4:2}:${bridge:6:2}:${bridge:8:2}"
  ip addr add "$subnet.1/24" dev "$bridge"
  ip link set "$bridge" up

  mkdir -p "$root/docker"
  echo '{}' >"$root/docker/daemon.json"
  start_server docker dockerd --config-file "$root/docker/daemon.json" \
    --data-root "$root/docker/data" --exec-root "$root/docker/exec" --pidfile "$root/docker/pid" \
    --host "unix://$root/docker.sock" --containerd-namespace "$bridge" \
    --containerd-plugins-namespace "$bridge-plugins" --bridge "$bridge" \
    --iptables=false --ip6tables=false --ip-masq=false --ip-forward=false --shutdown-timeout 5
  export GREENROOM_TEST_DOCKER="unix://$root/docker.sock" DOCKER_HOST="unix://$root/docker.sock"
  if ! wait_until 60 docker_answers_or_ended || ! server_runs docker; then
    tail -n 20 "$root/docker.log" >&2
    fail "the private Docker engine did not start: $(tail -n 1 "$root/docker.log"). It needs root with SYS_ADMIN and NET_ADMIN, and cgroups that can be written; or say in GREENROOM_TEST_DOCKER where a running engine is"
  fi
  say "Docker engine $(docker version --format '{{.Server.Version}}') at $GREENROOM_TEST_DOCKER"
}

docker_answers_or_ended() { server_gone docker || docker version; }

# Sets GREENROOM_TEST_REGISTRY.
start_registry() {
  local attempt port
  for attempt in 1 2 3 4 5; do
    port=$(free_port)
    cat >"$root/registry.yml" <<CONFIGURATION
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: $root/registry}, delete: {enabled: true}}
http: {addr: "127.0.0.1:$port", headers: {X-Started-For: ["$root"]}}
CONFIGURATION
    start_server registry docker-registry serve "$root/registry.yml"
    if wait_until 15 registry_is_ours "$port" && server_runs registry; then
      export GREENROOM_TEST_REGISTRY=127.0.0.1:$port
      say "image registry at $GREENROOM_TEST_REGISTRY"
      return
    fi
    stop_server registry
  done
  tail -n 5 "$root/registry.log" >&2
  fail "the image registry did not start in $attempt attempts"
}

registry_is_ours() { curl -sf --max-time 2 -D - -o /dev/null "http://127.0.0.1:$1/v2/" | grep -qF "$root"; }

# has_room DIRECTORY: whether it has room for the etcd data of a whole run, at most 2 GiB.
has_room() { [ "$(df --output=avail -k "$1" 2>/dev/null | tail -n 1)" -ge 2097152 ] 2>/dev/null; }

# Sets GREENROOM_TEST_ETCD.
start_etcd() {
  local attempt client peer
  # In memory if there is room (most containers have none): a disk that is busy with images blocks writes for seconds, and the
  # tests are not about locks that outlast that.
  if has_room /dev/shm && mkdir "/dev/shm/${root##*/}" 2>/dev/null; then
    chmod 700 "/dev/shm/${root##*/}"
    ln -s "/dev/shm/${root##*/}" "$root/etcd"
  fi
  case $(uname -m) in aarch64) export ETCD_UNSUPPORTED_ARCH=arm64 ;; esac
  for attempt in 1 2 3 4 5; do
    client=$(free_port) peer=$(free_port)
    start_server etcd etcd --name "${root##*/}" --data-dir "$root/etcd" \
      --listen-client-urls "http://127.0.0.1:$client" --advertise-client-urls "http://127.0.0.1:$client" \
      --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
      --initial-cluster "${root##*/}=http://127.0.0.1:$peer"
    if wait_until 15 etcd_is_ours "$client" && server_runs etcd; then
      export GREENROOM_TEST_ETCD=http://127.0.0.1:$client
      say "etcd at $GREENROOM_TEST_ETCD"
      return
    fi
    stop_server etcd
    rm -rf "$root"/etcd/member
  done
  tail -n 5 "$root/etcd.log" >&2
  fail "etcd did not start in $attempt attempts"
}

etcd_is_ours() {
  ETCDCTL_API=3 etcdctl --endpoints "http://127.0.0.1:$1" --dial-timeout 1s --command-timeout 2s member list |
    grep -qF "${root##*/}"
}

# --- the images -------------------------------------------------------------------------------

# with_libraries DIRECTORY FILE…: copies programs and their libraries to the same paths below the directory.
with_libraries() {
  local into=$1 file
  shift
  for file in "$@"; do
    install -D "$file" "$into$file"
    # Static programs have none.
    { ldd "$file" 2>/dev/null || true; } | grep -o '/[^ ]*' | while read -r library; do
      [ -e "$into$library" ] || install -D "$library" "$into$library"
    done
  done
}

# build_sample_images BINARY: sets GREENROOM_TEST_IMAGE, its tags pushed to the registry.
# The versions differ only in their settings and labels, and share their one layer.
build_sample_images() {
  local files="$root/sample-files" version tag fault age created container image
  image=$GREENROOM_TEST_REGISTRY/sample
  mkdir -p "$files/tmp" "$files/data" "$files/run"
  chmod 1777 "$files/tmp" "$files/data" "$files/run"
  install -D "$1" "$files/usr/bin/greenroom"
  strip "$files/usr/bin/greenroom"
  # The shell of tasks.
  install -D "$(command -v busybox)" "$files/bin/busybox"
  ldd "$files/usr/bin/greenroom" | grep -o '/[^ ]*' | while read -r library; do
    install -D "$library" "$files$library"
  done
  tar -C "$files" -c . | docker import - "$image:files" >/dev/null
  for version in $SAMPLE_VERSIONS; do
    IFS=: read -r tag fault age <<<"$version"
    created=$(date -u -d "$age days ago" +%Y-%m-%dT%H:00:00Z)
    container=$(docker create "$image:files" /usr/bin/greenroom sample-app)
    docker commit \
      --change 'CMD ["/usr/bin/greenroom", "sample-app"]' --change 'EXPOSE 8080' \
      --change "ENV SAMPLE_ADDRESS=0.0.0.0:8080 SAMPLE_VERSION=$tag SAMPLE_FAULT=$fault" \
      --change "LABEL org.opencontainers.image.version=$tag" \
      --change "LABEL org.opencontainers.image.revision=$(printf %s "$tag" | sha1sum | cut -c1-40)" \
      --change "LABEL org.opencontainers.image.created=$created" \
      "$container" "$image:$tag" >/dev/null
    docker rm "$container" >/dev/null
    docker push --quiet "$image:$tag" >/dev/null
    # A test pulls it, as production does.
    docker rmi "$image:$tag" >/dev/null
  done
  docker rmi "$image:files" >/dev/null
  rm -rf "$files"
  export GREENROOM_TEST_IMAGE=$image
  say "sample application at $image: $(curl -sf "http://$GREENROOM_TEST_REGISTRY/v2/sample/tags/list")"
}

# Sets GREENROOM_TEST_PSQL_IMAGE: the sample image 1.9.0 with psql, for migrations of a database. In a repository of its
# own, so that the images of most tests stay small.
build_psql_image() {
  local files="$root/psql-files" sample=$GREENROOM_TEST_IMAGE:1.9.0 image container psql
  image=$GREENROOM_TEST_REGISTRY/sample-psql
  # The psql in $PATH is a script of Debian.
  psql=$(postgresql_programs)/psql
  with_libraries "$files" "$psql"
  mkdir -p "$files/usr/bin"
  ln -s "$psql" "$files/usr/bin/psql"
  docker pull --quiet "$sample" >/dev/null
  container=$(docker create "$sample")
  tar -C "$files" -c . | docker cp --quiet - "$container:/"
  docker commit "$container" "$image:1.9.0" >/dev/null
  docker rm "$container" >/dev/null
  docker push --quiet "$image:1.9.0" >/dev/null
  # A test pulls them, as production does.
  docker rmi "$image:1.9.0" "$sample" >/dev/null
  rm -rf "$files"
  export GREENROOM_TEST_PSQL_IMAGE=$image
}

# Sets GREENROOM_TEST_NGINX_IMAGE: this machine's nginx and a shell, for releases through an nginx
# that runs in a container. It reads /etc/nginx/conf.d/*.conf.
build_nginx_image() {
  local files="$root/nginx-files" name applet
  name=greenroom-test/nginx:$(basename "$root" | tr -cd 'a-zA-Z0-9')
  mkdir -p "$files"/{bin,tmp,run,etc/nginx/conf.d,var/log/nginx,var/lib/nginx}
  chmod 1777 "$files/tmp"
  with_libraries "$files" "$(command -v nginx)"
  install "$(command -v busybox)" "$files/bin/busybox"
  for applet in $("$files/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$files/bin/$applet"
  done
  printf 'root:x:0:0::/:/bin/sh\nwww-data:x:33:33::/:/bin/false\nnobody:x:65534:65534::/:/bin/false\n' >"$files/etc/passwd"
  printf 'root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n' >"$files/etc/group"
  cat >"$files/etc/nginx/nginx.conf" <<'CONFIGURATION'
user www-data;
worker_processes 2;
pid /run/nginx.pid;
error_log stderr notice;
events { worker_connections 1024; }
http {
    access_log off;
    include /etc/nginx/conf.d/*.conf;
}
CONFIGURATION
  tar -C "$files" -c . | docker import \
    --change 'CMD ["nginx", "-g", "daemon off;"]' \
    --change "ENV PATH=/bin:/sbin:/usr/bin:/usr/sbin" - "$name" >/dev/null
  rm -rf "$files"
  export GREENROOM_TEST_NGINX_IMAGE=$name
}

# --- the end ----------------------------------------------------------------------------------

# Stops the servers of $root and removes $root. Prints nothing when there is nothing to do.
servers_stop() {
  local mounted bridge pid
  [ -d "$root" ] || return 0
  stop_server nginx
  if server_runs docker; then
    # Containers first: an engine that stops waits for each of them.
    docker --host "unix://$root/docker.sock" ps -aq |
      xargs -r timeout 30 docker --host "unix://$root/docker.sock" rm -fv >/dev/null 2>&1 || true
  elif [ -n "${GREENROOM_TEST_NGINX_IMAGE:-}" ]; then
    # A shared engine: remove only what this run put there.
    docker --host "$GREENROOM_TEST_DOCKER" images --quiet "$GREENROOM_TEST_IMAGE" |
      sort -u | xargs -r timeout 30 docker --host "$GREENROOM_TEST_DOCKER" rmi -f >/dev/null 2>&1 || true
    timeout 30 docker --host "$GREENROOM_TEST_DOCKER" rmi "$GREENROOM_TEST_NGINX_IMAGE" >/dev/null 2>&1 || true
  fi
  stop_server docker
  stop_server registry
  stop_server etcd
  # Leftovers of an engine that had to be killed.
  for pid in $(grep -lF -- "$root/" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3); do
    case $(cat "/proc/$pid/comm" 2>/dev/null) in
      dockerd | containerd*) kill -KILL "$pid" 2>/dev/null || true ;;
    esac
  done
  bridge=$(cat "$root/bridge" 2>/dev/null || true)
  [ -z "$bridge" ] || ip link delete "$bridge" 2>/dev/null || true
  # Innermost first.
  while read -r mounted; do
    umount -l "$mounted" 2>/dev/null || true
  done < <(awk -v root="$root/" 'index($5, root) == 1 { print $5 }' /proc/self/mountinfo | sort -r)
  # Only the directory that start_etcd created.
  [ ! -L "$root/etcd" ] || rm -rf "/dev/shm/${root##*/}"
  rm -rf --one-file-system "$root"
}
