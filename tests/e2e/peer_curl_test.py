#!/usr/bin/env python3
"""curl as a client of `finack serve`, in front of Node's http server. Needs FINACK (the command),
curl and node."""

import json
import os
import subprocess
import tempfile

from peers.rig import HERE, Gateway, Peer, PeerCase, block, digest, main, program
from serve_test import PATIENCE, eventually

CURL, NODE = program("curl"), program("node")
TIMED_OUT, PARTIAL = 28, 18  # curl's exit statuses


class Curl(PeerCase):
    def start(self, **settings):
        self.node = Peer(self, NODE, os.path.join(HERE, "http_peer.js"), "60000")
        self.gateway = Gateway(self, self.node.address, **settings)

    def curl(self, *words, status=0, given=b""):
        """What it wrote: the body, unless the words say otherwise."""
        words = [word.replace("URL", f"http://127.0.0.1:{self.gateway.port()}") for word in words]
        # No settings of the user, and no proxy.
        done = subprocess.run([CURL, "-q", "-sS", "--noproxy", "*", "-m", str(PATIENCE), *words],
                              input=given, capture_output=True, check=False,
                              timeout=2 * PATIENCE)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout

    def file(self, data):
        file = tempfile.NamedTemporaryFile(prefix="finack_peer_")
        self.addCleanup(file.close)
        file.write(data)
        file.flush()
        return file.name

    def test_http_1_0(self):
        self.start()
        got = self.curl("-0", "-i", "URL/hints")  # Chunked by the server, with interim responses.
        self.assertTrue(got.startswith(b"HTTP/1.1 200 OK\r\n"), got)
        self.assertTrue(got.endswith(b"hinted\n"), got)
        got = self.curl("-0", "-i", "-H", "Host:", "URL/ping")
        self.assertTrue(got.endswith(b"pong\n"), got)
        self.gateway.account({
            "request server 200 ok.completed": 2, "request client 200 ok.completed": 2,
            "connection server ok.completed": 2, "connection client operator.shutdown": 1})

    def test_several_on_one_connection(self):
        self.start()
        got = self.curl("-w", "%{num_connects}\n", "URL/ping", "URL/ping", "URL/ping")
        self.assertEqual(got, b"pong\n1\npong\n0\npong\n0\n")
        got = self.curl("-I", "URL/bytes?n=12345")
        self.assertIn(b"\r\nContent-Length: 12345\r\n", got)
        self.gateway.account({
            "request server 200 ok.completed": 4, "request client 200 ok.completed": 4,
            "connection server ok.peer_closed_idle": 2,
            "connection client operator.shutdown": 1})

    def test_uploads(self):
        self.start(listener="limits: { body_bytes: 32MiB }")
        data = block(8 << 20)
        for words, framing in (
                # Sent when the gateway has said 100: else after 20 s, too late.
                (("-H", "Expect: 100-continue", "--expect100-timeout", "30", "-X", "POST",
                  "-T", self.file(data)), str(len(data))),
                (("-X", "POST", "-T", "-"), "chunked"),
                (("--data-binary", "@-"), str(len(data)))):
            said = json.loads(self.curl(*words, "URL/upload", given=data))
            self.assertEqual((said["bytes"], said["sha256"], said["framing"]),
                             (len(data), digest(data), framing), words)
        self.gateway.account({
            "request server 200 ok.completed": 3, "request client 200 ok.completed": 3,
            "connection server ok.peer_closed_idle": 3,
            "connection client operator.shutdown": 1})

    def test_an_early_answer(self):
        self.start(listener="limits: { body_bytes: 64MiB }")
        got = self.curl("-w", "%{http_code}", "-H", "Expect:", "-X", "POST", "-T",
                        self.file(bytes(60_000_000)), "--limit-rate", "4M", "URL/ignore")
        self.assertEqual(got, b"too large\n413")
        self.gateway.account({
            "request server 413 policy.early_reply": 1,
            "request client 413 upstream.early_reply": 1,
            "connection server policy.early_reply": 1,
            "connection client upstream.early_reply": 1})

    def test_a_slow_reader(self):
        self.start()
        # More than the buffers hold.
        self.assertEqual(len(self.curl("--limit-rate", "12M", "URL/bytes?n=30000000")), 30_000_000)
        self.gateway.account({
            "request server 200 ok.completed": 1, "request client 200 ok.completed": 1,
            "connection server ok.peer_closed_idle": 1,
            "connection client operator.shutdown": 1})

    def test_it_gives_up_waiting(self):
        self.start()
        self.curl("-m", "1", "URL/slow", status=TIMED_OUT)
        self.assertTrue(self.node.says("slow cancelled"))
        self.gateway.account({
            "request server 0 client.left_waiting": 1, "request client 0 app.cancelled": 1,
            "connection server client.left_waiting": 1, "connection client policy.other_leg": 1})

    def test_it_gives_up_reading(self):
        self.start()
        self.curl("-m", "1", "--limit-rate", "100k", "URL/endless", status=TIMED_OUT)
        self.assertTrue(self.node.says("endless cancelled"))
        self.gateway.account({
            "request server 200 client.left_receiving": 1, "request client 200 app.cancelled": 1,
            "connection server client.left_receiving": 1, "connection client policy.other_leg": 1})

    def test_it_gives_up_sending(self):
        self.start(listener="limits: { body_bytes: 64MiB }")
        self.curl("-m", "1", "--limit-rate", "100k", "-H", "Expect:", "-X", "POST", "-T",
                  self.file(bytes(60_000_000)), "URL/upload", status=TIMED_OUT)
        self.gateway.account({
            "request server 0 client.body_truncated": 1, "request client 0 app.cancelled": 1,
            "connection server client.body_truncated": 1, "connection client policy.other_leg": 1})

    def test_its_server_is_killed(self):
        self.start()
        got = self.file(b"")
        curl = subprocess.Popen([CURL, "-q", "-sSN", "-o", got, "-w", "%{http_code}",
                                 "--noproxy", "*", "--limit-rate", "1M",
                                 f"http://127.0.0.1:{self.gateway.port()}/endless"],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(curl.wait)
        self.addCleanup(curl.kill)
        self.assertTrue(eventually(lambda: os.path.getsize(got)))
        self.node.close()
        self.assertEqual(curl.communicate(timeout=PATIENCE)[0], b"200")
        self.assertEqual(curl.returncode, PARTIAL)
        self.gateway.account({
            "request server 200 upstream.body_truncated": 1,
            "request client 200 upstream.body_truncated": 1,
            "connection server policy.other_leg": 1,
            "connection client upstream.body_truncated": 1})


if __name__ == "__main__":
    main()
