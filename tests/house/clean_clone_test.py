"""git clone and ./run, a newcomer's two commands, on what is committed; then ./run again.

The clone is configured for real. Compiling all of it again would take minutes: its build is a dry
run, every file of ours that the command was compiled from must be in the clone, and the command
that then starts is the one that was built for the tests.
With FINACK_CLONE_BUILD=1 nothing is left out.
"""
import os
import shutil
import signal
import subprocess
import sys
import unittest

import running
from running import ROOT, SECONDS

BUILT = os.environ["FINACK_BINARY_DIR"]
WHOLE = os.environ.get("FINACK_CLONE_BUILD", "") not in ("", "0")
SKIPPED = 77
# Stands for cmake in the path: configures, and leaves compiling out.
CMAKE = """#!/bin/bash
set -e
if [ "$1" != --build ]; then exec {cmake} "$@"; fi
if [ -L build/release/finack ]; then rm build/release/finack; fi
ninja -C build/release -n finack
ln -s {finack} build/release/finack
"""


def git(*arguments, home):
    """Whoever owns the repository: the owner that git would ask for may be another user."""
    with open(os.path.join(home, ".gitconfig"), "w", encoding="utf-8") as file:
        file.write("[safe]\n\tdirectory = *\n[advice]\n\tdetachedHead = false\n")
    done = subprocess.run(["git", *arguments], cwd=ROOT, env={**os.environ, "HOME": home},
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          timeout=SECONDS)
    if done.returncode:
        raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def compiled_from():
    """The files of ours that the objects of the build were made from, as ninja noted them."""
    said = subprocess.run(["ninja", "-C", BUILT, "-t", "deps"], text=True, check=True,
                          stdout=subprocess.PIPE).stdout
    found, valid = set(), False
    for line in said.split("\n"):
        if line and not line.startswith(" "):
            valid = line.endswith("(VALID)")
        elif valid:
            path = os.path.normpath(os.path.join(BUILT, line.strip()))
            if path.startswith(ROOT + "/") and not path.startswith(BUILT + "/"):
                found.add(os.path.relpath(path, ROOT))
    return {path for path in found if not path.startswith("build/")}


class CleanClone(running.Running):
    seconds = 1800 if WHOLE else SECONDS

    def setUp(self):
        super().setUp()
        self.home = self.folder
        self.folder = os.path.join(self.home, "finack")
        git("clone", "--quiet", "--no-hardlinks", ROOT, self.folder, home=self.home)
        first = os.path.join(self.home, "path")
        os.mkdir(first)
        if not WHOLE:
            with open(os.path.join(first, "cmake"), "w", encoding="utf-8") as file:
                file.write(CMAKE.format(cmake=shutil.which("cmake"), finack=os.environ["FINACK"]))
            os.chmod(os.path.join(first, "cmake"), 0o755)
        self.set_environment(first)

    def test_it_runs_and_runs_again(self):
        for _ in range(2):
            run = self.start()
            self.assertEqual(self.get(self.listen, "/ping"), 200)
            for step in ("[1/2] configure", "[2/2] build", "Try these in a second terminal"):
                self.assertIn(step, self.printed())
            run.send_signal(signal.SIGINT)
            self.assertEqual(run.wait(SECONDS), 0, self.printed())
        left = git("-C", self.folder, "status", "--porcelain", home=self.home).split("\n")
        self.assertEqual([line for line in left if line and line != "?? out"], [],
                         "./run leaves files that git does not ignore")

    def test_nothing_that_is_compiled_is_missing(self):
        needed = compiled_from()
        self.assertGreater(len(needed), 100, "ninja noted nothing")
        new = git("ls-files", "--others", "--exclude-standard", home=self.home).split("\n")
        missing = sorted(path for path in needed - set(new)
                         if not os.path.exists(os.path.join(self.folder, path)))
        self.assertEqual(missing, [], "git does not have them: does it ignore them?")


if __name__ == "__main__":
    if "FINACK" not in os.environ:
        sys.exit("error: FINACK must name the finack command")
    if not os.path.exists(os.path.join(ROOT, ".git")) or shutil.which("git") is None:
        print("*** SKIPPED: no git repository or no git here: nothing was cloned", file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
