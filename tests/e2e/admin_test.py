#!/usr/bin/env python3
"""The admin API of `finack serve`: what is live, and what an operator does to it. Needs FINACK (the
command)."""

import http.client
import json
import os
import socket
import sys
import threading
import time
import unittest
import urllib.parse

from serve_test import PATIENCE, Serve, Upstream, eventually, file_for


class Api(unittest.TestCase):
    def serve(self, *upstreams, more=""):
        return Serve(self, config=file_for(*upstreams).replace("/api", "/") + more)

    def call(self, serve, method, path, headers=None):
        """(status, what the JSON says)"""
        status, fields, body = serve.ask(path, method, headers=headers, port=serve.admin_port())
        self.assertEqual(fields["Content-Type"], "application/json", body)
        return status, json.loads(body)

    def test_the_index_lists_it(self):
        serve = self.serve(Upstream(self))
        index = serve.ask("/", port=serve.admin_port())[2]
        for words in ("/metrics ", "GET  /clusters ", "GET  /connections ", "POST /reload "):
            self.assertIn(f"\n  {words}", index)

    def connections(self, serve, query=""):
        status, said = self.call(serve, "GET", "/connections" + query)
        self.assertEqual((status, said["missing_workers"]), (200, 0))
        return said["connections"]

    def cluster(self, serve):
        status, said = self.call(serve, "GET", "/clusters")
        self.assertEqual((status, said["missing_workers"]), (200, 0))
        return said["clusters"][0]

    def act(self, serve, upstream, what):
        address = urllib.parse.quote(upstream.address)
        return self.call(serve, "POST", f"/clusters/api/servers/{address}/{what}")

    def begin(self, serve, path="/wait"):
        """A request that is under way, and what comes of it."""
        got = []

        def ask():
            try:
                got.append(serve.ask(path)[0])
            except (OSError, http.client.HTTPException) as error:
                got.append(type(error).__name__)
        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        return thread, got

    def waiting(self, serve, upstream):
        thread, got = self.begin(serve)
        self.assertTrue(upstream.waiting.acquire(timeout=PATIENCE))
        front = self.connections(serve, "?role=server&phase=handling")
        back = self.connections(serve, "?role=client&phase=wait")
        self.assertEqual((len(front), len(back)), (1, 1))
        return thread, got, front[0], back[0]

    def records(self, serve, count):
        """Traffic that has ended: kind, role and cause."""
        def ended():
            return sorted((r["kind"], r["role"], r["cause"]) for r in serve.all_records()
                          if r["kind"] in ("connection", "request") and
                          r.get("purpose", "traffic") == "traffic")
        eventually(lambda: len(ended()) >= count)
        return ended()

    def test_live_connections(self):
        upstream = Upstream(self)
        serve = self.serve(upstream)
        thread, got, front, back = self.waiting(serve, upstream)
        self.assertEqual(front["route"], "/*")
        self.assertEqual(front["requests"], 1)
        self.assertEqual(front["local"], f"127.0.0.1:{serve.port()}")
        self.assertEqual(back["server"], upstream.address)
        self.assertEqual(back["peer"], upstream.address)
        self.assertGreater(back["bytes_out"], 0)
        self.assertEqual(self.cluster(serve)["requests"]["live"], 1)
        pools = self.cluster(serve)["servers"][0]["pools"]
        self.assertEqual((pools["busy"], pools["free"]), (1, 0))
        upstream.release()
        thread.join(PATIENCE)
        self.assertEqual(got, [200])
        self.assertTrue(eventually(
            lambda: self.cluster(serve)["servers"][0]["pools"]["free"] == 1))

    def test_pages(self):
        serve = self.serve(Upstream(self))
        links = [socket.create_connection(("127.0.0.1", serve.port())) for _ in range(7)]
        for link in links:
            self.addCleanup(link.close)
        self.assertTrue(eventually(lambda: len(self.connections(serve)) == 7))
        seen, query = [], "?limit=3"
        sizes = []
        while query:
            said = self.call(serve, "GET", "/connections" + query)[1]
            sizes.append(len(said["connections"]))
            seen += [one["id"] for one in said["connections"]]
            query = said["next"] and f"?limit=3&after={said['next']}"
        self.assertEqual(sizes, [3, 3, 1])
        self.assertEqual(len(set(seen)), 7)

    def test_kills_the_client_s_leg(self):
        upstream = Upstream(self)
        serve = self.serve(upstream)
        thread, got, front, _ = self.waiting(serve, upstream)
        self.assertEqual(self.call(serve, "POST", f"/connections/{front['id']}/kill"),
                         (200, {"killed": front["id"]}))
        thread.join(PATIENCE)
        self.assertEqual(got, ["ConnectionResetError"])
        self.assertEqual(self.records(serve, 4), [
            ("connection", "client", "policy.other_leg"),
            ("connection", "server", "operator.killed"),
            ("request", "client", "app.cancelled"),
            ("request", "server", "operator.killed")])
        self.assertEqual(self.call(serve, "POST", f"/connections/{front['id']}/kill")[0], 404)
        self.assertEqual(serve.stop(), 0, serve.said())

    def test_kills_the_server_s_leg(self):
        upstream = Upstream(self)
        serve = self.serve(upstream)
        thread, got, _, back = self.waiting(serve, upstream)
        self.assertEqual(self.call(serve, "POST", f"/connections/{back['id']}/kill")[0], 200)
        thread.join(PATIENCE)
        self.assertEqual(got, [502])
        self.assertEqual(len(upstream.heads), 1, "it is not tried again")
        causes = self.records(serve, 4)
        self.assertIn(("connection", "client", "operator.killed"), causes)
        self.assertIn(("request", "client", "operator.killed"), causes)
        self.assertIn(("request", "server", "operator.killed"), causes)
        self.assertNotIn(("connection", "server", "operator.killed"), causes)

    def test_drains_and_restores(self):
        one, two = Upstream(self, "one"), Upstream(self, "two")
        serve = self.serve(one, two)
        for _ in range(20):
            serve.ask("/")
        status, said = self.act(serve, one, "drain")
        self.assertEqual((status, said["state"], said["missing_workers"]), (200, "drained", 0))
        # What was free is closed, and nothing comes to it any more.
        self.assertEqual({c["server"] for c in self.connections(serve, "?role=client")},
                         {two.address})
        for _ in range(20):
            self.assertEqual(serve.ask("/")[1]["X-Server"], "two")
        self.assertEqual(self.act(serve, one, "restore")[1]["state"], "up")
        self.assertTrue(eventually(lambda: serve.ask("/")[1]["X-Server"] == "one"))
        self.assertEqual(serve.stop(), 0, serve.said())
        self.assertIn("operator.server_drained", [r["cause"] for r in serve.all_records()])

    def test_a_drained_server_stays_so_through_a_reload(self):
        one, two = Upstream(self, "one"), Upstream(self, "two")
        serve = self.serve(one, two)
        self.act(serve, one, "drain")
        serve.write(file_for(one, two).replace("/api", "/v"))
        self.assertEqual(serve.post_reload()[0], 200)
        states = [server["state"] for server in self.cluster(serve)["servers"]]
        self.assertEqual(states, ["drained", "up"])

    def test_ejects_up_to_the_limit(self):
        one, two = Upstream(self, "one"), Upstream(self, "two")
        serve = self.serve(one, two)
        self.assertEqual(self.act(serve, one, "eject")[1]["state"], "ejected")
        for _ in range(10):
            self.assertEqual(serve.ask("/")[1]["X-Server"], "two")
        status, said = self.act(serve, two, "eject")
        self.assertEqual(status, 409)
        self.assertIn("eject_percent", said["error"])
        self.assertEqual(self.act(serve, one, "restore")[0], 200)

    def test_refuses_what_a_browser_of_another_site_sends(self):
        upstream = Upstream(self)
        serve = self.serve(upstream, more="admin_host: gateway.internal\n")
        path = f"/clusters/api/servers/{urllib.parse.quote(upstream.address)}/drain"
        port = serve.admin_port()
        cases = [({"Host": f"evil.test:{port}"}, 403),
                 ({"Origin": "http://evil.test"}, 403),
                 ({"Origin": "null"}, 403),
                 ({"Host": f"gateway.internal:{port}"}, 200),
                 ({"Origin": f"http://127.0.0.1:{port}"}, 200)]
        for headers, status in cases:
            self.assertEqual(self.call(serve, "POST", path, headers)[0], status, headers)
            drained = self.cluster(serve)["servers"][0]["state"] == "drained"
            self.assertEqual(drained, status == 200, headers)
            self.act(serve, upstream, "restore")
        for path in ("/connections", "/clusters", "/reload"):
            method = "POST" if path == "/reload" else "GET"
            self.assertEqual(self.call(serve, method, path, {"Host": "evil.test"})[0], 403)

    def test_wrong_asks(self):
        serve = self.serve(Upstream(self))
        cases = [("GET", "/connections/0000000000-1/kill", 405),
                 ("POST", "/connections/0000000000-1/kill", 404),
                 ("POST", "/connections", 405), ("DELETE", "/clusters", 405),
                 ("GET", "/clusters/api/servers/127.0.0.1:1/drain", 405),
                 ("POST", "/clusters/api/servers/127.0.0.1:1/drain", 404),
                 ("POST", "/clusters/b/servers/127.0.0.1:1/drain", 404),
                 ("GET", "/connections?limit=0", 400), ("GET", "/nothing", 404),
                 ("GET", "/reload", 405)]
        for method, path, wanted in cases:
            status, said = self.call(serve, method, path)
            self.assertEqual((status, list(said)), (wanted, ["error"]), (method, path))

    def test_under_load(self):
        """Pages, kills and drains while requests run: the workers stay in order."""
        one, two = Upstream(self, "one"), Upstream(self, "two")
        serve = self.serve(one, two)
        done = threading.Event()

        def load():
            while not done.is_set():
                try:
                    serve.ask("/")
                except (OSError, http.client.HTTPException):
                    pass
        threads = [threading.Thread(target=load, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 2
        while time.monotonic() < end:
            for live in self.connections(serve)[:2]:
                self.assertIn(self.call(serve, "POST", f"/connections/{live['id']}/kill")[0],
                              (200, 404))
            self.act(serve, one, "drain")
            self.act(serve, one, "restore")
        done.set()
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual(serve.ask("/")[0], 200)
        self.assertEqual(serve.stop(), 0, serve.said())


if __name__ == "__main__":
    if "FINACK" not in os.environ:
        sys.exit("error: FINACK must name the finack command")
    unittest.main(verbosity=2)
