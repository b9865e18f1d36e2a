#!/usr/bin/env python3
"""Slow clients must not hurt a normal one.

Against `finack demo`, for each mode of slowhttptest (slow heads, slow bodies, ranges, slow reading)
with 4 000 connections: a normal client keeps at least 99 % success, and its p99 stays within five
times what it was without the slow ones, measured just before and just after. Needs FINACK (the
command) and Debian's slowhttptest; says loudly when it must skip (exit status 77).
"""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

CONNECTIONS = 4000
RATE = 1000  # new slow connections a second: all of them are there after four seconds
ATTACK_SECONDS = 10
IDLE_SECONDS = 2  # before, and again after
DESCRIPTORS = 3 * CONNECTIONS  # the attacker's, the server's, and room
REQUESTS_PER_CONNECTION = 5
PAUSE = 0.002  # between a normal client's requests
TIMEOUT = 2.0  # a normal client's patience: after that a request has failed
ROUNDS = 3  # of a mode: other work on this machine may spoil one measurement
SUCCESS = 0.99
SLOWDOWN = 5.0
HELD = CONNECTIONS // 4  # at the same time, by each mode that holds connections
SKIP = 77

PING = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"

# What slowhttptest is told, and whether its connections last: ranges are answered at once.
MODES = {
    "slow heads": (["-H", "-u", "/ping", "-i", "3", "-x", "24"], True),
    "slow bodies": (["-B", "-u", "/echo", "-i", "3", "-s", "8192", "-x", "10"], True),
    "ranges": (["-R", "-u", "/big?kb=64", "-a", "5", "-b", "2000"], False),
    "slow reading": (["-X", "-u", "/big?kb=64", "-w", "512", "-y", "1024", "-n", "3", "-z", "32"],
                     True),
}


def skip(why):
    print(f"SKIPPED: {why}", flush=True)
    sys.exit(SKIP)


