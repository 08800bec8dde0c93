# The greenroom.toml of the lab: one service in three environments, all on this machine. Sourced.
# shellcheck shell=bash disable=SC2154

# Prints it with new free ports. The public port of production is GREENROOM_LAB_PUBLIC.
lab_settings() {
  local environment tier public
  cat <<TOML
# The lab's configuration, written by tests/lab. Try:
#   greenroom promote web qa --version 1.8.2
#   greenroom promote web production --from qa --reason "the first one"

[defaults.timing]
minimum_healthy = "2s"
watch = "10s"
drain = "10s"
standby = "5m"
TOML
  for environment in dev:development qa:staging production:protected; do
    IFS=: read -r environment tier <<<"$environment"
    mkdir -p "$root/data/$environment"
    cat <<TOML

[environments.$environment]
tier = "$tier"

[environments.$environment.docker]
address = "$GREENROOM_TEST_DOCKER"

[environments.$environment.registry]
plain_http = true

[environments.$environment.etcd]
endpoints = ["$GREENROOM_TEST_ETCD"]

[environments.$environment.nginx]
configuration = "$root/nginx/nginx.conf"
sites = "$root/nginx/sites"
state = "$root/nginx/live"
access_log = "$root/nginx/logs"
answer = { listen = "127.0.0.1:$(free_port)" }
TOML
  done
  cat <<TOML

[environments.production.rules]
require_reason = true
only_from = "qa"

[services.web]
image = "$GREENROOM_TEST_IMAGE"
listen = { port = 8080 }
memory = "128MiB"
health = { path = "/health" }
mounts = [{ source = "$root/data", target = "/data" }]

[[services.web.checks]]
name = "home page"
path = "/"
expect = { status = 200, within = "500ms" }

[[services.web.checks]]
name = "orders"
path = "/orders"
expect = { status = 200, json = { "/orders/0/id" = 1 } }
TOML
  for environment in dev qa production; do
    public=$(free_port)
    [ "$environment" != production ] || public=$GREENROOM_LAB_PUBLIC
    cat <<TOML

[services.web.environments.$environment]
endpoints = { blue = "127.0.0.1:$(free_port)", green = "127.0.0.1:$(free_port)" }
environment = { SAMPLE_DATA = "/data/$environment" }

[services.web.environments.$environment.proxy]
server_names = ["web.localhost"]
listen = "127.0.0.1:$public"
preview_server_names = ["preview.web.localhost"]
TOML
  done
}
