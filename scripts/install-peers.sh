#!/usr/bin/env bash
# Installs, on Debian, the libraries and programs that `npm run test:peers` tries the library with.
set -euo pipefail

packages=(
  python3-websockets python3-tornado python3-aiohttp python3-websocket libmojolicious-perl
  golang-go golang-github-gorilla-websocket-dev golang-golang-x-net-dev
  openjdk-17-jdk-headless
  curl nginx-light haproxy caddy
)

missing=()
for package in "${packages[@]}"; do
  if ! dpkg-query --show --showformat='${db:Status-Status}' "$package" 2> /dev/null | grep -qx installed; then
    missing+=("$package")
  fi
done
if ((${#missing[@]} == 0)); then exit; fi

# The proxies are only run by the tests: their packages must not start them as services.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update && apt-get install --yes --no-install-recommends "${missing[@]}"
