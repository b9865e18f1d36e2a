"""What the benchmarks refuse: measurements of nothing, and folders that cannot be written to."""
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(ROOT, "bench")
sys.path.insert(0, BENCH)
from harness import counts  # noqa: E402


class Growth(unittest.TestCase):
    def test_is_the_difference(self):
        self.assertEqual(counts.growth("memory", 1000, 3500), 2500)

    def test_of_nothing_is_no_measurement(self):
        for few, many in ((4096, 4096), (0, 0), (4096, 0)):
            with self.assertRaisesRegex(RuntimeError, "bare loop, memory: nothing was measured"):
                counts.growth("bare loop, memory", few, many)


class Out(unittest.TestCase):
    def run_in(self, folder, out):
        """Of a server that ends at once: nothing can be measured, the report is written all the
        same."""
        os.mkdir(os.path.join(folder, "build"))
        program = os.path.join(folder, "build", "finack")
        with open(program, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho finack 0\n")
        os.chmod(program, 0o755)
        return subprocess.run(
            [sys.executable, os.path.join(BENCH, "run.py"), "--build",
             os.path.join(folder, "build"), "--only", "memory", "--out", out],
            capture_output=True, text=True, timeout=60, check=False)

    def test_is_made(self):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "new", "figures")
            done = self.run_in(folder, out)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertEqual(sorted(os.listdir(out)), ["RESULTS.md", "results.json"])

    def test_that_cannot_be_made_is_wrong_use(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.run_in(folder, os.path.join(__file__, "figures"))
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("--out: ", done.stderr)


if __name__ == "__main__":
    unittest.main()
