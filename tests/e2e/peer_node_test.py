#!/usr/bin/env python3
"""`finack serve` in front of Node's http server. Needs FINACK (the command) and node."""

import json
import os
import time

from peers.rig import (
    Gateway, HERE, IDLE_ENDS, Peer, PeerCase, block, digest, main, program, raw, received)

NODE = program("node")


class Node(PeerCase):
    def start(self, keep="60000", **settings):
        self.node = Peer(self, NODE, os.path.join(HERE, "http_peer.js"), keep)
        self.gateway = Gateway(self, self.node.address, **settings)

    def test_a_kept_connection(self):
        self.start()
        link = self.link()
        for _ in range(3):
            self.assertEqual(self.ask(link, "/ping"), (200, b"pong\n"))
        self.assertEqual(self.ask(link, "/ping", "HEAD"), (200, b""))
        self.assertEqual(self.ask(link, "/empty"), (204, b""))
        self.assertEqual(self.ask(link, "/none"), (404, b""))
        link.close()
        self.gateway.account({
            "request server 200 ok.completed": 4, "request client 200 ok.completed": 4,
            "request server 204 ok.completed": 1, "request client 204 ok.completed": 1,
            "request server 404 ok.completed": 1, "request client 404 ok.completed": 1,
            "connection server ok.peer_closed_idle": 1,
            "connection client operator.shutdown": 1})

    def test_its_keep_alive_is_shorter_than_the_pool_s(self):
        self.once()
        self.start("1000")
        link = self.link()
        asked = 0
        # Twice across its limit, and twice close to it.
        for gap in (0, 1.1, 0.97, 1.0, 1.2):
            time.sleep(gap)
            self.assertEqual(self.ask(link, "/ping"), (200, b"pong\n"), gap)
            self.assertEqual(self.ask(link, "/upload", "POST", b"x")[0], 200, gap)
            asked += 2
        self.assertEqual(self.gateway.server()["keep_alive"]["advertised_ms"], 1000)
        link.close()
        self.gateway.account({
            "request server 200 ok.completed": asked, "request client 200 ok.completed": asked,
            "connection server ok.peer_closed_idle": 1}, also=IDLE_ENDS)

    def test_trailers_both_ways(self):
        self.start()
        got = raw(self.gateway.port(),
                  b"GET /trailers HTTP/1.1\r\nHost: node\r\nTE: trailers\r\n"
                  b"Connection: TE, close\r\n\r\n")
        self.assertIn(b"\r\nTrailer: X-Checksum\r\n", got)
        self.assertTrue(got.endswith(b"part\n\r\n0\r\nX-Checksum: abc\r\n\r\n"), got)
        got = raw(self.gateway.port(),
                  b"POST /upload HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: chunked\r\n"
                  b"Trailer: X-Sum\r\nConnection: close\r\n\r\n"
                  b"3\r\nabc\r\n0\r\nX-Sum: def\r\n\r\n")
        self.assertIn(b'"framing":"chunked"', got)
        self.assertIn(b'"trailers":{"x-sum":"def"}', got)
        self.gateway.account({
            "request server 200 ok.completed": 2, "request client 200 ok.completed": 2,
            "connection server ok.completed": 2, "connection client operator.shutdown": 1})

    def test_early_hints(self):
        self.start()
        got = raw(self.gateway.port(),
                  b"GET /hints HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
        heads = [head.split(b"\r\n")[0] for head in got.split(b"\r\n\r\n")[:3]]
        self.assertEqual(heads, [b"HTTP/1.1 103 Early Hints", b"HTTP/1.1 102 Processing",
                                 b"HTTP/1.1 200 OK"])
        self.assertIn(b"link: </style.css>; rel=preload; as=style\r\n", got.lower())
        self.assertTrue(got.endswith(b"hinted\n") or got.endswith(b"hinted\n\r\n0\r\n\r\n"), got)
        # HTTP/1.0 knows no interim responses.
        got = raw(self.gateway.port(), b"GET /hints HTTP/1.0\r\nHost: node\r\n\r\n")
        self.assertTrue(got.startswith(b"HTTP/1.1 200 OK\r\n"), got)
        self.assertTrue(got.endswith(b"\r\n\r\nhinted\n"), got)
        self.gateway.account({
            "request server 200 ok.completed": 2, "request client 200 ok.completed": 2,
            "connection server ok.completed": 2, "connection client operator.shutdown": 1})

    def test_expect_is_answered_by_the_gateway(self):
        self.start()
        with self.client(b"POST /upload HTTP/1.1\r\nHost: node\r\nContent-Length: 5\r\n"
                         b"Expect: 100-continue\r\nConnection: close\r\n\r\n") as client:
            self.assertEqual(received(client, b"\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n")
            client.sendall(b"hello")
            got = received(client)
        self.assertTrue(got.startswith(b"HTTP/1.1 200 OK\r\n"), got)
        self.assertIn(b'"bytes":5', got)
        self.assertIn(b'"expect":null', got)
        self.assertNotIn("checkContinue", self.node.said())
        self.gateway.account({
            "request server 200 ok.completed": 1, "request client 200 ok.completed": 1,
            "connection server ok.completed": 1, "connection client operator.shutdown": 1})

    def test_bodies_of_20_mib(self):
        self.start(listener="limits: { body_bytes: 32MiB }")
        link = self.link()
        data = block(20 << 20)
        status, body = self.ask(link, "/upload", "POST", data)
        said = json.loads(body)
        self.assertEqual((status, said["bytes"], said["sha256"], said["framing"]),
                         (200, len(data), digest(data), str(len(data))))
        status, body = self.ask(link, f"/bytes?n={20 << 20}")
        self.assertEqual((status, digest(body)), (200, digest(b"x" * (20 << 20))))
        link.close()
        self.gateway.account({
            "request server 200 ok.completed": 2, "request client 200 ok.completed": 2,
            "connection server ok.peer_closed_idle": 1,
            "connection client operator.shutdown": 1})

    EARLY = {
        "request server 413 policy.early_reply": 1, "request client 413 upstream.early_reply": 1,
        "connection server policy.early_reply": 1, "connection client upstream.early_reply": 1}

    def test_an_early_answer_reaches_who_uploads_on(self):
        self.start(listener="limits: { body_bytes: 64MiB }")
        # More than all buffers hold, to a server that reads nothing and resets.
        with self.client(b"POST /refuse HTTP/1.1\r\nHost: node\r\n"
                         b"Content-Length: 40000000\r\n\r\n") as client:
            try:
                for _ in range(40):
                    client.sendall(bytes(1_000_000))
            except OSError:
                pass  # The answer counts.
            got = received(client, b"too large\n")
        self.assertTrue(got.startswith(b"HTTP/1.1 413 "), got)
        self.gateway.account(self.EARLY)

    def test_an_early_answer_reaches_who_waits_for_it(self):
        self.start()
        with self.client(b"POST /ignore HTTP/1.1\r\nHost: node\r\n"
                         b"Content-Length: 1000\r\n\r\nabc") as client:
            got = received(client, b"too large\n")
        self.assertTrue(got.startswith(b"HTTP/1.1 413 "), got)
        self.gateway.account(self.EARLY)

    def test_a_client_that_leaves_a_download(self):
        self.start()
        client = self.client(b"GET /endless HTTP/1.1\r\nHost: node\r\n\r\n")
        received(client, b"yyyy")
        left = time.monotonic()
        client.close()
        self.assertTrue(self.node.says("endless cancelled"))
        self.assertLess(time.monotonic() - left, 1)
        self.gateway.account({
            "request server 200 client.left_receiving": 1, "request client 200 app.cancelled": 1,
            "connection server client.left_receiving": 1, "connection client policy.other_leg": 1})


if __name__ == "__main__":
    main()
