#!/bin/bash
# What ./test says of a log in its summary: everything that was left out, with its reason.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
source <(sed -n '/^skips() {/,/^}/p' "$root/test")

got=$(skips e2e <<'LOG'
1: [  SKIPPED ] Loops/LoopTest.accepts/io_uring (0 ms)
2: ok   epoll    accept_without_memory                          0.1 s
2: SKIP io_uring accept_without_memory                          0.1 s
2:     an accept of io_uring cannot be made to fail
2: SKIPPED 1 run(s): this machine does not allow them
3: SKIPPED: this host refuses io_uring: not permitted
3: 2 passed, 0 failed
	  4 - slow_clients (Skipped)
LOG
)
wanted='e2e: Loops/LoopTest.accepts/io_uring
e2e: accept_without_memory on io_uring: an accept of io_uring cannot be made to fail
e2e: this host refuses io_uring: not permitted
e2e: slow_clients'
[ "$got" = "$wanted" ] && exit 0
diff <(echo "$wanted") <(echo "$got")
exit 1
