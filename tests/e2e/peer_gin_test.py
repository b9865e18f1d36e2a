#!/usr/bin/env python3
"""`finack serve` in front of a Gin application. Needs FINACK (the command), FINACK_BINARY_DIR (the
application is built there) and go."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from peers.rig import (
    Gateway, HERE, IDLE_ENDS, Peer, PeerCase, block, digest, main, program, raw, received)
from serve_test import PATIENCE, eventually

FOLDER = os.path.join(os.environ.get("FINACK_BINARY_DIR", ""), "tests", "e2e", "peers")
APPLICATION = os.path.join(FOLDER, "gin_application")
GET = "GET {} HTTP/1.1\r\nHost: gin.test\r\nConnection: close\r\n\r\n"


def build():
    """With Debian's packages and nothing from elsewhere."""
    go = program("go")
    os.makedirs(FOLDER, exist_ok=True)
    subprocess.run([go, "build", "-o", APPLICATION + ".new", "main.go"], check=True, timeout=600,
                   cwd=os.path.join(HERE, "gin"),
                   env={**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode",
                        "GOFLAGS": "", "GOCACHE": os.path.join(FOLDER, "gocache")})
    os.replace(APPLICATION + ".new", APPLICATION)


class Gin(PeerCase):
    def start(self, idle="60s", **settings):
        self.app = Peer(self, APPLICATION, idle)
        self.gateway = Gateway(self, self.app.address, **settings)

    def go_on(self):
        """Lets a stream write its next part."""
        got = raw(self.app.port, b"POST /next HTTP/1.1\r\nHost: gin.test\r\nContent-Length: 0\r\n"
                  b"Connection: close\r\n\r\n")
        self.assertTrue(got.startswith(b"HTTP/1.1 204"), got)

    def test_a_kept_connection(self):
        self.start()
        link = self.link()
        for _ in range(5):
            self.assertEqual(self.ask(link, "/ping"), (200, b"pong\n"))
        self.assertEqual(self.ask(link, "/ping", "HEAD"), (200, b""))
        self.assertEqual(self.ask(link, "/none"), (404, b"404 page not found"))
        said = {"name": "Zo\u00eb", "list": [1, 2.5, None], "deep": {"x": [{}]}}
        status, body = self.ask(link, "/echo", "POST", json.dumps(said),
                                {"Content-Type": "application/json"})
        self.assertEqual((status, json.loads(body)), (201, said))
        status, body = self.ask(link, "/echo", "POST", b'{"cut": ')
        self.assertEqual((status, json.loads(body)), (400, {"error": "unexpected EOF"}))
        link.close()
        self.gateway.account({
            "request server 200 ok.completed": 6, "request client 200 ok.completed": 6,
            "request server 404 ok.completed": 1, "request client 404 ok.completed": 1,
            "request server 201 ok.completed": 1, "request client 201 ok.completed": 1,
            "request server 400 ok.completed": 1, "request client 400 ok.completed": 1,
            "connection server ok.peer_closed_idle": 1,
            "connection client operator.shutdown": 1})

    def test_a_stream_passes_part_by_part(self):
        self.start()
        with self.client(GET.format("/stream?parts=3").encode()) as client:
            # The next part is written only once this one has arrived.
            got = b""
            for part in (b"part 3\n", b"part 2\n", b"part 1\n"):
                got += received(client, part)
                self.assertIn(part, got)
                if part != b"part 1\n":
                    self.go_on()
            got += received(client)
        self.assertIn(b"\r\nTransfer-Encoding: chunked\r\n", got)
        self.assertTrue(got.endswith(b"0\r\n\r\n"), got)
        self.gateway.account({
            "request server 200 ok.completed": 1, "request client 200 ok.completed": 1,
            "connection server ok.completed": 1, "connection client operator.shutdown": 1})

    def test_a_client_that_leaves_cancels_the_context(self):
        for method in ("GET", "POST"):
            with self.subTest(method):
                self.start()
                client = self.client(f"{method} /slow HTTP/1.1\r\nHost: gin.test\r\n"
                                     "Content-Length: 0\r\n\r\n".encode())
                self.assertTrue(self.app.says("slow began"))
                left = time.monotonic()
                client.close()
                self.assertTrue(self.app.says("slow cancelled: context canceled"))
                self.assertLess(time.monotonic() - left, 1)
                self.gateway.account({
                    "request server 0 client.left_waiting": 1, "request client 0 app.cancelled": 1,
                    "connection server client.left_waiting": 1,
                    "connection client policy.other_leg": 1})

    def test_a_client_that_leaves_a_stream(self):
        self.start()
        client = self.client(GET.format("/stream?parts=3").encode())
        received(client, b"part 3\n")
        client.close()  # A FIN may be a half-close: only what is written next tells.
        self.go_on()
        left = time.monotonic()
        self.assertTrue(self.app.says("stream cancelled"))
        self.assertLess(time.monotonic() - left, 1)
        self.gateway.account({
            "request server 200 client.left_receiving": 1, "request client 200 app.cancelled": 1,
            "connection server client.left_receiving": 1, "connection client policy.other_leg": 1})

    def test_a_client_that_resets_a_stream(self):
        self.start()
        client = self.client(GET.format("/stream?parts=3").encode())
        received(client, b"part 3\n")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        left = time.monotonic()
        client.close()
        self.assertTrue(self.app.says("stream cancelled"))
        self.assertLess(time.monotonic() - left, 1)
        self.gateway.account({
            "request server 200 client.left_receiving": 1, "request client 200 app.cancelled": 1,
            "connection server client.left_receiving": 1, "connection client policy.other_leg": 1})

    def test_panics(self):
        self.start()
        link = self.link()
        self.assertEqual(self.ask(link, "/panic"), (500, b""))
        self.assertEqual(self.ask(link, "/ping"), (200, b"pong\n"))
        self.assertEqual(self.ask(link, "/abort")[0], 502)
        self.assertEqual(self.ask(link, "/abort", "POST")[0], 502)
        link.close()
        self.gateway.account({
            "request server 500 ok.completed": 1, "request client 500 ok.completed": 1,
            "request server 200 ok.completed": 1, "request client 200 ok.completed": 1,
            # GET: the kept connection, then two fresh ones. POST may have been processed: one try.
            "request server 502 upstream.retries_spent": 1,
            "request server 502 upstream.closed_no_head": 1,
            "request client 0 upstream.stale_reuse": 1,
            "request client 0 upstream.closed_no_head": 3,
            "connection server ok.peer_closed_idle": 1,
            "connection client upstream.stale_reuse": 1,
            "connection client upstream.closed_no_head": 3})

    def test_a_panic_within_a_response_is_seen(self):
        self.start()
        got = raw(self.gateway.port(), GET.format("/cut").encode())
        self.assertTrue(got.startswith(b"HTTP/1.1 200"), got)
        self.assertIn(b"the beginning\n", got)
        self.assertNotIn(b"\r\n0\r\n", got)
        self.gateway.account({
            "request server 200 upstream.body_truncated": 1,
            "request client 200 upstream.body_truncated": 1,
            "connection server policy.other_leg": 1,
            "connection client upstream.body_truncated": 1})

    def test_bodies_of_20_mib(self):
        self.start(listener="limits: { body_bytes: 32MiB }")
        link = self.link()
        data = block(20 << 20)
        status, body = self.ask(link, "/upload", "POST", data)
        self.assertEqual((status, json.loads(body)), (200, {
            "bytes": len(data), "sha256": digest(data), "length": len(data)}))
        pieces = (data[i:i + 100_000] for i in range(0, len(data), 100_000))
        status, body = self.ask(link, "/upload", "POST", pieces)
        self.assertEqual((status, json.loads(body)), (200, {
            "bytes": len(data), "sha256": digest(data), "length": -1}))
        link.request("GET", f"/download?bytes={20 << 20}")
        got = link.getresponse()
        self.assertEqual(digest(got.read()), got.headers["X-Sha256"])
        link.close()
        self.gateway.account({
            "request server 200 ok.completed": 3, "request client 200 ok.completed": 3,
            "connection server ok.peer_closed_idle": 1,
            "connection client operator.shutdown": 1})

    def test_its_idle_timeout_is_shorter_than_the_pool_s(self):
        self.once()
        self.start("400ms")
        link = self.link()
        asked = 0
        for gap in (0, 0.2, 0.5, 0.38, 0.4, 0.41, 0.6, 0.39, 0.4):
            time.sleep(gap)  # Around the application's limit.
            self.assertEqual(self.ask(link, "/ping"), (200, b"pong\n"), gap)
            self.assertEqual(self.ask(link, "/echo", "POST", "{}"), (201, b"{}"), gap)
            asked += 1
        self.assertEqual(self.gateway.server()["keep_alive"]["advertised_ms"], None)
        self.assertGreater(self.gateway.server()["keep_alive"]["closes"], 0)
        link.close()
        self.gateway.account({
            "request server 200 ok.completed": asked, "request client 200 ok.completed": asked,
            "request server 201 ok.completed": asked, "request client 201 ok.completed": asked,
            "connection server ok.peer_closed_idle": 1}, also=IDLE_ENDS)

    def test_a_graceful_stop(self):
        self.start()
        link = self.link()
        self.assertEqual(self.ask(link, "/ping")[0], 200)
        got = []
        other = self.link()
        waiting = threading.Thread(
            target=lambda: got.append(self.ask(other, "/wait")), daemon=True)
        waiting.start()
        self.assertTrue(self.app.says("wait began"))
        release = socket.create_connection(("127.0.0.1", self.app.port), PATIENCE)
        release.sendall(b"POST /next HTTP/1.1\r\nHost: gin.test\r\nContent-Length: 0\r\n")
        self.app.process.send_signal(signal.SIGTERM)
        self.assertTrue(self.app.says("shutting down"))
        release.sendall(b"\r\n")
        waiting.join(PATIENCE)
        release.close()
        self.assertEqual(got, [(200, b"waited\n")])
        self.assertEqual(self.app.process.wait(PATIENCE), 0)
        self.assertEqual(self.ask(link, "/ping")[0], 502)
        link.close()
        other.close()
        self.gateway.account({
            "request server 200 ok.completed": 2, "request client 200 ok.completed": 2,
            "request server 502 upstream.retries_spent": 1,
            "request client 0 upstream.refused": 3,
            "connection server ok.peer_closed_idle": 2,
            "connection client ok.completed": 1, "connection client upstream.refused": 3})

    def test_a_killed_process(self):
        # GET is tried again, where nobody listens any more; POST may have been processed.
        for method, cause, refused in (("GET", "retries_spent", 2), ("POST", "closed_no_head", 0)):
            with self.subTest(method):
                self.start()
                got, link = [], self.link()
                waiting = threading.Thread(target=lambda of=link, how=method: got.append(
                    self.ask(of, "/slow", how)), daemon=True)
                waiting.start()
                self.assertTrue(self.app.says("slow began"))
                self.app.end(signal.SIGKILL)
                waiting.join(PATIENCE)
                self.assertEqual(got[0][0], 502)
                link.close()
                self.gateway.account({
                    f"request server 502 upstream.{cause}": 1,
                    "request client 0 upstream.closed_no_head": 1,
                    "connection server ok.peer_closed_idle": 1,
                    "connection client upstream.closed_no_head": 1,
                    **({"request client 0 upstream.refused": refused,
                        "connection client upstream.refused": refused} if refused else {})})

    def test_a_killed_process_that_is_checked(self):
        self.start(cluster="health: { active: { path: /ping, interval: 50ms, fall: 2 } }")
        link = self.link()
        self.assertEqual(self.ask(link, "/ping")[0], 200)
        self.app.end(signal.SIGKILL)
        self.assertTrue(eventually(lambda: f"{self.app.address} is down" in self.gateway.said()))
        self.assertEqual(self.ask(link, "/ping")[0], 503)
        link.close()
        self.gateway.account({
            "request server 200 ok.completed": 1, "request client 200 ok.completed": 1,
            "request server 503 upstream.none_healthy": 1,
            "connection server ok.peer_closed_idle": 1,
            "connection client ok.pool_peer_closed": 1})


if __name__ == "__main__":
    if "FINACK_BINARY_DIR" not in os.environ:
        sys.exit("error: FINACK_BINARY_DIR must name the build folder")
    build()
    main()
