"""Server commands of the docs, started on free ports in a folder of the page."""
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

DOCUMENTED_PORTS = (8080, 8081, 8082, 9090, 9091)
KIND = re.compile(r"finack (demo|serve)\b")
READY_SECONDS = 20
STOP_SECONDS = 60


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Ports:
    """Documented ports and the free ones that stand for them in this run."""

    def __init__(self):
        self.map = dict(zip(DOCUMENTED_PORTS, free_ports(len(DOCUMENTED_PORTS))))

    def substitute(self, text):
        return re.sub(r"(?<=:)(8080|8081|8082|9090|9091)\b", lambda m: str(self.map[int(m[1])]), text)

    def environment(self):
        return {"FINACK_LISTEN": f"127.0.0.1:{self.map[8080]}",
                "FINACK_ADMIN": f"127.0.0.1:{self.map[9090]}"}


class DemoServer:
    """Runs `command`, of a KIND, by bash until stop(). What it prints goes to KIND.out and KIND.err;
    what it records to records.jsonl (demo) or serve.jsonl, unless the command names a file."""

    def __init__(self, command, folder, environment, ports):
        named = re.search(r"--records[ =](\S+)", command)
        admin = re.search(r"--admin[ =]\S*:(\d+)", command)
        self.kind = KIND.search(command)[1]
        usual = "records.jsonl" if self.kind == "demo" else self.kind + ".jsonl"
        self.records_path = os.path.join(folder, named[1] if named else usual)
        self.errors_path = os.path.join(folder, self.kind + ".err")
        self.seen = 0
        if not named:
            environment = {**environment, "FINACK_RECORDS": self.records_path}
        with open(os.path.join(folder, self.kind + ".out"), "wb") as out, \
                open(self.errors_path, "wb") as errors:
            self.process = subprocess.Popen(["bash", "-c", "exec " + command], cwd=folder,
                                            env=environment, stdout=out, stderr=errors)
        self.wait_ready(int(admin[1]) if admin else ports.map[9090])
        self.new_records()

    def errors(self):
        with open(self.errors_path, encoding="utf-8") as file:
            return file.read()

    def wait_ready(self, admin_port):
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/readyz", timeout=1):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
        raise AssertionError(f"the server is not ready: {self.errors()}")

    def all_records(self):
        if not os.path.exists(self.records_path):
            return []
        with open(self.records_path, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def new_records(self):
        """Traffic records written since the last call."""
        records = self.all_records()
        fresh, self.seen = records[min(self.seen, len(records)):], len(records)
        return [r for r in fresh if r.get("purpose", "traffic") == "traffic"]

    def wait_for_cause(self, cause, seconds):
        """The new records, once one of them has this cause or finding; None when none comes."""
        end = time.monotonic() + seconds
        found = []
        while True:
            found += self.new_records()
            if any(cause in (r.get("cause"), r.get("finding")) for r in found):
                return found
            if time.monotonic() >= end:
                return None
            time.sleep(0.02)

    def stop(self):
        """Ends it as an operator would; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("the server did not stop within a minute") from None
        return self.process.returncode
