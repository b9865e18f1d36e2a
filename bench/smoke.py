#!/usr/bin/env python3
"""A short look at the limit servers and the load generator, so that they cannot rot.

Usage: smoke.py BUILD; exit status 0 fine, 1 a server failed under load, 2 wrong use.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import pairs  # noqa: E402
from harness.servers import Fleet, MissingError  # noqa: E402

CASES = (("keepalive", 1, ()), ("keepalive", 16, ()), ("short", 1, ("--close",)))


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    fleet = Fleet(sys.argv[1])
    failed = 0
    for backend in ("epoll", "io_uring"):
        for mode, depth, flags in CASES:
            name = f"{backend}, {mode}, {depth} at once"
            try:
                with fleet.limit(backend, *flags, core=None) as server:
                    (result,), _ = pairs.run_together(
                        fleet, [server], mode=mode, depth=depth, connections=16, seconds=0.3,
                        warmup=0.05, cooldown=0.05)
            except (MissingError, RuntimeError) as error:
                print(f"{name}: {error}")
                failed += 1
                continue
            fine = result["requests"] > 0 and result["errors"] == 0
            failed += not fine
            print(f"{name}: {result['requests']} requests, {result['errors']} errors"
                  f"{'' if fine else '  FAILED'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
