"""A ./run that runs in a folder of its own, for the tests that look at it as a person does."""
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

ROOT = os.environ["FINACK_SOURCE_DIR"]
sys.path.insert(0, os.path.join(ROOT, "tests/docs"))
import demo_server  # noqa: E402

SECONDS = 60


class Running(unittest.TestCase):
    seconds = SECONDS  # for a start

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="finack_run_")
        self.addCleanup(shutil.rmtree, self.folder)

    def set_environment(self, first_in_path):
        """Free ports; and what stands in `first_in_path` is found before anything else."""
        self.listen, self.admin, self.upstream = demo_server.free_ports(3)
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("FINACK_")},
            "PATH": first_in_path + ":" + os.environ["PATH"],
            "FINACK_SKIP_PACKAGES": "1", "LISTEN": f"127.0.0.1:{self.listen}",
            "ADMIN": f"127.0.0.1:{self.admin}", "UPSTREAM": f"127.0.0.1:{self.upstream}"}

    def start(self, *arguments):
        """A running ./run, from the moment on at which it wants traffic."""
        with open(os.path.join(self.folder, "out"), "wb") as out:
            run = subprocess.Popen(["./run", *arguments], cwd=self.folder, env=self.environment,
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        self.addCleanup(self.end, run)
        self.wait(lambda: run.poll() is not None or self.get(self.admin, "/readyz") == 200)
        self.assertIsNone(run.poll(), self.printed())
        return run

    @staticmethod
    def end(run):
        if run.poll() is None:
            run.kill()
            run.wait()

    def wait(self, until):
        end = time.monotonic() + self.seconds
        while not until():
            self.assertLess(time.monotonic(), end, self.printed())
            time.sleep(0.02)

    def printed(self):
        with open(os.path.join(self.folder, "out"), encoding="utf-8") as out:
            return out.read()

    @staticmethod
    def get(port, path):
        """The status, or None where nobody answers."""
        try:
            with demo_server.DIRECT.open(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
                return response.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return None