class Server:
    """One `finack demo` on ports of its own choosing."""

    def __init__(self, program, backend, folder):
        self.errors = os.path.join(folder, "stderr")
        self.records = os.path.join(folder, "records")
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                [program, "demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
                 "--backend", backend, "--workers", "2", "--records", self.records,
                 "--console", "plain"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
        self.port = self.wait_for_port("listening on ")

    def wait_for_port(self, marker):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            for line in self.text().splitlines():
                if marker in line:
                    return int(line.rsplit(":", 1)[1])
            time.sleep(0.02)
        self.stop()
        raise RuntimeError("the server did not start:\n" + self.text())

    def text(self):
        with open(self.errors, encoding="utf-8", errors="replace") as errors:
            return errors.read()

    def stop(self):
        """The exit status after a drain."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class NormalClient:
    """Asks for /ping, a few times a connection, at an easy pace, and times each answer."""

    def __init__(self, port):
        self.port = port
        self.socket = None
        self.left = 0
        self.times = []
        self.failures = []

    def run(self, seconds=None, until=None):
        """Until `seconds` are over or the process `until` has ended."""
        end = time.monotonic() + (seconds or 60)
        while time.monotonic() < end and (until is None or until.poll() is None):
            start = time.perf_counter()
            try:
                self.ask()
                self.times.append(time.perf_counter() - start)
            except OSError as error:
                self.failures.append(str(error) or type(error).__name__)
                self.close()
            time.sleep(PAUSE)
        self.close()
        return self

    def ask(self):
        if self.socket is None:
            # An address of its own: the slow ones use up the ports of 127.0.0.1.
            self.socket = socket.create_connection(
                ("127.0.0.1", self.port), TIMEOUT, source_address=("127.0.0.2", 0))
            self.left = REQUESTS_PER_CONNECTION
        self.socket.sendall(PING)
        got = b""
        while not got.endswith(b"finack: pong\n"):
            more = self.socket.recv(4096)
            if not more:
                raise OSError("the server closed before its answer")
            got += more
        if not got.startswith(b"HTTP/1.1 200 "):
            raise OSError("answered " + got.split(b"\r\n")[0].decode("latin-1"))
        self.left -= 1
        if self.left == 0:
            self.close()

    def close(self):
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    def add(self, other):
        self.times += other.times
        self.failures += other.failures

    def success(self):
        return len(self.times) / max(len(self.times) + len(self.failures), 1)

    def p99(self):
        times = sorted(self.times)
        return times[int(len(times) * 0.99)] if times else float("inf")


def attack(port, words):
    """Starts slowhttptest. It runs at the lowest priority: the machine's two cores are shared, and
    what is asked is whether its connections hurt the server, not whether its own loop does."""
    words = [f"http://127.0.0.1:{port}{word}" if word.startswith("/") else word for word in words]
    return subprocess.Popen(
        ["nice", "-n", "19", "slowhttptest", "-c", str(CONNECTIONS), "-r", str(RATE),
         "-l", str(ATTACK_SECONDS), "-v", "1", *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def standing(port):
    """How many connections the server holds, as the kernel sees it."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        suffix = f":{port:04X}"
        return sum(1 for line in table
                   if line.split()[2].endswith(suffix) and line.split()[3] == "01")


def measure(server, name, words, holds):
    """One round of a mode; a list of what was wrong."""
    idle = NormalClient(server.port).run(seconds=IDLE_SECONDS)
    process = attack(server.port, words)
    try:
        busy, stood = NormalClient(server.port), 0
        while process.poll() is None:
            busy.run(seconds=1, until=process)
            stood = max(stood, standing(server.port))
    finally:
        if process.poll() is None:
            process.kill()
        output = process.communicate()[0]
    idle.add(NormalClient(server.port).run(seconds=IDLE_SECONDS))
    slowdown = busy.p99() / idle.p99()
    print(f"  {name}: up to {stood} slow connections; success "
          f"{busy.success():.2%} of {len(busy.times) + len(busy.failures)}, p99 "
          f"{busy.p99() * 1e3:.2f} ms, idle {idle.p99() * 1e3:.2f} ms ({slowdown:.1f} x)",
          flush=True)
    wrong = []
    if idle.failures:
        wrong.append(f"failures without slow clients: {idle.failures[:3]}")
    if busy.success() < SUCCESS:
        wrong.append(f"success {busy.success():.2%}: {busy.failures[:3]}")
    if slowdown > SLOWDOWN:
        wrong.append(f"p99 is {slowdown:.1f} times the idle one")
    if holds and stood < HELD:
        wrong.append(f"no more than {stood} slow connections stood at the same time")
    if len(busy.times) < 500:
        wrong.append(f"only {len(busy.times)} answers; slowhttptest said:\n{output[-2000:]}")
    return wrong


def check_records(path):
    """Everything that ended has a cause."""
    causes = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record["kind"] == "connection":
                causes[record["cause"]] = causes.get(record["cause"], 0) + 1
    print("  " + ", ".join(f"{count} {cause}" for cause, count in sorted(causes.items())))
    return [f"{causes[bad]} endings are {bad}" for bad in ("unknown", "bug.invariant")
            if bad in causes]


def run(program, backend):
    failures = []
    with tempfile.TemporaryDirectory(prefix="finack-slow-") as folder:
        server = Server(program, backend, folder)
        try:
            print(f"{backend}:", flush=True)
            for name, (words, holds) in MODES.items():
                for attempt in range(ROUNDS):
                    wrong = measure(server, name, words, holds)
                    if not wrong:
                        break
                    print(f"  round {attempt + 1} of {name}: " + "; ".join(wrong), flush=True)
                failures += [f"{backend}: {name}: {each}" for each in wrong]
        finally:
            status = server.stop()
        if status != 0:
            failures.append(f"{backend}: exit status {status}\n{server.text()[-2000:]}")
        failures += check_records(server.records)
    return failures


def main():
    program = os.environ.get("FINACK")
    if not program:
        skip("FINACK does not name the finack command")
    if shutil.which("slowhttptest") is None:
        skip("slowhttptest is not installed")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        skip(f"{DESCRIPTORS} descriptors are needed and ulimit -Hn says {hard}")
    if soft < DESCRIPTORS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))
    if os.environ.get("FINACK_SANITIZE"):
        skip("a sanitizer's own cost would be measured")
    failures = []
    for backend in ("epoll", "io_uring"):
        try:
            failures += run(program, backend)
        except RuntimeError as error:
            if backend != "io_uring" or "io_uring" not in str(error):
                raise
            print(f"SKIPPED: this host refuses io_uring: {error}", flush=True)
    for failure in failures:
        print("FAILED " + failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
