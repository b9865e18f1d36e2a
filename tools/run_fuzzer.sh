#!/bin/bash
# Runs one fuzzer: run_fuzzer.sh <fuzzer> <kept corpus> <work folder> <seconds>.
# The kept corpus is read, never written; finds and crashes go to the work folder.
set -euo pipefail
fuzzer=$1 kept=$2 work=$3 seconds=$4
mkdir -p "$work"
seeds=("$work")
[ -d "$kept" ] && seeds+=("$kept")
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
exec "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
  -print_final_stats=1 -artifact_prefix="$work/../crash-" "${seeds[@]}"
