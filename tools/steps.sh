# Shared by ./run and ./test: numbered steps with their time, one log each, clear failures.
# A terminal sees how far a step is; a pipe gets one line a step, and one a minute in a long one.
steps_total=0
steps_done=0
logs=$root/build/logs
mkdir -p "$logs"

# The last word about progress in a log: ninja's [34/120], ctest's 7/31.
steps_progress() {
  tail -n 200 "$1" 2>/dev/null |
    grep -Eo '^\[[0-9]+/[0-9]+\]|^ *[0-9]+/[0-9]+ Test' | tail -n 1 | tr -d ' []Test'
}

# step <name> <what is said> <command...>: runs the command; its output goes to a log.
step() {
  local name=$1 say=$2 log=$logs/$1.log started=$SECONDS said=$SECONDS pid status=0
  shift 2
  steps_done=$((steps_done + 1))
  local head="[$steps_done/$steps_total] $say"
  if [ -t 1 ]; then printf '%s …' "$head"; fi
  # A session of its own, so that Ctrl-C can end all of it; sudo alone needs the terminal.
  local session=setsid
  if [ "$name" = packages ]; then session=""; fi
  $session "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  steps_pid=$pid
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if [ -t 1 ]; then
      printf '\r\033[K%s … %s (%d s)' "$head" "$(steps_progress "$log")" $((SECONDS - started))
    elif [ $((SECONDS - said)) -ge 60 ]; then
      said=$SECONDS
      echo "$head … $(steps_progress "$log") ($((SECONDS - started)) s)"
    fi
  done
  wait "$pid" || status=$?
  steps_pid=""
  if [ -t 1 ]; then printf '\r\033[K'; fi
  if [ "$status" -eq 0 ]; then
    echo "$head: ok ($((SECONDS - started)) s)"
  else
    echo "$head: FAILED ($((SECONDS - started)) s)"
  fi
  return "$status"
}

# show_failure <name>: the part of a log a person needs, and where the rest is.
show_failure() {
  local log=$logs/$1.log
  echo
  if grep -qE '^FAILED: ' "$log"; then
    grep -E -A 12 '^FAILED: |: error: ' "$log" | cut -c1-300 | head -n 20
  else
    tail -n 20 "$log" | cut -c1-300
  fi
  echo "error: step \"$1\" failed; the whole log: ${log#"$root"/}" >&2
}

# Ctrl-C ends the step that runs, and what it started, before we go.
steps_interrupted() {
  echo
  echo "interrupted" >&2
  if [ -n "${steps_pid:-}" ]; then
    kill -TERM -- "-$steps_pid" 2>/dev/null || kill -TERM "$steps_pid" 2>/dev/null || true
  fi
  exit 130
}
trap steps_interrupted INT TERM

jobs=$(nproc)
# A C++ compiler takes up to a gigabyte: a small machine gets fewer at once.
memory_jobs=$(($(awk '/MemAvailable/ { print $2 }' /proc/meminfo) / 1000000))
if [ "$memory_jobs" -lt 1 ]; then memory_jobs=1; fi
if [ "$jobs" -gt "$memory_jobs" ]; then jobs=$memory_jobs; fi
