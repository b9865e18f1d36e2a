"""Network namespaces: one of our own to run in, and one beside it that can be cut off."""
import os
import shutil
import subprocess
import sys
import time

from .servers import MissingError

OURS, THEIRS = "10.77.0.1", "10.77.0.2"
SKIPPED = 77  # ctest's word for a test that cannot run here.
MARK = "FINACK_BENCH_NETNS"


def enter():
    """Starts the program again in a network namespace of its own, where it is root."""
    if MARK in os.environ:
        return
    command = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    os.environ[MARK] = "1"
    if shutil.which("unshare") is None or subprocess.run([*command, "true"]).returncode != 0:
        print("no network namespace can be made here (util-linux, user namespaces)",
              file=sys.stderr)
        sys.exit(SKIPPED)
    sys.stdout.flush()
    os.execvp("unshare", [*command, sys.executable, *sys.argv])


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def configured(name):
    for directory in (*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/sbin"):
        path = os.path.join(directory, name)
        if os.access(path, os.X_OK):
            return path
    raise MissingError(f"{name} is not installed")


class Island:
    """A namespace that one link leads to. `prefix` runs a command in it."""

    def __init__(self):
        ip = self.ip = configured("ip")
        self.nft = configured("nft")
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"],
                                       stdin=subprocess.DEVNULL)
        pid = str(self.holder.pid)
        self.prefix = ("nsenter", "--target", pid, "--net")
        try:
            deadline = time.monotonic() + 10
            while os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
                if time.monotonic() > deadline:
                    raise RuntimeError("the namespace did not come")
                time.sleep(0.01)
            run(ip, "link", "set", "lo", "up")
            run(ip, "link", "add", "drill0", "type", "veth", "peer", "name", "drill1", "netns", pid)
            run(ip, "address", "add", f"{OURS}/24", "dev", "drill0")
            run(ip, "link", "set", "drill0", "up")
            run(*self.prefix, ip, "address", "add", f"{THEIRS}/24", "dev", "drill1")
            run(*self.prefix, ip, "link", "set", "drill1", "up")
            run(*self.prefix, ip, "link", "set", "lo", "up")
        except Exception:
            self.close()
            raise

    def cut(self):
        """From now on every packet to it and from it is lost without a word."""
        run(*self.prefix, self.nft, "add table inet drill; "
            "add chain inet drill in { type filter hook input priority 0; policy drop; }; "
            "add chain inet drill out { type filter hook output priority 0; policy drop; }")

    def mend(self):
        run(*self.prefix, self.nft, "delete table inet drill")

    def close(self):
        # The kernel takes its time to let a namespace go; its link must go at once.
        subprocess.run([self.ip, "link", "delete", "drill0"], capture_output=True)
        self.holder.kill()
        self.holder.wait()
