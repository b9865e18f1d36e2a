"""What the tests with real peers share: peers on ports that the kernel chose, and `finack serve` in
front of or behind them, whose account of what happened must be whole and as expected."""
import collections
import fcntl
import grp
import hashlib
import http.client
import json
import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

from serve_test import PATIENCE, Serve, eventually

HERE = os.path.dirname(os.path.abspath(__file__))
SKIPPED = 77
BACKENDS = ("io_uring", "epoll")
# How connections end that are kept longer than the server keeps them, one of them to learn from.
IDLE_ENDS = ("connection client ok.pool_peer_closed", "connection client ok.pool_retired",
             "connection client operator.shutdown")
SAMPLES = {
    "opened": "finack_{}s_opened_total", "ended": "finack_{}s_ended_total",
    "live": "finack_{}s_live", "by cause": "finack_{}_endings_total"}


def program(name):
    """Its path; without it the tests of this peer are left out, and say so."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if path is None:
        print(f"SKIPPED: {name} is not installed (tools/install_packages.sh)", flush=True)
        sys.exit(SKIPPED)
    return path


def web_socket_environment(node):
    """In which node finds the library ws; without it the tests are left out, and say so."""
    # Debian's node looks there by itself; another one that comes first in PATH does not.
    environment = {**os.environ, "NODE_PATH": "/usr/share/nodejs"}
    found = subprocess.run([node, "-e", "require('ws')"], env=environment, check=False,
                           stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if found.returncode != 0:
        print("SKIPPED: node has no library ws (tools/install_packages.sh): " +
              " ".join(found.stderr.split())[:200], flush=True)
        sys.exit(SKIPPED)
    return environment


def main():
    """Runs the tests of the calling script on each loop backend, or only on $FINACK_BACKEND."""
    if "FINACK" not in os.environ:
        sys.exit("error: FINACK must name the finack command")
    wanted = os.environ.get("FINACK_BACKEND")
    good = True
    for backend in (wanted,) if wanted else BACKENDS:
        os.environ["FINACK_BACKEND"] = backend
        if backend == "io_uring" and refused(backend):
            print("SKIPPED: this host refuses io_uring", flush=True)
            continue
        print(f"backend {backend}", flush=True)
        good &= unittest.main(verbosity=2, exit=False).result.wasSuccessful()
        PeerCase.again = True
    sys.exit(not good)


def refused(backend):
    case = unittest.TestCase()
    try:
        Serve(case, "--upstream", "127.0.0.1:1", "--listen", "127.0.0.1:0").stop()
        return False
    except AssertionError as error:
        if backend not in str(error):
            raise
        return True
    finally:
        case.doCleanups()


def listening():
    """A listening socket for a peer that cannot tell which port it took."""
    return socket.create_server(("127.0.0.1", 0), backlog=128)


def block(size, seed=7):
    return random.Random(seed).randbytes(size)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def raw(port, sent, until=None):
    """Sends `sent` and reads to the end of the connection, or until that is in what came."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as link:
        link.sendall(sent)
        return received(link, until)


def received(link, until=None):
    got = b""
    while until is None or until not in got:
        more = link.recv(65536)
        if not more:
            break
        got += more
    return got


