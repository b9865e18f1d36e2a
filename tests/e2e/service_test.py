#!/usr/bin/env python3
"""`finack demo` as a service manager meets it: sockets handed over, addresses that are refused,
signals, exit statuses. Needs FINACK (the command).
"""

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PATIENCE = 20  # seconds; nothing here takes one
FIRST_PASSED = 3  # SD_LISTEN_FDS_START


def listening(address=("127.0.0.1", 0)):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    server = socket.socket(family)
    server.bind(address)
    server.listen(16)
    return server


def eventually(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


class Demo:
    """A `finack demo`. `passed` are listening sockets it gets as descriptors 3, 4, …, as systemd
    passes them; `claimed` says how many LISTEN_FDS names, `pid` whose they are."""

    def __init__(self, case, *flags, passed=(), claimed=None, pid="$$"):
        self.folder = tempfile.TemporaryDirectory(prefix="finack_service_")
        case.addCleanup(self.close)
        self.errors = self.path("stderr")
        # Numbers so high that moving one to its place overwrites none of the others.
        sources = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 100) for s in passed]
        moves = " ".join(f"{FIRST_PASSED + i}<&{s}" for i, s in enumerate(sources))
        claim = ""
        if claimed is not None or passed:
            claim = f"LISTEN_PID={pid} LISTEN_FDS={claimed or len(passed)} "
        words = [os.environ["FINACK"], "demo", "--admin", "127.0.0.1:0", "--workers", "2",
                 "--console", "off", *flags]
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                ["bash", "-c", f'{claim}exec "$@" {moves}', "bash", *words],
                pass_fds=sources, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=errors)
        for source in sources:
            os.close(source)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()

    def said(self):
        with open(self.errors, encoding="utf-8") as errors:
            return errors.read()

    def started(self):
        """Waits for the last line of the start; False where it ended instead."""
        eventually(lambda: " backend " in self.said() or self.process.poll() is not None)
        return self.process.poll() is None

    def addresses(self):
        return re.findall(r"listening on (\S+)\n", self.said())

    def port(self, nth=0):
        return int(self.addresses()[nth].rsplit(":", 1)[1])

    def stop(self, *signals):
        for number in signals or (signal.SIGTERM,):
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def ask(address, target="/ping"):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(PATIENCE)
        client.connect(address)
        client.sendall(f"GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        got = b""
        while more := client.recv(65536):
            got += more
        return got


class SocketActivation(unittest.TestCase):
    def test_a_socket_that_systemd_passed(self):
        with listening() as ours:
            demo = Demo(self, "--listen", "systemd", passed=[ours])
            self.assertTrue(demo.started(), demo.said())
            address = ours.getsockname()
            self.assertEqual(demo.addresses(), [f"127.0.0.1:{address[1]}"])
            for _ in range(4):  # both workers accept on it
                self.assertTrue(ask(address).endswith(b"finack: pong\n"))
            self.assertEqual(demo.stop(), 0, demo.said())

    def test_what_waits_in_the_backlog_is_for_the_next_process(self):
        """A restart behind a socket unit loses nobody: the socket is not ours to close."""
        with listening() as ours:
            first = Demo(self, "--listen", "systemd", passed=[ours])
            self.assertTrue(first.started(), first.said())
            self.assertEqual(first.stop(), 0)
            with socket.create_connection(ours.getsockname(), PATIENCE) as waiting:
                waiting.sendall(b"GET /ping HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                second = Demo(self, "--listen", "systemd", passed=[ours])
                self.assertTrue(second.started(), second.said())
                self.assertTrue(waiting.recv(65536).startswith(b"HTTP/1.1 200 "))
            self.assertEqual(second.stop(), 0, second.said())

    def test_several_sockets_by_their_number(self):
        folder = tempfile.TemporaryDirectory(prefix="finack_service_")
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "socket")
        with listening() as unused, listening(path) as ours:
            demo = Demo(self, "--listen", "systemd:1", passed=[unused, ours])
            self.assertTrue(demo.started(), demo.said())
            self.assertTrue(ask(path).endswith(b"finack: pong\n"))
            self.assertEqual(demo.stop(), 0, demo.said())
            self.assertTrue(os.path.exists(path), "the path belongs to who made it")

    def test_an_inherited_descriptor(self):
        with listening() as ours:
            demo = Demo(self, "--listen", "fd:3", passed=[ours])
            self.assertTrue(demo.started(), demo.said())
            self.assertTrue(ask(ours.getsockname()).endswith(b"finack: pong\n"))
            self.assertEqual(demo.stop(), 0, demo.said())

    def test_sockets_that_are_not_there(self):
        with listening() as ours, socket.socket() as silent:
            cases = [
                (("systemd",), {}, "no sockets were passed"),
                (("systemd",), {"passed": [ours], "pid": "1"}, "no sockets were passed"),
                (("systemd:1",), {"passed": [ours]}, "systemd passed 1 socket(s)"),
                (("systemd",), {"passed": [silent]}, "is not a listening socket"),
                (("fd:9",), {}, "descriptor 9 is not a listening socket"),
            ]
            for addresses, how, why in cases:
                with self.subTest(why):
                    demo = Demo(self, *(w for a in addresses for w in ("--listen", a)), **how)
                    self.assertEqual(demo.process.wait(PATIENCE), 2)
                    self.assertIn(why, demo.said())


class Start(unittest.TestCase):
    def test_a_bad_address_says_which_and_what_to_write(self):
        with listening() as taken:
            in_use = f"127.0.0.1:{taken.getsockname()[1]}"
            cases = [
                (["--listen", in_use], in_use, "in use"),
                (["--listen", "127.0.0.1:0", "--admin", in_use], in_use, "in use"),
                (["--listen", "example.org:80"], "example.org:80", "names are not resolved"),
                (["--listen", "192.0.2.1:8080"], "192.0.2.1:8080", "no such address"),
                (["--listen", "127.0.0.1:70000"], "127.0.0.1:70000", "no port from 0 to 65535"),
                (["--listen", "unix:/no/such/folder/x"], "/no/such/folder/x", "No such file"),
            ]
            for flags, which, why in cases:
                with self.subTest(which):
                    demo = Demo(self, *flags)
                    self.assertEqual(demo.process.wait(PATIENCE), 2, demo.said())
                    self.assertIn(which, demo.said())
                    self.assertIn(why, demo.said())
                    self.assertNotIn("listening on", demo.said())

    def test_one_version_everywhere(self):
        printed = subprocess.run([os.environ["FINACK"], "version", "--json"], check=True,
                                 stdout=subprocess.PIPE).stdout
        demo = Demo(self, "--listen", "127.0.0.1:0")
        self.assertTrue(demo.started(), demo.said())
        admin = ("127.0.0.1", int(re.search(r"admin on .*:(\d+)\n", demo.said())[1]))
        version = json.loads(printed)["version"]
        self.assertIn(f'"version":"{version}"', ask(admin, "/version").decode())
        self.assertIn(f'version="{version}"', ask(admin, "/metrics").decode())

    def test_several_addresses(self):
        folder = tempfile.TemporaryDirectory(prefix="finack_service_")
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "socket")
        demo = Demo(self, "--listen", "127.0.0.1:0", "--listen", "unix:" + path)
        self.assertTrue(demo.started(), demo.said())
        self.assertTrue(ask(("127.0.0.1", demo.port())).endswith(b"finack: pong\n"))
        self.assertTrue(ask(path).endswith(b"finack: pong\n"))
        self.assertEqual(demo.stop(), 0, demo.said())
        self.assertFalse(os.path.exists(path), "a path of our own goes with us")


