"""Server commands of the docs, started on free ports in a folder of the page."""
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
import urllib.request

DOCUMENTED_PORTS = (8080, 8081, 8082, 9090, 9091)
KIND = re.compile(r"(?:finack|\./run) (demo|serve)\b")
READY_SECONDS = 60
STOP_SECONDS = 60
# An address of this machine is asked directly, whatever proxy the environment names.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_ports(count):
    """Ports that no connection of this machine takes for itself before a server binds them: from
    below the range that the system hands out."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        low = int(file.read().split()[0])
    found = []
    while len(found) < count:
        port = random.randrange(min(10_000, low // 2), low)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


class Ports:
    """Documented ports and the free ones that stand for them in this run."""

    def __init__(self):
        self.map = dict(zip(DOCUMENTED_PORTS, free_ports(len(DOCUMENTED_PORTS))))

    def substitute(self, text):
        documented = "|".join(str(port) for port in DOCUMENTED_PORTS)
        return re.sub(rf"(?<=:)({documented})\b", lambda m: str(self.map[int(m[1])]), text)

    def environment(self):
        return {"FINACK_LISTEN": f"127.0.0.1:{self.map[8080]}",
                "FINACK_ADMIN": f"127.0.0.1:{self.map[9090]}"}


class DemoServer:
    """Runs `command`, of a KIND, by bash until stop(). What it prints goes to KIND.out and
    KIND.err, what it records to records.jsonl (demo) or serve.jsonl where it names no file."""

    def __init__(self, command, folder, environment, ports):
        named = re.search(r"--records[ =](\S+)", command)
        told = re.search(r"2>(\S+)", command)
        admin = re.search(r"--admin[ =]\S*:(\d+)", command)
        self.admin_port = int(admin[1]) if admin else ports.map[9090]
        self.kind = KIND.search(command)[1]
        usual = "records.jsonl" if self.kind == "demo" else self.kind + ".jsonl"
        self.records_path = os.path.join(folder, named[1] if named else usual)
        self.errors_path = os.path.join(folder, told[1] if told else self.kind + ".err")
        self.seen = 0
        if "--config" in command and self.kind == "serve":  # its file lists its listeners
            environment = {k: v for k, v in environment.items() if k != "FINACK_LISTEN"}
        if not named:
            environment = {**environment, "FINACK_RECORDS": self.records_path}
        with open(os.path.join(folder, self.kind + ".out"), "wb") as out, \
                open(self.errors_path, "wb") as errors:
            self.process = subprocess.Popen(["bash", "-c", "exec " + command], cwd=folder,
                                            env=environment, stdout=out, stderr=errors)
        self.wait_ready()
        self.new_records()

    def errors(self):
        with open(self.errors_path, encoding="utf-8") as file:
            return file.read()

    def wait_ready(self):
        """Until it wants traffic, and the record of our asking is written and in nobody's way."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                DIRECT.open(f"http://127.0.0.1:{self.admin_port}/readyz", timeout=5).close()
                break
            except OSError:
                pass
            time.sleep(0.02)
        while time.monotonic() < end and self.process.poll() is None:
            if any(r.get("purpose") == "admin" for r in self.all_records()):
                return
            time.sleep(0.02)
        self.process.kill()
        self.process.wait()
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
