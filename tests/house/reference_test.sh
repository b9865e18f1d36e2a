#!/bin/bash
# The pages that are generated from the code's tables are not stale.
set -euo pipefail
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"$FINACK_SOURCE_DIR/tools/update_reference.sh" "$FINACK" "$fresh"
status=0
for page in endings configuration gateway-configuration metrics; do
  if ! diff -u "$FINACK_SOURCE_DIR/docs/$page.md" "$fresh/$page.md" >&2; then
    echo "error: docs/$page.md is stale: run tools/update_reference.sh" >&2
    status=1
  fi
done
exit $status
