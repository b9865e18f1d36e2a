#!/usr/bin/env python3
"""WebSocket by the library `ws` through `finack serve`, client and server. Needs FINACK (the
command), node and ws."""

import json
import os
import subprocess

from peers.rig import Gateway, HERE, Peer, PeerCase, main, program, web_socket_environment
from serve_test import PATIENCE

NODE = program("node")
ENVIRONMENT = web_socket_environment(NODE)
MESSAGES = 10  # of the act echo


class WebSocket(PeerCase):
    def start(self, **settings):
        self.server = Peer(self, NODE, os.path.join(HERE, "ws_server.js"), env=ENVIRONMENT)
        self.gateway = Gateway(self, self.server.address, **settings)

    def act(self, path, act, deflate="", port=None):
        url = f"ws://127.0.0.1:{port or self.gateway.port()}{path}"
        done = subprocess.run([NODE, os.path.join(HERE, "ws_client.js"), url, act, deflate],
                              env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=2 * PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def tunnel_done(self, times=1):
        self.gateway.account({
            "request server 101 ok.tunnel_done": times, "request client 101 ok.tunnel_done": times,
            "connection server ok.tunnel_done": times, "connection client ok.tunnel_done": times})

    def test_echo(self):
        self.start()
        for deflate, extensions in (("", ""), ("deflate", "permessage-deflate")):
            seen = self.act("/echo", "echo", deflate)
            self.assertEqual((seen["messages"], seen["same"], seen["extensions"],
                              seen["protocol"], seen["code"], seen["why"]),
                             (MESSAGES, True, extensions, "chat", 1000, "closed"), seen)
            self.assertTrue(self.server.says(f"opened echo {extensions or 'plain'}\n"))
        self.assertTrue(self.server.says("closed 1000 done", 2))
        self.tunnel_done(2)

    def test_pings_and_pongs_both_ways(self):
        self.start()
        seen = self.act("/ping", "ping")
        self.assertEqual((seen["pong"], seen["said"], seen["code"]),
                         ("from the client", "pong from the server", 1001), seen)
        self.assertTrue(self.server.says("pong from the server"))
        self.assertTrue(self.server.says("closed 1001"))
        self.tunnel_done()

    def test_close_codes_from_either_side(self):
        self.start()
        seen = self.act("/echo", "close")
        self.assertEqual((seen["code"], seen["reason"]), (4321, "enough"), seen)
        self.assertTrue(self.server.says("closed 4321 enough"))
        for code in (1000, 1011, 4999):
            seen = self.act(f"/close/{code}", "asked")
            self.assertEqual((seen["code"], seen["reason"]), (code, "as asked"), seen)
            self.assertTrue(self.server.says(f"closed {code}"))
        self.tunnel_done(4)

    def test_a_client_that_terminates(self):
        self.start()
        self.assertEqual(self.act("/echo", "terminate")["code"], 1006)
        self.assertTrue(self.server.says("closed 1006"))
        self.tunnel_done()  # A FIN; frames are not looked at, so no Close frame is missed.

    def test_a_client_that_resets(self):
        self.start()
        self.assertEqual(self.act("/echo", "reset")["code"], 1006)
        self.assertTrue(self.server.says("closed 1006"))
        self.gateway.account({
            "request server 101 client.left_tunnel": 1, "request client 101 app.cancelled": 1,
            "connection server client.left_tunnel": 1, "connection client policy.other_leg": 1})

    def test_a_server_that_terminates(self):
        self.start()
        self.assertEqual(self.act("/terminate", "asked")["code"], 1006)
        self.tunnel_done()

    def test_a_server_that_resets(self):
        self.start()
        self.assertEqual(self.act("/reset", "asked")["code"], 1006)
        self.gateway.account({
            "request server 101 upstream.left_tunnel": 1,
            "request client 101 upstream.left_tunnel": 1,
            "connection server policy.other_leg": 1, "connection client upstream.left_tunnel": 1})

    def test_a_server_that_is_killed(self):
        self.start()
        client = self.client(b"GET /echo HTTP/1.1\r\nHost: ws\r\nConnection: Upgrade\r\n"
                             b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                             b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        self.assertTrue(self.server.says("opened echo plain"))
        self.server.close()
        while client.recv(65536):
            pass
        client.close()
        self.tunnel_done()

    def test_a_server_that_refuses(self):
        self.start()
        seen = self.act("/refuse", "echo")
        self.assertEqual((seen["status"], seen["why"]), (401, "refused"), seen)
        self.gateway.account({
            "request server 401 ok.completed": 1, "request client 401 upstream.upgrade_refused": 1,
            "connection server ok.peer_closed_idle": 1, "connection client ok.completed": 1})

    def test_a_route_that_takes_no_upgrade(self):
        self.start(route="upgrade: []")
        seen = self.act("/echo", "echo")
        self.assertEqual((seen["status"], seen["why"]), (200, "refused"), seen)
        self.gateway.account({
            "request server 200 ok.completed": 1, "request client 200 ok.completed": 1,
            "connection server ok.peer_closed_idle": 1,
            "connection client operator.shutdown": 1})


if __name__ == "__main__":
    main()
