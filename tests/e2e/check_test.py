#!/usr/bin/env python3
"""`finack check FILE`: what it prints and its exit statuses. Needs FINACK (the command)."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

TEN_LINES = """\
listeners:
  - address: 0.0.0.0:8080
    timeouts: { head: 10s, idle: 75s }
clusters:
  api:
    servers: [ 127.0.0.1:9001, { address: 127.0.0.1:9002, weight: 3 } ]
    timeouts: { connect: 1s, first_response_byte: 15s, response_idle: 30s }
routes:
  - match: { host: example.test, prefix: /api }
    cluster: api
"""
TIGHT = TEN_LINES.replace("connect: 1s", "try: 5s, request_total: 9s")


class Check(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="finack_check_")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def check(self, text, *flags):
        with open(os.path.join(self.folder, "g.yaml"), "w", encoding="utf-8") as file:
            file.write(text)
        return self.run_check(*flags, "g.yaml")

    def run_check(self, *words):
        # A variable that the command under test must not hear.
        environment = {**os.environ, "FINACK_LISTEN": "127.0.0.1:1"}
        return subprocess.run([os.environ["FINACK"], "check", *words], cwd=self.folder, text=True,
                              timeout=20, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_the_ten_lines_are_fine(self):
        done = self.check(TEN_LINES)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "g.yaml: fine\n", ""))

    def test_mistakes_are_named_with_their_place(self):
        done = self.check(TEN_LINES.replace("connect", "conect").replace("75s", "75x")
                          .replace("cluster: api", "cluster: apii"))
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, (
            "g.yaml:3:34: error: listeners[0].timeouts.idle: '75x' is no duration: write 10s, "
            "250ms, 1h30m, or a plain number of seconds\n"
            "g.yaml:7:17: error: unknown key 'clusters.api.timeouts.conect'; did you mean "
            "connect?\n"
            "g.yaml:10:14: error: routes[0].cluster: there is no cluster 'apii'; did you mean "
            "api?\n"
            "g.yaml: 3 errors, 0 warnings\n"))

    def test_allowed_values(self):
        done = self.check(TEN_LINES + "forwarded: xff\n")
        self.assertIn("'xff' is not allowed: write x_forwarded, forwarded, both or none",
                      done.stdout)

    def test_settings_that_do_not_go_together(self):
        done = self.check(TIGHT)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout.split("\n"), [
            "g.yaml:7:41: error 19E: clusters.api.timeouts.request_total = 9s: 3 tries of 5s, with "
            "waits of up to 75ms, take up to 15075ms, and all of them have 9s: the last ones are "
            "cut off or never made",
            "    g.yaml:7:22: clusters.api.timeouts.try = 5s",
            "    clusters.api.retry.tries = 3 (default)",
            "    change: set request_total to 15075ms or more, or try to 2975ms or less",
            "g.yaml: 1 error, 0 warnings", ""])

    def test_dangerous_zeros(self):
        done = self.check(TEN_LINES.replace("head: 10s", "head: 0"))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout,
                         r"^g\.yaml:3:23: warning: listeners\[0\]\.timeouts\.head is 0 .*slowloris")

    def test_a_danger_that_a_rule_names_is_told_once(self):
        done = self.check(TEN_LINES.replace("head: 10s", "drain: 0"))
        self.assertIn("error 56E: listeners[0].timeouts.drain", done.stdout)
        self.assertIn("g.yaml: 1 error, 0 warnings\n", done.stdout)

    def test_what_only_the_whole_file_shows(self):
        done = self.check("clusters: { api: { servers: '127.0.0.1:9001' } }\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("g.yaml: error: there are no routes", done.stdout)
        done = self.check(TEN_LINES.replace("timeouts: { connect",
                                            "tls: { ca: /no/such.pem }\n    timeouts: { connect"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("/no/such.pem", done.stdout)

    def test_json(self):
        done = self.check(TIGHT, "--json")
        self.assertEqual(done.returncode, 1)
        said = json.loads(done.stdout)
        self.assertEqual((said["file"], said["fine"], said["problems"], said["warnings"]),
                         ("g.yaml", False, [], []))
        (finding,) = said["findings"]
        self.assertEqual((finding["rule"], finding["severity"]), ("19E", "error"))
        self.assertEqual(finding["settings"][1],
                         {"line": 7, "column": 22, "path": "clusters.api.timeouts.try",
                          "value": "5s", "stated": True})
        self.assertFalse(finding["settings"][2]["stated"])
        self.assertEqual(json.loads(self.check(TEN_LINES, "--json").stdout),
                         {"file": "g.yaml", "fine": True, "problems": [], "findings": [],
                          "warnings": []})
        said = json.loads(self.check("a: 1\n", "--json").stdout)
        self.assertEqual(said["problems"], [{"where": "g.yaml:1:1", "what": "unknown key 'a'"}])

    def test_wrong_use(self):
        for words, why in ((["no-such.yaml"], "no-such.yaml: cannot be read: No such file"),
                           ([], "usage: finack check"), (["a", "b"], "usage: finack check"),
                           (["--jsn", "g.yaml"], "did you mean --json?")):
            done = self.run_check(*words)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertIn(why, done.stderr)


if __name__ == "__main__":
    if "FINACK" not in os.environ:
        sys.exit("error: FINACK must name the finack command")
    unittest.main(verbosity=2)
