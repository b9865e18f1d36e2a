"""A server command of the docs, started on free ports in a folder of its own."""
import json
import os
import re
import signal
import subprocess
import time
import urllib.request

ANNOUNCED = {8080: "listening on", 8081: "probes on", 9090: "admin on"}
READY_SECONDS = 60
STOP_SECONDS = 60
# An address of this machine is asked directly, whatever proxy the environment names.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Ports:
    """The documented ports, and those that the running server took and told: it asks for port 0, as
    a port that somebody else found free may be taken before it is bound."""

    def __init__(self):
        self.map = {}

    def substitute(self, text):
        return re.sub(r"(?<=:)(8080|8081|9090)\b",
                      lambda m: str(self.map.get(int(m[1]), m[1])), text)

    @staticmethod
    def any(text):
        return re.sub(r"(?<=:)(8080|8081|9090)\b", "0", text)

    def read(self, announcement):
        """Takes the ports from what a server says at its start; True once it has said all."""
        for port, words in ANNOUNCED.items():
            told = re.search(rf"^.*: {words} \S+:(\d+)$", announcement, re.M)
            if told:
                self.map[port] = int(told[1])
        return re.search(r"^.*: \d+ workers?, .*$", announcement, re.M) is not None

    @staticmethod
    def environment():
        return {"FINACK_LISTEN": "127.0.0.1:0", "FINACK_ADMIN": "127.0.0.1:0"}


class DemoServer:
    """Runs `command` by bash until stop(). What it prints goes to server.out and server.err."""

    def __init__(self, command, folder, environment, ports):
        named = re.search(r"--records[ =](\S+)", command)
        self.records_path = os.path.join(folder, named[1] if named else "records.jsonl")
        told = re.search(r"2>(\S+)", command)
        self.errors_path = os.path.join(folder, told[1] if told else "server.err")
        self.seen = 0
        if not named:
            environment = {**environment, "FINACK_RECORDS": self.records_path}
        with open(os.path.join(folder, "server.out"), "wb") as out, \
                open(self.errors_path, "wb") as errors:
            self.process = subprocess.Popen(["bash", "-c", "exec " + ports.any(command)],
                                            cwd=folder, env=environment, stdout=out, stderr=errors)
        self.wait_ready(ports)
        self.new_records()

    def errors(self):
        with open(self.errors_path, encoding="utf-8") as file:
            return file.read()

    def wait_ready(self, ports):
        """Until it wants traffic, and the record of our asking is written and in nobody's way."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if ports.read(self.errors()):
                    DIRECT.open(f"http://127.0.0.1:{ports.map[9090]}/readyz", timeout=5).close()
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