class Signals(unittest.TestCase):
    def test_a_second_one_cuts_what_is_left(self):
        for signals in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)):
            demo = Demo(self, "--listen", "127.0.0.1:0")
            self.assertTrue(demo.started(), demo.said())
            with socket.create_connection(("127.0.0.1", demo.port()), PATIENCE) as client:
                client.sendall(b"GET /stream?n=100000&ms=100 HTTP/1.1\r\nHost: h\r\n\r\n")
                self.assertTrue(client.recv(1))
                demo.process.send_signal(signals[0])
                self.assertTrue(eventually(lambda d=demo: "draining" in d.said()))
                self.assertIsNone(demo.process.poll())
                self.assertEqual(demo.stop(signals[1]), 1)
            self.assertIn("1 connection had to be cut", demo.said())

    def test_sigusr1_opens_the_records_again(self):
        folder = tempfile.TemporaryDirectory(prefix="finack_service_")
        self.addCleanup(folder.cleanup)
        records = os.path.join(folder.name, "records")
        demo = Demo(self, "--listen", "127.0.0.1:0", "--records", records,
                    "--record-requests", "all")
        self.assertTrue(demo.started(), demo.said())

        def targets(path):
            if not os.path.exists(path):
                return []
            with open(path, encoding="utf-8") as lines:
                return [json.loads(line).get("target") for line in lines if line.endswith("\n")]

        ask(("127.0.0.1", demo.port()), "/ping?before")
        self.assertTrue(eventually(lambda: "/ping?before" in targets(records)))
        os.rename(records, records + ".1")
        demo.process.send_signal(signal.SIGUSR1)
        self.assertTrue(eventually(lambda: os.path.exists(records)), "no new file")
        ask(("127.0.0.1", demo.port()), "/ping?after")
        self.assertEqual(demo.stop(), 0, demo.said())
        self.assertIn("/ping?after", targets(records))
        self.assertNotIn("/ping?after", targets(records + ".1"))


if __name__ == "__main__":
    if "FINACK" not in os.environ:
        sys.exit("error: FINACK must name the finack command")
    unittest.main(verbosity=2)
