"""The servers that are measured: how each is started, found ready, and stopped."""
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SERVER_CORE, LOAD_CORE = 0, 1


class MissingError(Exception):
    """A program that a measurement needs is not here."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pin(core):
    """To be run in a child before its program: one core, and as many descriptors as allowed."""
    def prepare():
        if Fleet.niceness != 0:
            os.nice(Fleet.niceness)
        if core is not None and core in os.sched_getaffinity(0):
            os.sched_setaffinity(0, {core})
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return prepare


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


class Server:
    """A started server; `pids` are the processes that work for it."""

    address = "127.0.0.1"

    def __init__(self, name, command, port, wrapper=(), core=SERVER_CORE, env=None):
        self.name, self.port = name, port
        self.log = open(os.path.join(Server.directory, "servers.log"), "ab")
        # Wrapped programs (valgrind) are not pinned to share a core with a rival.
        self.process = subprocess.Popen(
            [*wrapper, *command], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            preexec_fn=pin(core), env={**os.environ, **(env or {})})
        try:
            self.wait_ready()
        except Exception:
            self.stop()
            raise
        self.pids = [self.process.pid, *children(self.process.pid)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def wait_ready(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended at once: see {self.log.name}")
            try:
                with socket.create_connection((self.address, self.port), timeout=5) as peer:
                    peer.sendall(b"GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    if peer.recv(4096).startswith(b"HTTP/1.1 200"):
                        return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not answer on port {self.port}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


class Fleet:
    """Knows the command of every server. `build` is the CMake build directory."""

    niceness = 0  # Of servers and load generators.

    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.directory = Server.directory = os.path.join(self.build, "bench", "run")
        os.makedirs(self.directory, exist_ok=True)

    @staticmethod
    def raise_to(niceness):
        """Where the scheduler groups by session, niceness only counts inside one; so the session's
        is set, too."""
        Fleet.niceness = niceness
        if niceness == 0:
            return
        try:
            with open("/proc/self/autogroup", "w") as file:
                file.write(str(niceness))
        except OSError as error:
            print(f"the session keeps its niceness: {error}", file=sys.stderr)

    def program(self, *names):
        for name in names:
            for path in (os.path.join(self.build, name), os.path.join(self.build, "bench", name)):
                if os.access(path, os.X_OK):
                    return path
        raise MissingError(f"{names[0]} is not built in {self.build}")

    def finack(self, backend, *flags, name=None, **more):
        port, admin = free_port(), free_port()
        command = [self.program("finack"), "demo", "--listen", f"127.0.0.1:{port}", "--admin",
                   f"127.0.0.1:{admin}", "--workers", "1", "--console", "off", "--backend",
                   backend, *flags]
        return Server(name or f"finack {backend}", command, port, **more)

    def limit(self, backend, *flags, **more):
        port = free_port()
        command = [self.program(f"finack_limit_{backend}"), "--port", str(port), *flags]
        return Server(f"bare {backend} loop", command, port, **more)

    def nginx(self, **more):
        program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if program is None:
            raise MissingError("nginx is not installed")
        port = free_port()
        with open(os.path.join(BENCH, "peers", "nginx.conf")) as file:
            text = file.read().replace("@PORT@", str(port)).replace("@DIR@", self.directory)
        path = os.path.join(self.directory, "nginx.conf")
        with open(path, "w") as file:
            file.write(text)
        return Server("nginx", [program, "-c", path, "-p", self.directory], port, **more)

    def gin(self, **more):
        port = free_port()
        return Server("Gin", [self.build_gin(), str(port)], port, env={"GOMAXPROCS": "1"}, **more)

    def build_gin(self):
        program = os.path.join(self.directory, "gin_peer")
        source = os.path.join(BENCH, "peers", "gin")
        newest = os.path.getmtime(os.path.join(source, "main.go"))
        if os.path.exists(program) and os.path.getmtime(program) > newest:
            return program
        if shutil.which("go") is None:
            raise MissingError("go is not installed")
        env = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "",
               "GOCACHE": os.path.join(self.directory, "gocache")}
        subprocess.run(["go", "build", "-o", program, "main.go"], cwd=source, env=env, check=True)
        return program
