#!/bin/bash
# The pages that are generated from the code's tables are not stale.
set -euo pipefail
status=0
for page in endings configuration; do
  if ! "$FINACK" reference "$page" | diff -u "$FINACK_SOURCE_DIR/docs/$page.md" - >&2; then
    echo "error: docs/$page.md is stale: build/release/finack reference $page >docs/$page.md" >&2
    status=1
  fi
done
exit $status
