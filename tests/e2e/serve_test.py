#!/usr/bin/env python3
"""`finack serve` in front of a small upstream: without a file, with the ten lines, reloaded while
requests are under way, drained. Needs FINACK (the command)."""

import http.client
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


def eventually(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def answer(name, body):
    return (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Server: %s\r\n\r\n" %
            (len(body), name.encode())) + body


class Upstream:
    """An HTTP/1.1 server with keep-alive. It answers with the request's body or else its head;
    /wait is answered once release() is called."""

    def __init__(self, case, name="u", port=0):
        self.name = name
        self.heads = []
        self.waiting = threading.Semaphore(0)  # one for each request that waits
        self.gate = threading.Event()
        self.connections = 0
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()
        case.addCleanup(self.close)

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.sockets.append(client)
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        got = b""
        with client:
            while True:
                while b"\r\n\r\n" not in got:
                    try:
                        more = client.recv(65536)
                    except OSError:
                        return
                    if not more:
                        return
                    got += more
                head, got = got.split(b"\r\n\r\n", 1)
                length = re.search(rb"(?im)^content-length: (\d+)\r?$", head)
                size = int(length[1]) if length else 0
                while len(got) < size:
                    got += client.recv(65536)
                body, got = got[:size], got[size:]
                self.heads.append(head.decode("latin-1"))
                if b" /wait " in head.split(b"\r\n")[0]:
                    self.waiting.release()
                    self.gate.wait(PATIENCE)
                try:
                    client.sendall(answer(self.name, body or head))
                except OSError:
                    return

    def release(self):
        self.gate.set()

    def close(self):
        self.gate.set()
        self.listener.close()
        for each in self.sockets:
            each.close()


class Serve:
    """A `finack serve` on free ports."""

    def __init__(self, case, *flags, config=None, descriptors=None):
        folder = tempfile.TemporaryDirectory(prefix="finack_serve_")
        case.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.records = os.path.join(self.folder, "records.jsonl")
        self.config = os.path.join(self.folder, "g.yaml")
        words = [os.environ["FINACK"], "serve", "--admin", "127.0.0.1:0", "--workers", "2",
                 "--console", "off", "--records", self.records, "--record-requests", "all"]
        if config is not None:
            self.write(config)
            words += ["--config", "g.yaml"]
        if descriptors is not None:
            words = ["prlimit", f"--nofile={descriptors}", *words]
        with open(os.path.join(self.folder, "stderr"), "wb") as errors:
            self.process = subprocess.Popen([*words, *flags], cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stderr=errors)
        case.addCleanup(self.close)
        case.assertTrue(self.started(), self.said())

    def write(self, text):
        with open(self.config + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self.config + ".new", self.config)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def said(self):
        with open(os.path.join(self.folder, "stderr"), encoding="utf-8") as errors:
            return errors.read()

    def started(self):
        eventually(lambda: " backend " in self.said() or self.process.poll() is not None)
        return self.process.poll() is None

    def port(self, nth=0):
        return int(re.findall(r"listening on \S+:(\d+)\n", self.said())[nth])

    def admin_port(self):
        return int(re.search(r"admin on \S+:(\d+)\n", self.said())[1])

    def ask(self, path="/", method="GET", body=None, headers=None, port=None):
        """(status, headers, body)"""
        link = http.client.HTTPConnection("127.0.0.1", port or self.port(), timeout=PATIENCE)
        try:
            link.request(method, path, body=body, headers=headers or {})
            got = link.getresponse()
            return got.status, got.headers, got.read().decode()
        finally:
            link.close()

    def post_reload(self):
        status, _, body = self.ask("/reload", "POST", port=self.admin_port())
        return status, json.loads(body)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def all_records(self):
        with open(self.records, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]


def file_for(*upstreams, listener="127.0.0.1:0", more=""):
    servers = ", ".join(u.address for u in upstreams)
    return (f"listeners:\n  - address: {listener}\n    timeouts: {{ head: 10s, idle: 75s }}\n"
            f"clusters:\n  api:\n    servers: [ {servers} ]\n"
            "    timeouts: { connect: 1s, first_response_byte: 15s, response_idle: 30s }\n"
            f"routes:\n  - match: {{ prefix: /api }}\n    cluster: api\n{more}")


class WithoutAFile(unittest.TestCase):
    def test_an_upstream_is_enough(self):
        upstream = Upstream(self)
        serve = Serve(self, "--upstream", upstream.address, "--listen", "127.0.0.1:0")
        status, headers, body = serve.ask("/x?y=1", headers={"Host": "example.test"})
        self.assertEqual(status, 200)
        self.assertEqual(headers["X-Server"], "u")
        self.assertIn("GET /x?y=1 HTTP/1.1", body)
        self.assertIn("Host: example.test", body)
        self.assertIn("X-Forwarded-For: 127.0.0.1", body)
        self.assertRegex(body, r"Via: 1\.1 finack \([a-z2-7]{10}\)")
        status, _, body = serve.ask("/x", "POST", body="0123456789")
        self.assertEqual((status, body), (200, "0123456789"))
        self.assertEqual(serve.stop(), 0, serve.said())
        requests = [r for r in serve.all_records()
                    if r["kind"] == "request" and r["role"] == "server" and
                    r.get("purpose", "traffic") == "traffic"]
        self.assertEqual([r["cause"] for r in requests], ["ok.completed"] * 2)

    def test_an_upstream_that_is_not_there_has_a_name(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            gone = taken.getsockname()[1]
        serve = Serve(self, "--upstream", f"127.0.0.1:{gone}", "--listen", "127.0.0.1:0")
        self.assertEqual(serve.ask("/")[0], 502)
        self.assertEqual(serve.stop(), 0, serve.said())
        self.assertIn("upstream.refused", [r["cause"] for r in serve.all_records()])

    def test_clients_leave_descriptors_for_servers(self):
        upstream = Upstream(self)
        serve = Serve(self, "--upstream", upstream.address, "--listen", "127.0.0.1:0",
                      descriptors=160)
        self.assertIn("half of them kept for servers", serve.said())
        most = int(re.search(r"(\d+) connections at most", serve.said())[1])
        self.assertGreater(most, 30)
        for nth in range(120):  # Who is let in gets to the server, others are shed at the door.
            link = socket.create_connection(("127.0.0.1", serve.port()), PATIENCE)
            self.addCleanup(link.close)
            link.sendall(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
            if nth < most:
                self.assertTrue(upstream.waiting.acquire(timeout=PATIENCE),
                                f"{nth}: {serve.said()}")
        upstream.release()
        serve.stop()
        ends = {(r["role"], r["cause"]) for r in serve.all_records() if r["kind"] == "request"}
        self.assertIn(("server", "ok.completed"), ends)
        self.assertNotIn("resource.descriptors", {cause for _, cause in ends})

    def test_reload_has_nothing_to_read(self):
        serve = Serve(self, "--upstream", "127.0.0.1:1", "--listen", "127.0.0.1:0")
        status, said = serve.post_reload()
        self.assertEqual((status, said["reloaded"]), (422, False))
        self.assertIn("without --config", said["problems"][0]["what"])


class ExitStatuses(unittest.TestCase):
    def run_serve(self, *words, text=None):
        with tempfile.TemporaryDirectory(prefix="finack_serve_") as folder:
            if text is not None:
                with open(os.path.join(folder, "g.yaml"), "w", encoding="utf-8") as file:
                    file.write(text)
            return subprocess.run([os.environ["FINACK"], "serve", *words], cwd=folder, text=True,
                                  timeout=PATIENCE, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_wrong_use_is_2(self):
        cases = [((), None, "nothing to serve: give --upstream ADDRESS"),
                 (("--upstream", "nowhere"), None, "'nowhere' lacks a port"),
                 (("--config", "g.yaml"), None, "g.yaml: cannot be read: No such file"),
                 (("--config", "g.yaml"), "routs: []\n", "g.yaml:1:1: unknown key 'routs'"),
                 (("--config", "g.yaml"), "via: x\n", "there are no routes"),
                 (("--config", "g.yaml", "--listen", ":0"),
                  "listeners: [ ':0' ]\nroutes: [ respond: {} ]\n", "the file lists listeners"),
                 (("--upstream", "127.0.0.1:1", "--listen", "192.0.2.1:1"), None,
                  "no such address")]
        for words, text, why in cases:
            done = self.run_serve(*words, "--admin=", text=text)
            self.assertEqual((done.returncode, done.stdout), (2, ""), (words, done.stderr))
            self.assertIn(why, done.stderr, words)

    def test_print_config_can_be_served(self):
        printed = self.run_serve("--upstream", "127.0.0.1:1", "--print-config")
        self.assertEqual(printed.returncode, 0, printed.stderr)
        again = self.run_serve("--config", "g.yaml", "--print-config", text=printed.stdout)
        self.assertEqual(again.returncode, 0, again.stderr)
        bare = [re.sub(r" +#.*", "", text.stdout) for text in (printed, again)]
        self.assertEqual(bare[0], bare[1])
        self.assertEqual(again.stderr, "")


class TenLines(unittest.TestCase):
    def test_routes_and_balances(self):
        one, two = Upstream(self, "one"), Upstream(self, "two")
        serve = Serve(self, config=file_for(one, two))
        seen = {serve.ask("/api/x")[1]["X-Server"] for _ in range(40)}
        self.assertEqual(seen, {"one", "two"})
        self.assertEqual(serve.ask("/other")[0], 404)
        self.assertEqual(serve.stop(), 0, serve.said())
        self.assertIn("policy.no_route", [r["cause"] for r in serve.all_records()])

    def test_says_that_settings_do_not_go_together(self):
        upstream = Upstream(self)
        serve = Serve(self, config=file_for(upstream).replace(
            "connect: 1s", "try: 5s, request_total: 6s"))
        self.assertIn("1 setting does not go together with others: finack check g.yaml tells more",
                      serve.said())

    def test_drains(self):
        upstream = Upstream(self)
        serve = Serve(self, config=file_for(upstream).replace("/api", "/"))
        got = []
        client = threading.Thread(target=lambda: got.append(serve.ask("/wait")[0]))
        client.start()
        self.assertTrue(upstream.waiting.acquire(timeout=PATIENCE))
        serve.process.send_signal(signal.SIGTERM)
        self.assertTrue(eventually(lambda: "draining" in serve.said()))
        upstream.release()
        client.join(PATIENCE)
        self.assertEqual(got, [200])
        self.assertEqual(serve.process.wait(PATIENCE), 0, serve.said())


class HealthChecks(unittest.TestCase):
    def test_take_servers_out_and_back(self):
        one = Upstream(self, "one")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            gone = taken.getsockname()[1]
        # By turns, not by latency: a slow answer would leave its server out for a while.
        checks = ("    balance: round_robin\n"
                  "    health: { active: { path: /healthz, interval: 20ms, fall: 2, rise: 2 } }\n"
                  "routes:")
        config = file_for(one).replace(one.address, f"{one.address}, 127.0.0.1:{gone}")
        serve = Serve(self, config=config.replace("routes:", checks))
        down = f"finack serve: cluster api: server 127.0.0.1:{gone} is down: 2 checks in a row"
        self.assertTrue(eventually(lambda: down in serve.said()), serve.said())
        self.assertIn("the last: upstream.refused", serve.said())
        self.assertEqual({serve.ask("/api")[0] for _ in range(20)}, {200})
        Upstream(self, "two", port=gone)
        up = f"server 127.0.0.1:{gone} is up: 2 checks in a row passed"
        self.assertTrue(eventually(lambda: up in serve.said()), serve.said())
        seen = {serve.ask("/api")[1]["X-Server"] for _ in range(40)}
        self.assertEqual(seen, {"one", "two"})
        metrics = serve.ask("/metrics", port=serve.admin_port())[2]
        made = re.search(r'nontraffic_connections_opened_total\{purpose="health"\} (\d+)', metrics)
        self.assertGreater(int(made[1]), 4)
        self.assertNotIn('cause="policy.health_check"', metrics)
        self.assertEqual(serve.stop(), 0, serve.said())
        records = serve.all_records()
        probes = [r for r in records if r.get("purpose") == "health"]
        self.assertEqual({r["cause"] for r in probes} - {"operator.shutdown"},
                         {"policy.health_check", "upstream.refused"})
        self.assertFalse([r for r in records if "/healthz" in (r.get("target") or "")])


class Load:
    """Clients that ask over and over: some keep their connection, others do not."""

    def __init__(self, port, clients=4):
        self.port = port
        self.done = threading.Event()
        self.answered = 0
        self.wrong = []
        self.threads = [threading.Thread(target=self.run, args=(n % 2 == 0,), daemon=True)
                        for n in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, keep):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        while not self.done.is_set():
            try:
                link.request("GET", "/api/x")
                got = link.getresponse()
                got.read()
                if got.status != 200:
                    self.wrong.append(got.status)
                self.answered += 1
            except (OSError, http.client.HTTPException) as error:
                self.wrong.append(repr(error))
            if not keep:
                link.close()
        link.close()

    def stop(self):
        self.done.set()
        for thread in self.threads:
            thread.join(PATIENCE)
        return self.wrong


class Reload(unittest.TestCase):
    def test_a_good_file_is_in_force_at_once(self):
        one, two = Upstream(self, "one"), Upstream(self, "two")
        serve = Serve(self, config=file_for(one))
        self.assertEqual(serve.ask("/api")[1]["X-Server"], "one")
        serve.write(file_for(two))
        status, said = serve.post_reload()
        self.assertEqual((status, said), (200, {"reloaded": True, "routes": 1, "warnings": [],
                                                "clusters": {"kept": 0, "new": 1, "gone": 1},
                                                "listeners": {"kept": 1, "changed": 0, "new": 0,
                                                              "gone": 0}}))
        for _ in range(8):  # on both workers
            self.assertEqual(serve.ask("/api")[1]["X-Server"], "two")
        self.assertIn("finack serve: reloaded: 1 routes; clusters: 0 kept, 1 new, 1 gone",
                      serve.said())
        self.assertEqual(serve.stop(), 0, serve.said())
        # The connections to the server that went are gone, and say why.
        self.assertIn("operator.reload_retired", [r["cause"] for r in serve.all_records()])

    def test_by_signal(self):
        one, two = Upstream(self, "one"), Upstream(self, "two")
        serve = Serve(self, config=file_for(one))
        serve.write(file_for(two))
        serve.process.send_signal(signal.SIGHUP)
        self.assertTrue(eventually(lambda: "reloaded: 1 routes" in serve.said()))
        self.assertEqual(serve.ask("/api")[1]["X-Server"], "two")
        serve.write("nonsense")
        serve.process.send_signal(signal.SIGHUP)
        self.assertTrue(eventually(lambda: "not reloaded, nothing has changed" in serve.said()))
        self.assertEqual(serve.ask("/api")[1]["X-Server"], "two")

    def test_a_bad_file_changes_nothing_and_says_why(self):
        one = Upstream(self, "one")
        serve = Serve(self, config=file_for(one))
        bad = file_for(one).replace("connect", "conect").replace("/api", "/new")
        serve.write(bad)
        status, said = serve.post_reload()
        self.assertEqual(status, 422)
        self.assertEqual(said, {"reloaded": False, "problems": [
            {"where": "g.yaml:7:17",
             "what": "unknown key 'clusters.api.timeouts.conect'; did you mean connect?"}]})
        self.assertIn("finack serve: not reloaded, nothing has changed:\n"
                      "finack serve: g.yaml:7:17: unknown key", serve.said())
        self.assertEqual(serve.ask("/api")[0], 200)
        self.assertEqual(serve.ask("/new")[0], 404)
        # What only the whole plan shows is found in time, too.
        serve.write(file_for(one).replace("timeouts: { connect",
                                          "tls: { ca: /no/such.pem }\n    timeouts: { connect"))
        status, said = serve.post_reload()
        self.assertEqual(status, 422)
        self.assertIn("/no/such.pem", said["problems"][0]["what"])
        self.assertEqual(serve.ask("/api")[0], 200)

    def test_what_needs_a_restart_is_named(self):
        one = Upstream(self, "one")
        serve = Serve(self, config=file_for(one))
        text = file_for(one)
        cases = [
            (text.replace("clusters:", "  - address: fd:3\nclusters:", 1), "g.yaml:4:5",
             "the listener fd:3 is new, and its socket inherited: it needs a restart"),
            (text + "workers: 7\n", "g.yaml:11:10", None),
            (text + "records: { redact_query: true }\n", "g.yaml:11:26",
             "records.redact_query has changed: that needs a restart"),
        ]
        for changed, where, what in cases:
            serve.write(changed)
            status, said = serve.post_reload()
            if what is None:  # --workers on the command line wins
                self.assertEqual((status, said["reloaded"]), (200, True))
                continue
            self.assertEqual((status, said["problems"]), (422, [{"where": where, "what": what}]))
        self.assertEqual(serve.ask("/api")[0], 200)

    def test_unchanged_clusters_keep_their_connections(self):
        one, two = Upstream(self, "one"), Upstream(self, "two")
        serve = Serve(self, "--workers", "1", config=file_for(one))
        self.assertEqual(serve.ask("/api")[0], 200)
        self.assertEqual(one.connections, 1)
        serve.write(file_for(one, more="  - match: { prefix: /two }\n    cluster: two\n").replace(
            "routes:", f"  two: {{ servers: '{two.address}' }}\nroutes:"))
        self.assertEqual(serve.post_reload()[1]["clusters"], {"kept": 1, "new": 1, "gone": 0})
        self.assertEqual(serve.ask("/api")[0], 200)
        self.assertEqual(one.connections, 1)
        self.assertEqual(serve.ask("/two")[1]["X-Server"], "two")

    def test_a_request_under_way_ends_by_the_plan_it_began_with(self):
        one, two = Upstream(self, "one"), Upstream(self, "two")
        serve = Serve(self, config=file_for(one).replace("/api", "/"))
        got = []
        client = threading.Thread(target=lambda: got.append(serve.ask("/wait")))
        client.start()
        self.assertTrue(one.waiting.acquire(timeout=PATIENCE))
        serve.write(file_for(two).replace("/api", "/"))
        self.assertEqual(serve.post_reload()[0], 200)
        self.assertEqual(serve.ask("/")[1]["X-Server"], "two")
        one.release()
        client.join(PATIENCE)
        self.assertEqual((got[0][0], got[0][1]["X-Server"]), (200, "one"))
        self.assertEqual(serve.stop(), 0, serve.said())

    def test_under_load_nobody_notices(self):
        one, two = Upstream(self, "one"), Upstream(self, "two")
        serve = Serve(self, config=file_for(one))
        load = Load(serve.port())
        files = [(file_for(two), 200), ("bad: 1\n", 422), (file_for(one, two), 200),
                 (file_for(one, more="bad"), 422), (file_for(one), 200)]
        for n in range(25):
            text, wanted = files[n % len(files)]
            serve.write(text)
            answered = load.answered
            self.assertEqual(serve.post_reload()[0], wanted)
            self.assertTrue(eventually(lambda before=answered: load.answered >= before + 20))
        self.assertEqual(load.stop(), [])
        self.assertEqual(serve.stop(), 0, serve.said())
        bad = [r for r in serve.all_records() if r["kind"] == "request" and r["role"] == "server"
               and r.get("purpose", "traffic") == "traffic" and r["cause"] != "ok.completed"]
        self.assertEqual(bad, [])

    def test_other_methods_and_paths(self):
        upstream = Upstream(self)
        serve = Serve(self, config=file_for(upstream))
        status, headers, _ = serve.ask("/reload", port=serve.admin_port())
        self.assertEqual((status, headers["Allow"]), (405, "POST"))
        self.assertEqual(serve.ask("/reloaded", "POST", port=serve.admin_port())[0], 404)
        self.assertEqual(serve.ask("/readyz", port=serve.admin_port())[0], 200)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Client:
    """One connection, kept."""

    def __init__(self, case, address):
        family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
        self.socket = socket.socket(family)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", address) if isinstance(address, int) else address)
        case.addCleanup(self.socket.close)

    def send(self, path="/"):
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())

    def response(self):
        """(head, body); ("", ""): closed instead."""
        got = b""
        while b"\r\n\r\n" not in got:
            more = self.socket.recv(65536)
            if not more:
                return "", ""
            got += more
        head, body = got.split(b"\r\n\r\n", 1)
        size = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        while len(body) < size:
            body += self.socket.recv(65536)
        return head.decode("latin-1"), body.decode()

    def ask(self, path="/"):
        self.send(path)
        return self.response()[0]

    def closed(self):
        return self.socket.recv(1) == b""


class Flapping:
    """Clients of a listener that comes and goes: each is refused, or served whole."""

    def __init__(self, port):
        self.port = port
        self.done = threading.Event()
        self.served = self.refused = 0
        self.wrong = []
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(2)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.done.is_set():
            link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=0.3)
            try:
                link.connect()
            except (ConnectionRefusedError, TimeoutError):  # one that goes drops SYNs
                self.refused += 1
                time.sleep(0.002)
                continue
            link.sock.settimeout(PATIENCE)
            try:
                link.request("GET", "/api/x")
                got = link.getresponse()
                got.read()
                if got.status != 200:
                    self.wrong.append(got.status)
                self.served += 1
            except (OSError, http.client.HTTPException) as error:
                self.wrong.append(repr(error))
            link.close()

    def stop(self):
        self.done.set()
        for thread in self.threads:
            thread.join(PATIENCE)
        return self.wrong


class ReloadOfListeners(unittest.TestCase):
    """With as many workers as Serve has; ReloadOfListenersOnIoUring does the same there."""
    backend = "epoll"

    def start(self, config):
        return Serve(self, "--backend", self.backend, config=config)

    def connections(self, serve, listener):
        return [r for r in serve.all_records() if r["kind"] == "connection" and
                r["role"] == "server" and r["listener"] == listener]

    def test_one_comes_and_goes(self):
        upstream = Upstream(self)
        text = file_for(upstream).replace("/api", "/")
        serve = self.start(text)
        kept = Client(self, serve.port())
        self.assertIn("200 OK", kept.ask())
        port = free_port()
        more = text.replace("clusters:", f"  - address: 127.0.0.1:{port}\n    name: more\n"
                                         "  - unix:more.sock\nclusters:", 1)
        serve.write(more)
        status, said = serve.post_reload()
        self.assertEqual((status, said["listeners"]),
                         (200, {"kept": 1, "changed": 0, "new": 2, "gone": 0}), said)
        self.assertIn(f"finack serve: listening on 127.0.0.1:{port}\n", serve.said())
        path = os.path.join(serve.folder, "more.sock")
        idle, busy, local = Client(self, port), Client(self, port), Client(self, path)
        self.assertIn("200 OK", idle.ask())
        self.assertIn("200 OK", local.ask())
        busy.send("/wait")
        self.assertTrue(upstream.waiting.acquire(timeout=PATIENCE))
        serve.write(text)
        status, said = serve.post_reload()
        self.assertEqual((status, said["listeners"]),
                         (200, {"kept": 1, "changed": 0, "new": 0, "gone": 2}))
        self.assertIn(f"finack serve: no longer listening on 127.0.0.1:{port}\n",
                      serve.said())
        # The address is free when the answer is there, for others, too.
        socket.create_server(("127.0.0.1", port)).close()
        self.assertFalse(os.path.exists(path))
        self.assertTrue(idle.closed() and local.closed())
        upstream.release()
        head = busy.response()[0]
        self.assertIn("200 OK", head)
        self.assertIn("Connection: close", head)
        self.assertTrue(busy.closed())
        head = kept.ask()
        self.assertIn("200 OK", head)
        self.assertNotIn("Connection: close", head)
        for one in (idle, busy, local):
            one.socket.close()
        self.assertEqual(serve.stop(), 0, serve.said())
        self.assertEqual([r["cause"] for r in self.connections(serve, "more")] +
                         [r["cause"] for r in self.connections(serve, "unix:more.sock")],
                         ["operator.reload_retired"] * 3)
        requests = [r["cause"] for r in serve.all_records() if r["kind"] == "request" and
                    r["role"] == "server" and r.get("purpose", "traffic") == "traffic"]
        self.assertEqual(set(requests), {"ok.completed"})

    def test_settings_change_with_the_next_request(self):
        upstream = Upstream(self)
        text = file_for(upstream).replace("/api", "/")
        serve = self.start(text)
        asks, rests = Client(self, serve.port()), Client(self, serve.port())
        self.assertIn("Keep-Alive: timeout=75", asks.ask())
        self.assertIn("Keep-Alive: timeout=75", rests.ask())
        serve.write(text.replace("idle: 75s", "idle: 1s, idle_margin: 0"))
        self.assertEqual(serve.post_reload()[1]["listeners"],
                         {"kept": 0, "changed": 1, "new": 0, "gone": 0})
        self.assertIn("Keep-Alive: timeout=1\r\n", asks.ask() + "\r\n")
        self.assertTrue(asks.closed())
        asks.socket.close()
        self.assertIn("Keep-Alive: timeout=1\r\n", rests.ask() + "\r\n")
        rests.socket.close()
        # Its FIN and SIGTERM would race.
        eventually(lambda: "ok.peer_closed_idle" in
                   [r.get("cause") for r in serve.all_records()])
        self.assertEqual(serve.stop(), 0, serve.said())
        causes = [r["cause"] for r in serve.all_records() if r["kind"] == "connection" and
                  r["role"] == "server" and r.get("purpose", "traffic") == "traffic"]
        self.assertEqual(sorted(causes), ["ok.peer_closed_idle", "timeout.idle"])

    def test_an_address_in_use_changes_nothing(self):
        one, two = Upstream(self, "one"), Upstream(self, "two")
        serve = self.start(file_for(one))
        kept = Client(self, serve.port())
        self.assertIn("X-Server: one", kept.ask("/api"))
        port = free_port()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            used = taken.getsockname()[1]
            serve.write(file_for(two, listener="127.0.0.1:0").replace(
                "idle: 75s", "idle: 3s").replace(
                "clusters:", f"  - address: 127.0.0.1:{port}\n"
                f"  - name: x\n    address: 127.0.0.1:{used}\nclusters:", 1))
            status, said = serve.post_reload()
        self.assertEqual(status, 422)
        self.assertEqual([p["where"] for p in said["problems"]], ["g.yaml:6:14"])
        self.assertIn(f"cannot listen on 127.0.0.1:{used}: the address is in use",
                      said["problems"][0]["what"])
        with self.assertRaises(ConnectionRefusedError):
            Client(self, port)
        head = kept.ask("/api")
        self.assertIn("X-Server: one", head)
        self.assertIn("Keep-Alive: timeout=75", head)
        self.assertEqual(serve.stop(), 0, serve.said())

    def test_twenty_reloads_under_load(self):
        upstream = Upstream(self)
        text = file_for(upstream)
        serve = self.start(text)
        port = free_port()
        more = text.replace("clusters:", f"  - address: 127.0.0.1:{port}\n    name: more\n"
                                         "clusters:", 1)
        load, flapping = Load(serve.port()), Flapping(port)
        for n in range(20):
            serve.write((more, text)[n % 2])
            answered, served = load.answered, flapping.served
            status, said = serve.post_reload()
            self.assertEqual(status, 200, said)
            self.assertTrue(eventually(lambda b=answered: load.answered >= b + 20))
            if n % 2 == 0:
                self.assertTrue(eventually(lambda b=served: flapping.served > b))
        self.assertEqual(load.stop(), [])
        self.assertEqual(flapping.stop(), [])
        self.assertEqual(serve.stop(), 0, serve.said())
        bad = [r for r in serve.all_records() if r["role"] == "server" and
               r.get("purpose", "traffic") == "traffic" and
               not r["cause"].startswith("ok.") and r["cause"] != "operator.reload_retired"]
        self.assertEqual(bad, [])
        self.assertGreater(flapping.refused, 0)


class ReloadOfListenersOnIoUring(ReloadOfListeners):
    backend = "io_uring"

    def start(self, config):
        try:
            return super().start(config)
        except AssertionError as error:
            if "io_uring" not in str(error):
                raise
            raise unittest.SkipTest(f"io_uring is refused here: {error}") from error


if __name__ == "__main__":
    if "FINACK" not in os.environ:
        sys.exit("error: FINACK must name the finack command")
    unittest.main(verbosity=2)
