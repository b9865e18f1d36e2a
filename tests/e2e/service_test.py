#!/usr/bin/env python3
"""`finack demo` as a service manager meets it: sockets handed over, addresses that are refused,
signals, exit statuses. Needs FINACK (the command).
"""

import ctypes
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
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
    passes them; `claimed` says how many LISTEN_FDS names, `pid` whose they are. `before` runs in
    the child before the command does."""

    def __init__(self, case, *flags, passed=(), claimed=None, pid="$$", console="off", before=None):
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
                 "--console", console, *flags]
        with open(self.errors, "wb") as errors, open(self.path("stdout"), "wb") as output:
            self.process = subprocess.Popen(
                ["bash", "-c", f'{claim}exec "$@" {moves}', "bash", *words],
                pass_fds=sources, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                preexec_fn=before)
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

    def printed(self):
        with open(self.path("stdout"), encoding="utf-8") as output:
            return output.read()

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


def refuse_io_uring():
    """Of this process and what it becomes: io_uring_setup() ends with EPERM, as under the seccomp
    policies of containers."""
    class Instruction(ctypes.Structure):
        _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte),
                    ("k", ctypes.c_uint)]

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.POINTER(Instruction))]

    io_uring_setup = 425  # on every architecture
    code = (Instruction * 4)(
        (0x20, 0, 0, 0),                # load the number of the system call
        (0x15, 0, 1, io_uring_setup),   # this one?
        (0x06, 0, 0, 0x00050000 | 1),   # SECCOMP_RET_ERRNO, EPERM
        (0x06, 0, 0, 0x7FFF0000))       # SECCOMP_RET_ALLOW
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
    if libc.prctl(set_seccomp, filter_mode, ctypes.byref(Program(4, code)), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_SECCOMP")


class Storm:
    """Clients that connect, ask and read to the end, over and over, until nobody listens."""

    def __init__(self, port, threads=8):
        self.port = port
        self.lock = threading.Lock()
        self.answered = 0
        self.wrong = []
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            connected = False
            try:
                with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
                    connected = True
                    client.sendall(b"GET /ping HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                    got = b""
                    while more := client.recv(4096):
                        got += more
                whole = got.startswith(b"HTTP/1.1 200 ") and got.endswith(b"finack: pong\n")
                with self.lock:
                    self.answered += whole
                    if not whole:
                        self.wrong.append(f"answered {got!r}")
            except ConnectionRefusedError as error:
                if connected:
                    self.wrong.append(str(error))
                return
            except OSError as error:
                self.wrong.append(f"{error} ({'connected' if connected else 'connecting'})")
                return
        self.wrong.append("still somebody who listens")

    def join(self):
        for thread in self.threads:
            thread.join(PATIENCE)


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

    def test_auto_falls_back_and_says_why(self):
        demo = Demo(self, "--listen", "127.0.0.1:0", "--backend", "auto", before=refuse_io_uring)
        self.assertTrue(demo.started(), demo.said())
        self.assertRegex(demo.said(), r"2 workers, backend epoll \(.*io_uring is forbidden here")
        self.assertTrue(ask(("127.0.0.1", demo.port())).endswith(b"finack: pong\n"))
        self.assertEqual(demo.stop(), 0, demo.said())

    def test_io_uring_that_was_asked_for_is_not_replaced(self):
        demo = Demo(self, "--listen", "127.0.0.1:0", "--backend", "io_uring",
                    before=refuse_io_uring)
        self.assertEqual(demo.process.wait(PATIENCE), 2, demo.said())
        self.assertIn("io_uring is forbidden here", demo.said())

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


class Output(unittest.TestCase):
    def test_records_on_standard_output_are_alone_there(self):
        demo = Demo(self, "--listen", "127.0.0.1:0", "--records", "-", "--record-requests", "all",
                    console="plain")
        self.assertTrue(demo.started(), demo.said())
        address = ("127.0.0.1", demo.port())
        for target in ("/ping", "/panic", "/short-body", "/nowhere", "/busy?ms=80"):
            ask(address, target)
        with socket.create_connection(address, PATIENCE) as client:
            client.sendall(b"\x16\x03\x01\r\n\r\n")
            client.recv(4096)
        demo.process.send_signal(signal.SIGUSR1)
        self.assertEqual(demo.stop(), 0, demo.said())
        self.assertTrue(demo.printed().endswith("\n"))
        kinds = [json.loads(line)["kind"] for line in demo.printed().splitlines()]
        self.assertEqual(kinds.count("connection"), 6, demo.printed())
        self.assertEqual(kinds.count("request"), 6, demo.printed())
        self.assertIn("finding", kinds)
        self.assertIn("app.failed", demo.said())  # the console's lines are elsewhere


class Signals(unittest.TestCase):
    def test_a_drain_resets_nobody_who_is_connecting(self):
        """Two workers with a socket each: what waits in either backlog is answered or let go."""
        for backend in ("epoll", "auto"):
            with self.subTest(backend):
                demo = Demo(self, "--listen", "127.0.0.1:0", "--backend", backend)
                self.assertTrue(demo.started(), demo.said())
                storm = Storm(demo.port())
                self.assertTrue(eventually(lambda s=storm: s.answered > 500 or s.wrong))
                self.assertEqual(demo.stop(), 0, demo.said())
                storm.join()
                self.assertEqual(storm.wrong, [])

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
