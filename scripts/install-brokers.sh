#!/usr/bin/env bash
# Brings the servers that `npm run test:brokers` needs onto Debian: Redis 8 and Valkey 8, with their command lines.
#
#   scripts/install-brokers.sh [folder]        folder: `.brokers` in the project where none is given
#
# Debian 12 has an older Redis, so the packages are those of Debian 13. They are unpacked in the folder and not installed:
# nothing else on the machine changes. Each program runs with the libraries that came with it. On other systems
# `docker compose -f scripts/brokers.compose.yaml run --rm tests` runs the tests in a container.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p "${1:-.brokers}"
folder=$(cd "${1:-.brokers}" && pwd)
programs=(redis-server redis-cli valkey-server valkey-cli)
packages=(
  redis-server redis-tools valkey-server valkey-tools
  libatomic1 libc6 libcap2 libgcc-s1 libhiredis1.1.0 libjemalloc2 liblua5.1-0 liblzf1 libssl3t64 libstdc++6
  libsystemd0 libzstd1 zlib1g
)

is_complete() {
  local program
  for program in "${programs[@]}"; do
    "$folder/bin/$program" --version > /dev/null 2>&1 || return 1
  done
}

if is_complete; then exit; fi

sources=/etc/apt/sources.list.d/debian.sources
if [[ ! -e $sources ]]; then
  printf 'this is no Debian 12 or 13: there is no %s\n' "$sources" >&2
  exit 1
fi

# apt with sources, lists and downloads of its own: those of the machine stay as they are.
apt=$folder/apt
rm -rf "$apt" "$folder/root" "$folder/bin"
mkdir -p "$apt"/{lists/partial,cache/archives/partial,packages} "$folder"/{root,bin}
sed -n '1,/^$/p' "$sources" | sed -E 's/^Suites:.*/Suites: trixie/; s/^Components:.*/Components: main/' > "$apt/trixie.sources"
options=(
  -o "Dir::Etc::sourcelist=$apt/trixie.sources" -o Dir::Etc::sourceparts=/dev/null
  -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache"
)
apt-get "${options[@]}" --quiet=2 update
(cd "$apt/packages" && apt-get "${options[@]}" --quiet=2 download "${packages[@]}")
for package in "$apt"/packages/*.deb; do dpkg-deb --extract "$package" "$folder/root"; done
rm -rf "$apt"

# The C library of the machine may be older than the programs: they are started by the loader of their own.
loader=$(find "$folder/root" -name 'ld-linux*' -print -quit)
for program in "${programs[@]}"; do
  cat > "$folder/bin/$program" << END
#!/bin/sh
exec "$loader" --argv0 "$program" --library-path "$folder/root/usr/lib/$(uname -m)-linux-gnu" \\
  "$folder/root/usr/bin/$program" "\$@"
END
  chmod +x "$folder/bin/$program"
done
is_complete
