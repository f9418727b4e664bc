# shellcheck shell=bash
# say.sh: how setup.sh and the test run talk. Read with `source`; sets nothing but functions and colours.
# Colours only on a terminal. Every line carries the seconds since the start.
# Who reads it sets `run_log` to the file where quiet commands write.
# shellcheck disable=SC2034,SC2154  # colours are used by the reader, run_log is set by it

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' plain=$'\e[0m'
else
  bold='' red='' green='' yellow='' plain=''
fi

say() { printf '%s[%4d s]%s %s\n' "$green" "$SECONDS" "$plain" "$*"; }
warn() { printf '%s[%4d s] %s%s\n' "$yellow" "$SECONDS" "$*" "$plain"; }

# die WHAT REMEDY
die() {
  printf '%s[%4d s] failed: %s%s\n' "$red" "$SECONDS" "$1" "$plain" >&2
  printf '         what to do: %s\n' "$2" >&2
  exit 1
}

# quietly LABEL COMMAND...: the output goes to a log; a person sees time pass, and the log's end when it failed.
quietly() {
  local label=$1 began=$SECONDS waited=0 status=0 job
  shift
  "$@" >"$run_log" 2>&1 &
  job=$!
  # A background job does not get Ctrl-C by itself.
  trap 'kill "$job" 2>/dev/null; exit 130' INT TERM
  while kill -0 "$job" 2>/dev/null; do
    sleep 1
    waited=$((SECONDS - began))
    if [ -t 1 ]; then
      printf '\r[%4d s] %s ... %d s ' "$SECONDS" "$label" "$waited"
    elif ((waited > 0 && waited % 30 == 0)); then
      say "$label ... $waited s"
    fi
  done
  if [ -t 1 ]; then printf '\r\e[K'; fi
  wait "$job" || status=$?
  trap - INT TERM
  if ((status == 0)); then
    say "$label ($((SECONDS - began)) s)"
  else
    tail -n 40 "$run_log" >&2
    warn "the whole output is in $run_log"
  fi
  return "$status"
}
