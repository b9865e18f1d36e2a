"""The three reverse proxies: their configurations, how they are started and reloaded."""
import collections
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

from .servers import BENCH, MissingError, SERVER_CORE, Server, free_port

QUIET = ("ok.", "policy.")
NAMES = ("finack", "nginx", "HAProxy")


@dataclasses.dataclass
class Setup:
    """What a proxy is to do; each writes it in its own language."""
    servers: list                 # "address:port" of the upstreams
    keep: str = "60s"             # how long a free upstream connection is kept
    free: int = 256               # how many
    connect: str = "1s"
    answer: str = "60s"           # without a byte from the upstream
    checks: bool = False          # active checks, where the proxy has them
    retry_timeouts: bool = False  # nginx does so by default
    generation: int = 0           # of the configuration; in X-Generation of every answer

    def words(self):
        return {"KEEP": self.keep, "FREE": self.free, "CONNECT": self.connect,
                "ANSWER": self.answer, "GENERATION": self.generation}


def filled(template, words):
    with open(os.path.join(BENCH, "peers", template)) as file:
        text = file.read()
    for name, value in words.items():
        text = text.replace(f"@{name}@", str(value))
    return "".join(line for line in text.splitlines(True) if line.strip())


class Proxy(Server):
    """A started proxy. `write` makes the text of its configuration, `signal` has it read again."""

    def __init__(self, fleet, name, setup, core, wrapper, single=False, more=()):
        self.fleet, self.setup, self.single = fleet, setup, single
        self.path = None
        port = free_port()
        self.port = port
        self.path = os.path.join(fleet.directory, f"{name.lower()}-proxy-{port}{self.suffix}")
        self.store(self.write(setup))
        super().__init__(name, self.command(*more), port, wrapper=wrapper, core=core)

    def store(self, text):
        """At once or not at all, as an editor that is careful would."""
        with open(self.path + ".new", "w") as file:
            file.write(text)
        os.replace(self.path + ".new", self.path)

    def generation(self):
        """Of the configuration that answers a new connection now; None without an answer."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/ping",
                                         headers={"Connection": "close"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return int(answer.headers["X-Generation"])
        except (OSError, urllib.error.URLError, TypeError, ValueError):
            return None

    def reload(self, generation, timeout=5):
        """Seconds until the new configuration answers; None when it does not in time."""
        self.setup = dataclasses.replace(self.setup, generation=generation)
        self.store(self.write(self.setup))
        begun = time.monotonic()
        os.kill(self.process.pid, self.reload_signal)
        while time.monotonic() < begun + timeout:
            if self.generation() == generation:
                return time.monotonic() - begun
            time.sleep(0.02)
        return None

    def running(self):
        return self.process.poll() is None


class Nginx(Proxy):
    suffix, reload_signal = ".conf", signal.SIGHUP

    def write(self, setup):
        servers = " ".join(f"server {server};" for server in setup.servers)
        return filled("nginx-proxy.conf", {
            **setup.words(), "SERVERS": servers, "PORT": self.port, "DIR": self.fleet.directory,
            "MASTER": "master_process off;" if self.single else ""})

    def command(self):
        return [installed("nginx"), "-c", self.path, "-p", self.fleet.directory]


class Haproxy(Proxy):
    suffix, reload_signal = ".cfg", signal.SIGUSR2

    def write(self, setup):
        check = " check inter 2s" if setup.checks else ""
        servers = "\n  ".join(f"server s{i} {server}{check}"
                              for i, server in enumerate(setup.servers, 1))
        return filled("haproxy.cfg", {**setup.words(), "SERVERS": servers, "PORT": self.port,
                                      "DIR": self.fleet.directory})

    def command(self):
        # With a master, as packages run it, or alone for valgrind.
        return [installed("haproxy"), *([] if self.single else ["-W"]), "-db", "-q", "-f",
                self.path]


class Finack(Proxy):
    suffix, reload_signal = ".yaml", signal.SIGHUP

    def write(self, setup):
        checks = "health: { active: { path: /ping, interval: 2s } }" if setup.checks else ""
        retry = ("retry: { on_timeout: true, budget: { percent: 50 } }" if setup.retry_timeouts
                 else "")
        return filled("finack.yaml", {
            **setup.words(), "SERVERS": ", ".join(setup.servers), "PORT": self.port,
            "CHECKS": checks, "RETRY": retry})

    def command(self, *more):
        self.admin = free_port()
        self.records = os.path.join(self.fleet.directory, f"finack-proxy-{self.port}.jsonl")
        return [self.fleet.program("finack"), "serve", "--config", self.path, "--admin",
                f"127.0.0.1:{self.admin}", "--workers", "1", "--console", "off", "--records",
                self.records, *more]


    def causes(self):
        """What its records say: {"request server 502 upstream.stale_reuse": 3, ...}; only what is
        not of the ok and policy families."""
        found = collections.Counter()
        with open(self.records) as file:
            for text in file:
                line = json.loads(text)
                cause = line.get("cause", "")
                if line.get("purpose", "traffic") == "traffic" and not cause.startswith(QUIET):
                    found[" ".join(str(line[key]) for key in ("kind", "role", "status", "cause")
                                   if key in line)] += 1
        return dict(found.most_common())


KINDS = {"finack": Finack, "nginx": Nginx, "HAProxy": Haproxy}


def installed(program):
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if path is None:
        raise MissingError(f"{program} is not installed")
    return path


def serves(fleet):
    """Whether this build's finack can be a proxy."""
    done = subprocess.run([fleet.program("finack"), "serve", "--help"], capture_output=True)
    return done.returncode == 0


def start(fleet, name, setup, core=None, wrapper=(), single=False, more=()):
    if name == "finack" and not serves(fleet):
        raise MissingError("this finack has no serve")
    return KINDS[name](fleet, name, setup, core, wrapper, single, more)


def start_all(fleet, wanted, make_setup, missing):
    """The wanted proxies that can be started, by name; `missing` takes why others cannot."""
    proxies = {}
    try:
        for name in wanted:
            try:
                proxies[name] = start(fleet, name, make_setup(name))
            except MissingError as error:
                missing.append(f"{name}: {error}")
    except Exception:
        stop_all(proxies)
        raise
    return proxies


def stop_all(proxies):
    for proxy in proxies.values():
        proxy.stop()


def causes(proxies):
    """finack's own account, once it was stopped and its records are whole."""
    return proxies["finack"].causes() if "finack" in proxies else {}


def quoted(proxies):
    """The configurations as they ran, without what belongs to this run of this machine."""
    texts = {}
    for name, proxy in proxies.items():
        text = proxy.write(proxy.setup)
        text = text.replace(proxy.fleet.directory, "/run/bench").replace(str(proxy.port), "8080")
        texts[name] = re.sub(r"^# .*\n", "", text)
    return texts


__all__ = ["Setup", "SERVER_CORE", "NAMES", "start", "start_all", "stop_all", "causes",
           "quoted", "serves"]
