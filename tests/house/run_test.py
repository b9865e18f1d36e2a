"""./run as a person meets it: the gateway and its upstream start, show endings, and end together.

Building is left out: a cmake that does nothing stands first in the path, and the finack command is
the one that was built for the tests.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import unittest

import running
from running import ROOT, SECONDS, demo_server


class Run(running.Running):
    def setUp(self):
        super().setUp()
        for path in ("run", "tools/steps.sh"):
            target = os.path.join(self.folder, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(os.path.join(ROOT, path), target)
        os.makedirs(os.path.join(self.folder, "build/release"))
        os.symlink(os.environ["FINACK"], os.path.join(self.folder, "build/release/finack"))
        os.mkdir(os.path.join(self.folder, "path"))
        os.symlink("/bin/true", os.path.join(self.folder, "path/cmake"))
        self.set_environment(os.path.join(self.folder, "path"))

    def nobody_is_left(self):
        self.wait(lambda: self.get(self.admin, "/livez") is None
                  and self.get(self.upstream, "/ping") is None)

    def test_endings_appear_and_both_servers_end_with_it_and_it_runs_again(self):
        for stop in (signal.SIGINT, signal.SIGTERM):
            run = self.start()
            self.assertEqual(self.get(self.listen, "/ping"), 200)
            self.assertEqual(self.get(self.listen, "/abort"), 502)
            self.assertEqual(self.get(self.listen, "/nobody"), 502)
            self.wait(lambda: re.search(r"upstream\.retries_spent .* GET /nobody → 502",
                                        self.printed()))
            for line in (f"curl http://127.0.0.1:{self.listen}/abort ", "GET /abort → 502",
                         f"→ 127.0.0.1:{self.upstream} ", "upstream.refused "):
                self.assertIn(line, self.printed())
            run.send_signal(stop)
            self.assertEqual(run.wait(SECONDS), 0, self.printed())
            # It has waited for both.
            self.assertIsNone(self.get(self.upstream, "/ping"))
            self.assertIsNone(self.get(self.listen, "/ping"))

    def test_what_is_cut_is_told_by_the_exit_status(self):
        run = self.start()
        with demo_server.DIRECT.open(f"http://127.0.0.1:{self.listen}/stream?n=1000000&ms=50",
                                     timeout=10):
            run.send_signal(signal.SIGTERM)
            self.wait(lambda: "draining" in self.printed())
            run.send_signal(signal.SIGTERM)
            self.assertEqual(run.wait(SECONDS), 1, self.printed())
        self.assertIn("operator.shutdown_forced", self.printed())

    def test_a_killed_script_leaves_no_server(self):
        run = self.start()
        run.kill()
        run.wait()
        self.nobody_is_left()

    def test_a_taken_port_is_named(self):
        self.start()
        second = subprocess.run(["./run"], cwd=self.folder, env=self.environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=SECONDS)
        self.assertEqual(second.returncode, 1, second.stdout)
        self.assertIn(f"already listens on 127.0.0.1:{self.listen}", second.stdout)
        self.assertIn("LISTEN=127.0.0.1:", second.stdout)
        self.assertNotIn("[1/2]", second.stdout)

    def test_wrong_use_starts_nothing(self):
        done = subprocess.run(["./run", "--nonsense"], cwd=self.folder, env=self.environment,
                              text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=SECONDS)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("--nonsense", done.stdout)
        self.assertNotIn("curl", done.stdout)

    def test_the_demo_alone(self):
        run = self.start("demo", "--log-level", "info")
        self.assertEqual(self.get(self.listen, "/ping"), 200)
        self.assertIsNone(self.get(self.upstream, "/ping"))
        self.assertNotEqual(self.get(self.listen, "/panic"), 200)
        self.wait(lambda: "app.failed" in self.printed())
        run.send_signal(signal.SIGTERM)
        self.assertEqual(run.wait(SECONDS), 0, self.printed())


if __name__ == "__main__":
    if "FINACK" not in os.environ:
        sys.exit("error: FINACK must name the finack command")
    unittest.main(verbosity=2)
