#!/usr/bin/env bash
# image.sh: what the Dockerfile says, done in a scratch root of this machine instead of a container.
#
#   image.sh [HOST-PROGRAM]    a host program that is built already, to use in place of building one
#
# Reads the Dockerfile itself: each COPY, RUN, ENV, USER and the ENTRYPOINT is carried out as it stands,
# and an instruction that this script does not know fails it. The base image's place is taken by this
# machine's system folders, read-only. Needs the right to make a mount namespace.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

if [ "${1:-}" != --inside ]; then
  program=${1:-}
  scratch=$(mktemp -d)
  trap 'rm -rf --one-file-system "$scratch"' EXIT
  if [ "$(id -u)" = 0 ]; then namespace=(unshare --mount --pid --fork --kill-child)
  else echo "the Dockerfile was NOT carried out: that needs root here"; exit 0; fi
  if ! "${namespace[@]}" true 2>/dev/null; then echo "the Dockerfile was NOT carried out: no mount namespace can be made here"; exit 0; fi
  "${namespace[@]}" bash "${BASH_SOURCE[0]}" --inside "$scratch" "$program"
  exit
fi
scratch=$2 program=$3
mount --make-rprivate /
# The processes of this namespace, under their numbers in it.
mount -t proc proc /proc
mkdir "$scratch/log"

must() { if ! "$@"; then echo "image: this does not hold: $*" >&2; tail -n 20 "$scratch"/log/* >&2; exit 1; fi; }

# stage_root NAME: a root with this machine's programs and libraries, and nothing else of it.
stage_root() {
  local at=$scratch/$1 name
  mkdir -p "$at"
  mount -t tmpfs -o mode=755 tmpfs "$at"
  mkdir -p "$at"/{usr,etc,tmp,proc,dev,root,home,var,run}
  chmod 1777 "$at/tmp"
  mount --rbind -o ro /usr "$at/usr"
  mount -o remount,bind,ro "$at/usr"
  mount -t tmpfs -o mode=755 tmpfs "$at/usr/local"
  mkdir -p "$at"/usr/local/{bin,share}
  for name in bin sbin lib lib32 lib64 libx32; do
    if [ -L "/$name" ]; then ln -s "$(readlink "/$name")" "$at/$name"; elif [ -d "/$name" ]; then mkdir "$at/$name"; mount --bind "/$name" "$at/$name"; fi
  done
  printf 'root:x:0:0:root:/root:/bin/sh\n' >"$at/etc/passwd"
  printf 'root:x:0:\n' >"$at/etc/group"
  for name in /etc/ssl /etc/ld.so.cache /etc/alternatives /etc/nsswitch.conf; do if [ -e "$name" ]; then cp -a "$name" "$at/etc/"; fi; done
  mount -t proc proc "$at/proc"
  for name in null zero urandom random; do : >"$at/dev/$name"; mount --bind "/dev/$name" "$at/dev/$name"; done
}

# The strings of a JSON array, one in each line.
strings() { grep -oE '"([^"\\]|\\.)*"' <<<"$1" | sed 's/^"//;s/"$//;s/\\\(.\)/\1/g'; }

stage='' workdir=/ user='' entrypoint=() healthcheck=() environment=()
build_done=''

# The stage that builds: its only RUN is the set-up script, which is run here as it is for everybody.
run_in_build() {
  must test "$1" = "./setup.sh build"
  SKYNET_BINARY=$program SKYNET_DIST=$scratch/build/dist "$root/setup.sh" build >"$scratch/log/build" 2>&1 || must false
  mkdir -p "$scratch/build"
  cp -r "$root/setup.sh" "$root/.ci" "$scratch/build/"
  build_done=1
}

copy_from_build() {
  local from=$1 to=$2
  must test -n "$build_done"
  from=$scratch/build/${from#/src/}
  must test -e "$from"
  if [[ $to == */ ]]; then mkdir -p "$scratch/$stage$to"; fi
  # As docker does it: of a folder, what is in it.
  if [ -d "$from" ]; then cp -r "$from/." "$scratch/$stage$to"; else cp "$from" "$scratch/$stage$to"; fi
}

while IFS= read -r line; do
  read -r word rest <<<"$line"
  case $word in
    FROM)
      if [[ $rest == *" AS build" ]]; then stage=build; mkdir "$scratch/build"; else stage=image; stage_root image; fi
      ;;
    WORKDIR) workdir=$rest; must test "$stage $workdir" = "build /src" ;;
    COPY)
      if [ "$stage" = build ]; then must test "$rest" = ". ."; continue; fi
      read -r option from to <<<"$rest"
      must test "$option" = --from=build
      copy_from_build "$from" "$to"
      ;;
    RUN) if [ "$stage" = build ]; then run_in_build "$rest"; else must chroot "$scratch/image" /bin/sh -c "$rest"; fi ;;
    ENV) read -r -a environment <<<"$rest" ;;
    USER) user=$rest ;;
    VOLUME | EXPOSE | STOPSIGNAL) ;;
    HEALTHCHECK) mapfile -t healthcheck < <(strings "${rest#*CMD }") ;;
    ENTRYPOINT) mapfile -t entrypoint < <(strings "$rest") ;;
    *) echo "image: $word is not known here: $line" >&2; exit 1 ;;
  esac
done < <(sed -e :a -e '/\\$/N; s/\\\n//; ta' "$root/Dockerfile" | grep -vE '^[[:space:]]*(#|$)')

# --- the image runs ----------------------------------------------------------------------------

must test "$user" = 10001:10001
inside() { chroot --userspec="$user" "$scratch/image" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin "${environment[@]}" "$@"; }
healthy() { inside "${healthcheck[@]}" >/dev/null 2>&1; }

# A volume that outlives the container, and a root that nobody can write to.
mkdir "$scratch/volume"
chmod 700 "$scratch/volume"
chown "$user" "$scratch/volume"
mount --bind "$scratch/volume" "$scratch/image/data"
mount -o remount,ro "$scratch/image"
mount -o remount,ro "$scratch/image/usr/local"
must test "$(inside sh -c 'touch /no /usr/local/no 2>&1 >/dev/null | grep -c read-only -i')" = 2

# Another host of this machine may hold the usual port.
for port in {28690..28790}; do if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi; done
inside skynet init >/dev/null
inside skynet config set gateway.port "$port" >/dev/null

for start in first second; do
  inside "${entrypoint[@]}" >"$scratch/log/$start" 2>&1 &
  for _ in {1..240}; do if healthy; then break; fi; sleep 0.25; done
  must healthy
  # Plugins are granted beside the host as it starts.
  for _ in {1..240}; do answer=$(inside skynet chat "hello" 2>/dev/null) && break; sleep 0.25; done
  must test -n "$answer"
  pid=$(sed -n 's/^\([0-9]*\).*/\1/p' "$scratch/volume/skynet.lock" 2>/dev/null || true)
  must test -n "$pid"
  must test "$(stat -c %u "/proc/$pid")" = 10001
  kill -TERM "$pid"
  wait "$!" || must false
  must test ! -e "/proc/$pid"
done
must test "$(find "$scratch/volume" ! -user 10001 | wc -l)" = 0
echo "image: every step of the Dockerfile was carried out; the host ran twice on one volume, read-only, as user 10001"
