#!/usr/bin/env python3
"""Short drills, so that they cannot rot, with what is installed of nginx and HAProxy.

Usage: drill_smoke.py BUILD; exit status 0: they ran and finack kept its bars; 1: not; 2: wrong use.
"""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
SKIPPED = 77
BENCH = os.path.dirname(os.path.abspath(__file__))

DRILLS = (
    ("race/race.py", "--seconds", "5", "--clients", "50", "--idle", "500", "--keep", "500"),
    ("faults/faults.py", "--fault", "killed", "--before", "1", "--during", "3", "--after", "4",
     "--clients", "30"),
    ("reload/reload.py", "--reloads", "6", "--keep", "10", "--short", "5", "--tunnels", "5"),
)


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    failed = 0
    for script, *options in DRILLS:
        print(f"== {script}", flush=True)
        done = subprocess.run([sys.executable, os.path.join(BENCH, script), "--build",
                               sys.argv[1], "--out", "", *options])
        failed += done.returncode not in (0, SKIPPED)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
