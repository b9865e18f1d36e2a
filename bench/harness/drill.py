"""What the drills share: upstreams that log, loads that log, and what both logs say together."""
import argparse
import collections
import os
import shutil
import subprocess
import sys
import time

from . import gateway_report, proxies
from .servers import BENCH, Fleet, Server, free_port

PROXY_IDS = 10 ** 9  # Request numbers of the proxy at place n begin at (n + 1) times this.

Sent = collections.namedtuple("Sent", "id method kind begun ended outcome nth")
Seen = collections.namedtuple("Seen", "id method at connection what")


class Upstream(Server):
    """bench/drill/upstream.cpp. `prefix`: a command that runs it elsewhere."""

    def __init__(self, fleet, name, address="127.0.0.1", prefix=(), port=None, **options):
        self.address = address
        port = port or free_port()
        self.file = os.path.join(fleet.directory, f"{name}-{port}.log")
        self.again = dict(fleet=fleet, name=name, address=address, prefix=prefix, port=port,
                          **options)
        command = [*prefix, fleet.program("finack_drill_upstream"), "--address", address, "--port",
                   str(port), "--log", self.file]
        for key, value in options.items():
            command += [f"--{key}", str(value)]
        super().__init__(name, command, port, core=None)

    @property
    def place(self):
        return f"{self.address}:{self.port}"

    def restarted(self):
        return Upstream(**self.again)

    def seen(self):
        with open(self.file) as file:
            for line in file:
                number, method, at, connection, what = line.split()
                yield Seen(int(number), method, int(at), int(connection), what)


class Load:
    """bench/drill/load.cpp, under way."""

    def __init__(self, fleet, proxy, place, **options):
        self.file = os.path.join(fleet.directory, f"load-{proxy.name.lower()}.log")
        if os.path.exists(self.file):
            os.remove(self.file)
        command = [fleet.program("finack_drill_load"), "--port", str(proxy.port), "--log",
                   self.file, "--first-id", str((place + 1) * PROXY_IDS)]
        for key, value in options.items():
            command += [f"--{key.replace('_', '-')}", str(value)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def finish(self):
        if self.process.wait() != 0:
            raise RuntimeError(f"{' '.join(self.process.args)} failed")
        with open(self.file) as file:
            for line in file:
                number, method, kind, begun, ended, outcome, nth = line.split()
                yield Sent(int(number), method, kind, int(begun), int(ended), outcome, int(nth))

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


def well(sent):
    return sent.outcome == ("101" if sent.kind == "tunnel" else "200")


def new_fleet(build, name):
    """With a directory of its own, without what an earlier run left there."""
    fleet = Fleet(build)
    fleet.directory = Server.directory = os.path.join(fleet.directory, name)
    shutil.rmtree(fleet.directory, ignore_errors=True)
    os.makedirs(fleet.directory)
    return fleet


def parser(doc):
    made = argparse.ArgumentParser(description=doc.split("\n")[0])
    made.add_argument("--build", required=True, help="CMake build directory with FINACK_BENCH")
    made.add_argument("--only", action="append", choices=proxies.NAMES,
                      help="one proxy; repeatable")
    made.add_argument("--out", default=BENCH,
                      help="where RESULTS-gateway.md and results-gateway.json go; empty: nowhere")
    return made


def conclude(fleet, args, section, data):
    """Writes the section, says what missed its bar, and gives the exit status."""
    data["when"] = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    data["load_average"] = round(os.getloadavg()[0], 1)
    if args.out:
        gateway_report.write(fleet, args.out, section, data)
    for line in data["missing"]:
        print(f"not measured: {line}", file=sys.stderr)
    for line in data["missed"]:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if data["missed"] else 0