class Peer:
    """A started program in a folder of its own. It tells its port in a line `listening on PORT`, or
    is handed `passed`, a listening socket, as descriptor 3."""

    def __init__(self, case, *words, passed=None, env=None, folder=None):
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="finack_peer_")
            case.addCleanup(temporary.cleanup)
            folder = temporary.name
        self.folder = folder
        self.output = os.path.join(folder, "output")
        moved = []
        if passed is not None:
            # So high that it is no descriptor of the shell's own.
            moved = [fcntl.fcntl(passed.fileno(), fcntl.F_DUPFD, 100)]
            words = ("bash", "-c", f'exec "$@" 3<&{moved[0]}', "bash", *words)
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                words, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                pass_fds=moved, env={**os.environ, **(env or {})}, start_new_session=True)
        case.addCleanup(self.close)
        if passed is not None:
            os.close(moved[0])
            self.port = passed.getsockname()[1]
            passed.close()
        else:
            told = eventually(lambda: self.told_port() or self.process.poll() is not None)
            case.assertTrue(told and self.told_port(), self.said())
            self.port = int(self.told_port()[1])
        self.address = f"127.0.0.1:{self.port}"

    def told_port(self):
        return re.search(r"listening on (\d+)\n", self.said())

    def said(self):
        with open(self.output, encoding="utf-8", errors="replace") as output:
            return output.read()

    def says(self, text, times=1):
        return eventually(lambda: self.said().count(text) >= times)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def close(self):
        """With the processes that it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Gateway(Serve):
    """`finack serve` with one worker, and its account."""

    def __init__(self, case, *servers, listener="", cluster="", route="", more=""):
        self.case = case
        super().__init__(case, "--workers", "1", config=(
            f"listeners:\n  - address: 127.0.0.1:0\n    {listener}\n"
            f"clusters:\n  api:\n    servers: [ {', '.join(servers)} ]\n    {cluster}\n"
            f"routes:\n  - match: {{ prefix: / }}\n    cluster: api\n    {route}\n{more}"))

    def metrics(self):
        text = self.ask("/metrics", port=self.admin_port())[2]
        sums = collections.Counter()
        for name, labels, value in re.findall(r"(?m)^(\w+)(?:\{(.*)\})? ([0-9.e+]+)$", text):
            role = re.search(r'role="(\w+)"', labels)
            sums[name, role and role[1]] += float(value)
        return sums

    def books(self):
        """What is wrong with them at this moment; what is counted while they are read may be."""
        sums = self.metrics()
        wrong = []
        for kind in ("connection", "request"):
            for role in ("server", "client"):
                opened, ended, live, caused = (
                    sums[name.format(kind), role] for name in SAMPLES.values())
                lines = sum(1 for r in self.traffic() if (r["kind"], r["role"]) == (kind, role))
                if opened != ended + live or ended != caused or ended != lines:
                    wrong.append(f"{role} {kind}s: {opened} opened, {ended} ended, {live} live, "
                                 f"{caused} by cause, {lines} records")
        if sums["finack_unknown_endings_total", None]:
            wrong.append("unknown endings")
        return wrong

    def traffic(self):
        return [r for r in self.all_records() if r["kind"] in ("connection", "request") and
                r.get("purpose", "traffic") == "traffic"]

    def server(self):
        """What the admin API says of the first server."""
        _, _, body = self.ask("/clusters", port=self.admin_port())
        return json.loads(body)["clusters"][0]["servers"][0]

    def wait_for(self, *wanted):
        """Until the records hold these lines, each written as in account()."""
        def there():
            lines = [line(r) for r in self.traffic()]
            return all(each in lines for each in wanted)
        self.case.assertTrue(eventually(there), (wanted, [line(r) for r in self.traffic()]))

    def account(self, expected, also=()):
        """Waits until no client is connected and ends the gateway. Its traffic ended as `expected`
        says and in no other way: how often, by "connection ROLE CAUSE" and
        "request ROLE STATUS CAUSE"; those of `also` may be there."""
        case = self.case
        case.assertTrue(eventually(self.left), self.metrics())
        case.assertTrue(eventually(lambda: not self.books()), self.books())
        case.assertEqual(self.stop(), 0, self.said())
        case.assertEqual([r for r in self.all_records() if r["kind"] == "dropped" or
                          r.get("cause") == "unknown" or r.get("severity") == "bug"], [])
        traffic = self.traffic()
        ids = collections.Counter(r["id"] for r in traffic)
        case.assertEqual([each for each, count in ids.items() if count != 1], [])
        for r in traffic:
            tries = [t["connection"] for t in r.get("upstream", ())]
            for other in (r.get("connection"), r.get("other_leg"), *tries):
                case.assertTrue(other is None or other in ids, (other, r))
        counted = collections.Counter(line(r) for r in traffic)
        for each in also:
            counted.pop(each, None)
        if counted != collections.Counter(expected):
            case.fail("\n".join(["these endings are too many or missing:", *differences(
                counted, expected), "of all:", *sorted(map(short, traffic))]))

    def left(self):
        return not self.metrics()["finack_connections_live", "server"]


def line(record):
    if record["kind"] == "connection":
        return f"connection {record['role']} {record['cause']}"
    return f"request {record['role']} {record['status']} {record['cause']}"


def differences(counted, expected):
    for each in sorted({*counted, *expected}):
        if counted[each] != expected.get(each, 0):
            yield f"  {each}: {counted[each]}, expected {expected.get(each, 0)}"


def short(record):
    shown = [record["id"], line(record), record["how"], record["phase"],
             record.get("method"), record.get("target"), str(record["evidence"])]
    return "  " + " ".join(filter(None, shown))


class PeerCase(unittest.TestCase):
    """A test with `self.gateway`, and clients of it."""

    gateway = None
    again = False  # on another loop backend

    def once(self):
        """For tests that wait for seconds, and for what no loop backend has a part in."""
        if self.again:
            self.skipTest("done on another backend")

    def link(self):
        link = http.client.HTTPConnection("127.0.0.1", self.gateway.port(), timeout=PATIENCE)
        self.addCleanup(link.close)
        return link

    def ask(self, link, path, method="GET", body=None, headers=None):
        """(status, body)"""
        link.request(method, path, body, headers or {})
        got = link.getresponse()
        return got.status, got.read()

    def client(self, sent=b""):
        """A socket that has sent this."""
        client = socket.create_connection(("127.0.0.1", self.gateway.port()), PATIENCE)
        self.addCleanup(client.close)
        client.sendall(sent)
        return client


def filled(name, folder, **words):
    """The configuration of a peer, in its folder; its path."""
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        text = file.read()
    user = f"{pwd.getpwuid(os.getuid()).pw_name} {grp.getgrgid(os.getgid()).gr_name}"
    for word, value in {"DIR": folder, "USER": user, **words}.items():
        text = text.replace(f"@{word}@", str(value))
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path
