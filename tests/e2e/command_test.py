#!/usr/bin/env python3
"""The `finack` command: its help, its exit statuses, what it says to wrong use. Needs FINACK."""

import json
import os
import re
import subprocess
import sys
import unittest


def run(*words):
    return subprocess.run([os.environ["FINACK"], *words], text=True, timeout=20,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class Command(unittest.TestCase):
    def test_help_is_for_standard_output(self):
        for words in (["--help"], ["-h"], ["help"], ["demo", "--help"], ["reference", "--help"],
                      ["version", "--help"]):
            done = run(*words)
            self.assertEqual((done.returncode, done.stderr), (0, ""), words)
            self.assertRegex(done.stdout, "(?i)usage|finack demo", words)

    def test_wrong_use_is_2_and_for_standard_error(self):
        cases = [([], "finack reference"),
                 (["demmo"], "no command 'demmo'; did you mean demo?"),
                 (["version", "--yaml"], "usage: finack version"),
                 (["version", "--json", "x"], "usage: finack version"),
                 (["reference"], "usage: finack reference"),
                 (["reference", "endings", "x"], "usage: finack reference"),
                 (["demo", "extra"], "extra: unexpected")]
        for words, why in cases:
            done = run(*words)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertIn(why, done.stderr, words)

    def test_version(self):
        plain = re.fullmatch(r"finack (\d+\.\d+\.\d+)\n", run("version").stdout)
        self.assertTrue(plain)
        self.assertEqual(run("--version").stdout, plain[0])
        self.assertEqual(json.loads(run("version", "--json").stdout),
                         {"name": "finack", "version": plain[1]})

    def test_the_schema_takes_what_the_command_takes(self):
        head = json.loads(run("reference", "schema").stdout)["properties"]["timeouts"]
        pattern = head["properties"]["head"]["pattern"]
        for text in ("10s", "1h30m", "250ms", "0", "7", "1d2h3m4s5ms6us7ns"):
            self.assertRegex(text, pattern)
        for text in ("", "s", "1k", "1m1h", "-1s", "1.5s"):
            self.assertNotRegex(text, pattern)
            self.assertEqual(run("demo", "--print-config", "--timeout-head=" + text).returncode, 2)


if __name__ == "__main__":
    if "FINACK" not in os.environ:
        sys.exit("error: FINACK must name the finack command")
    unittest.main(verbosity=2)
