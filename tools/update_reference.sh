#!/bin/bash
# Writes the pages that are generated from the code's tables: docs/endings.md,
# docs/configuration.md, docs/gateway-configuration.md and docs/metrics.md.
# Usage: tools/update_reference.sh [finack command [folder]]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
finack=${1:-$root/build/release/finack}
folder=${2:-$root/docs}

for page in endings configuration gateway-configuration metrics; do
  "$finack" reference "$page" >"$folder/$page.md"
done
