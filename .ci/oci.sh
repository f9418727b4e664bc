#!/usr/bin/env bash
# oci.sh FOLDER: unpacks a real OCI registry (Debian's docker-registry) into FOLDER, without installing it or its
# service. apt checks the package against Debian's signatures. Does nothing when it is there. Prints the program's path.
set -euo pipefail
folder=${1:?oci.sh FOLDER}
program=$folder/tree/usr/bin/docker-registry
if [[ ! -x $program ]]; then
  if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "docker-registry comes as a Debian package, and there is no apt here" >&2
    exit 1
  fi
  rm -rf "$folder"
  mkdir -p "$folder/tree"
  cd "$folder"
  as_root() { if [[ $EUID -eq 0 ]]; then "$@"; else sudo -n "$@"; fi; }
  # A fresh machine has no lists yet.
  apt-get download docker-registry >&2 2>/dev/null || { as_root apt-get update >&2 && apt-get download docker-registry >&2; }
  dpkg-deb -x docker-registry_*.deb tree
  rm -f docker-registry_*.deb
fi
"$program" --version >&2
echo "$program"
