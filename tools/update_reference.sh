#!/bin/bash
# Writes the pages that are generated from the code's tables: docs/endings.md, docs/configuration.md
# and docs/metrics.md. Usage: tools/update_reference.sh [finack command [folder]]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
finack=${1:-$root/build/release/finack}
folder=${2:-$root/docs}

"$finack" reference endings >"$folder/endings.md"
"$finack" reference configuration >"$folder/configuration.md"
{
  cat <<'HEAD'
# Metrics

<!-- Generated from the tables in the code. Do not edit. -->

Prometheus text on the admin listener, `/metrics`. The words in `ended_by`, `how`, `phase` and
`cause` are those of [endings.md](endings.md). [operations.md](operations.md) says which alerts to
set first.

HEAD
  "$finack" reference metrics
} >"$folder/metrics.md"
