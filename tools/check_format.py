#!/usr/bin/env python3
"""Holds every C++ file against .clang-format. Usage: check_format.py [--root DIR] [--fix]."""
import argparse
import os
import shutil
import subprocess
import sys

import source_tree

TOOL = "clang-format-19"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--root", default=os.path.dirname(here))
    parser.add_argument("--fix", action="store_true", help="rewrite instead of telling")
    args = parser.parse_args()
    if not shutil.which(TOOL):
        print(f"error: {TOOL} is missing: tools/install_packages.sh", file=sys.stderr)
        return 2
    files = [f for f in source_tree.list_files(args.root)
             if source_tree.is_cpp(f) and "/testdata/" not in f]
    if not files:
        return 0
    mode = ["-i"] if args.fix else ["--dry-run", "-Werror"]
    done = subprocess.run([TOOL, *mode, *files], cwd=args.root, text=True,
                          capture_output=True, check=False)
    bad = sorted({line.split(":")[0] for line in done.stderr.split("\n") if ": error:" in line})
    for path in bad:
        print(f"{path}:1: not formatted: tools/check_format.py --fix")
    if done.returncode and not bad:
        print(done.stderr, file=sys.stderr)
    print(f"format: {len(bad)} of {len(files)} files differ")
    return 1 if done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
