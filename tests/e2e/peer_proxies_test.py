#!/usr/bin/env python3
"""nginx and HAProxy between clients and `finack serve`, in front of Node's servers. Needs FINACK
(the command), nginx, haproxy, node and ws."""

import json
import os
import subprocess
import tempfile
import time

from peers.rig import (
    HERE, Gateway, Peer, PeerCase, block, digest, filled, listening, main, program,
    web_socket_environment)
from serve_test import PATIENCE, eventually

NODE, NGINX, HAPROXY = program("node"), program("nginx"), program("haproxy")
ENVIRONMENT = web_socket_environment(NODE)
FRONTS = ("nginx", "haproxy")
# The proxy in front keeps its connections to the gateway until it ends; HAProxy looks for the
# gateway again and again.
FREE_OF_PROXY = ("connection server ok.peer_closed_idle", "connection server client.silent",
                 "connection server client.reset_idle")  # HAProxy may reset what it kept


class Proxies(PeerCase):
    def start(self, front, server="http_peer.js", keep="60s"):
        """`front` before the gateway before a server of Node's."""
        folder = tempfile.TemporaryDirectory(prefix="finack_peer_")
        self.addCleanup(folder.cleanup)
        self.server = Peer(self, NODE, os.path.join(HERE, server), "60000", env=ENVIRONMENT)
        self.gateway = Gateway(
            self, self.server.address, listener="limits: { body_bytes: 32MiB }",
            more="trusted_proxies: [ 127.0.0.0/8 ]\n")
        socket = listening()
        words = {"GATEWAY": self.gateway.port(), "KEEP": keep, "PORT": socket.getsockname()[1]}
        if front == "nginx":
            config = filled("nginx_front.conf", folder.name, **words)
            command, env = (NGINX, "-c", config, "-p", folder.name), {"NGINX": "3;"}
        else:
            config = filled("haproxy_front.cfg", folder.name, **words)
            command, env = (HAPROXY, "-db", "-f", config), {}
        self.front = Peer(self, *command, passed=socket, env=env, folder=folder.name)

    def link(self):
        link = super().link()
        link.port = self.front.port
        return link

    def account(self, expected, connections):
        """Ends the proxy in front, then the gateway; it made so many connections for requests."""
        self.front.end()
        used = [r for r in self.ended_connections() if r["requests"]]
        self.assertEqual(len(used), connections, used)
        self.gateway.account(expected, also=FREE_OF_PROXY)

    def ended_connections(self):
        self.assertTrue(eventually(lambda: not self.gateway.books() and self.gateway.left()))
        return [r for r in self.gateway.traffic()
                if (r["kind"], r["role"]) == ("connection", "server")]

    def test_kept_connections(self):
        for front in FRONTS:
            with self.subTest(front):
                self.start(front)
                link = self.link()
                for _ in range(20):
                    self.assertEqual(self.ask(link, "/ping"), (200, b"pong\n"))
                data = block(20 << 20)
                status, body = self.ask(link, "/upload", "POST", data)
                self.assertEqual((status, json.loads(body)["sha256"]), (200, digest(data)))
                status, body = self.ask(link, f"/bytes?n={20 << 20}")
                self.assertEqual((status, body.count(b"x")), (200, 20 << 20))
                link.close()
                self.account({
                    "request server 200 ok.completed": 22, "request client 200 ok.completed": 22,
                    "connection client operator.shutdown": 1}, 1)

    def test_its_keep_alive_is_shorter_than_the_gateway_s(self):
        self.once()
        for front in FRONTS:
            with self.subTest(front):
                self.start(front, keep="1s")
                link = self.link()
                for gap in (0, 1.1, 0.99, 1.0):
                    time.sleep(gap)
                    self.assertEqual(self.ask(link, "/ping"), (200, b"pong\n"), gap)
                    self.assertEqual(self.ask(link, "/upload", "POST", b"x")[0], 200, gap)
                link.close()
                self.front.end()
                self.gateway.account({
                    "request server 200 ok.completed": 8, "request client 200 ok.completed": 8,
                    "connection client operator.shutdown": 1}, also=FREE_OF_PROXY)

    def test_the_client_s_address_arrives(self):
        for front in FRONTS:
            with self.subTest(front):
                self.start(front)
                status, body = self.ask(self.link(), "/headers", headers={
                    "X-Forwarded-For": "192.0.2.7"})
                said = json.loads(body)
                self.assertEqual(status, 200)
                self.assertEqual([each.strip() for each in said["x-forwarded-for"].split(",")],
                                 ["192.0.2.7", "127.0.0.1", "127.0.0.1"])
                self.account({
                    "request server 200 ok.completed": 1, "request client 200 ok.completed": 1,
                    "connection client operator.shutdown": 1}, 1)

    def test_a_client_that_leaves(self):
        for front in FRONTS:
            with self.subTest(front):
                self.start(front)
                link = self.link()
                link.request("GET", "/slow")
                self.assertTrue(self.server.says("slow began"))
                left = time.monotonic()
                link.close()
                self.assertTrue(self.server.says("slow cancelled"))
                self.assertLess(time.monotonic() - left, 1)
                self.account({
                    "request server 0 client.left_waiting": 1, "request client 0 app.cancelled": 1,
                    "connection server client.left_waiting": 1,
                    "connection client policy.other_leg": 1}, 1)

    def test_web_sockets(self):
        for front in FRONTS:
            with self.subTest(front):
                self.start(front, "ws_server.js")
                url = f"ws://127.0.0.1:{self.front.port}/echo"
                done = subprocess.run([NODE, os.path.join(HERE, "ws_client.js"), url, "echo"],
                                      env=ENVIRONMENT, stdin=subprocess.DEVNULL, text=True,
                                      capture_output=True, timeout=2 * PATIENCE, check=False)
                seen = json.loads(done.stdout)
                self.assertEqual((seen["same"], seen["code"], seen["why"]),
                                 (True, 1000, "closed"), (seen, done.stderr))
                self.account({
                    "request server 101 ok.tunnel_done": 1, "request client 101 ok.tunnel_done": 1,
                    "connection server ok.tunnel_done": 1, "connection client ok.tunnel_done": 1},
                    1)


if __name__ == "__main__":
    main()
