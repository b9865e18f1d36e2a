#!/usr/bin/env python3
"""`finack serve` in front of nginx as a server of files. Needs FINACK (the command) and nginx."""

import gzip
import os
import signal
import tempfile
import time

from peers.rig import (
    Gateway, IDLE_ENDS, Peer, PeerCase, block, digest, filled, listening, main, program, raw)

NGINX = program("nginx")
FILE = block(20 << 20)
TEXT = block(1 << 20).hex().encode()


class Nginx(PeerCase):
    def start(self, keep="60s", **settings):
        folder = tempfile.TemporaryDirectory(prefix="finack_peer_")
        self.addCleanup(folder.cleanup)
        os.mkdir(os.path.join(folder.name, "files"))
        for name, data in (("big.bin", FILE), ("text.txt", TEXT)):
            with open(os.path.join(folder.name, "files", name), "wb") as file:
                file.write(data)
        socket = listening()
        config = filled("nginx_upstream.conf", folder.name, KEEP=keep,
                        PORT=socket.getsockname()[1])
        self.nginx = Peer(self, NGINX, "-c", config, "-p", folder.name, passed=socket,
                          env={"NGINX": "3;"}, folder=folder.name)
        self.gateway = Gateway(self, self.nginx.address, **settings)

    def get(self, link, path, method="GET", **headers):
        """(status, headers, body)"""
        link.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        got = link.getresponse()
        return got.status, got.headers, got.read()

    def all_well(self, *statuses, clients=1):
        expected = {}
        for status in statuses:
            for role in ("server", "client"):
                key = f"request {role} {status} ok.completed"
                expected[key] = expected.get(key, 0) + 1
        self.gateway.account({**expected, "connection server ok.peer_closed_idle": clients,
                              "connection client operator.shutdown": 1})

    def test_files_and_ranges(self):
        self.start()
        link = self.link()
        status, headers, body = self.get(link, "/big.bin")
        self.assertEqual((status, digest(body)), (200, digest(FILE)))
        status, headers, body = self.get(link, "/big.bin", Range="bytes=1000-1999")
        self.assertEqual((status, body), (206, FILE[1000:2000]))
        self.assertEqual(headers["Content-Range"], f"bytes 1000-1999/{len(FILE)}")
        status, headers, body = self.get(link, "/big.bin", Range="bytes=0-9,-10")
        self.assertEqual(status, 206)
        self.assertIn("multipart/byteranges", headers["Content-Type"])
        self.assertIn(FILE[:10], body)
        self.assertIn(FILE[-10:], body)
        status, headers, _ = self.get(link, "/big.bin", Range=f"bytes={len(FILE)}-")
        self.assertEqual((status, headers["Content-Range"]), (416, f"bytes */{len(FILE)}"))
        link.close()
        self.all_well(200, 206, 206, 416)

    def test_conditions_and_heads(self):
        self.start()
        link = self.link()
        status, headers, body = self.get(link, "/big.bin", "HEAD")
        self.assertEqual((status, body), (200, b""))
        self.assertEqual(headers["Content-Length"], str(len(FILE)))
        tag = headers["ETag"]
        status, headers, body = self.get(link, "/big.bin", If_None_Match=tag)
        self.assertEqual((status, headers["ETag"], body), (304, tag, b""))
        status, _, body = self.get(link, "/big.bin", If_None_Match='"other"', Range="bytes=0-0")
        self.assertEqual((status, body), (206, FILE[:1]))
        self.assertEqual(self.get(link, "/none")[0], 404)
        self.assertEqual(self.get(link, "/big.bin", "DELETE")[0], 405)
        link.close()
        self.all_well(200, 304, 206, 404, 405)

    def test_gzip(self):
        self.start()
        link = self.link()
        status, headers, body = self.get(link, "/text.txt", Accept_Encoding="gzip")
        self.assertEqual((status, headers["Content-Encoding"], headers["Transfer-Encoding"]),
                         (200, "gzip", "chunked"))
        self.assertEqual(gzip.decompress(body), TEXT)
        status, headers, body = self.get(link, "/text.txt", Accept_Encoding="identity")
        self.assertEqual((status, headers["Content-Encoding"], body), (200, None, TEXT))
        link.close()
        # HTTP/1.0 has no chunks: the end of the connection ends the response.
        got = raw(self.gateway.port(), b"GET /text.txt HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
        head, body = got.split(b"\r\n\r\n", 1)
        self.assertNotIn(b"chunked", head)
        self.assertNotIn(b"Content-Length", head)
        self.assertEqual(gzip.decompress(body), TEXT)
        self.gateway.account({
            "request server 200 ok.completed": 3, "request client 200 ok.completed": 3,
            "connection server ok.peer_closed_idle": 1, "connection server ok.completed": 1,
            "connection client operator.shutdown": 1})

    def test_its_keep_alive_is_shorter_than_the_pool_s(self):
        self.once()
        self.start("1s 1s")
        link = self.link()
        gaps = (0, 1.1, 0.97, 1.0, 1.2)
        for gap in gaps:
            time.sleep(gap)
            self.assertEqual(self.get(link, "/text.txt")[0], 200, gap)
            self.assertEqual(self.ask(link, "/text.txt", "POST")[0], 405, gap)
        self.assertEqual(self.gateway.server()["keep_alive"]["advertised_ms"], 1000)
        link.close()
        self.gateway.account({
            "request server 200 ok.completed": len(gaps),
            "request client 200 ok.completed": len(gaps),
            "request server 405 ok.completed": len(gaps),
            "request client 405 ok.completed": len(gaps),
            "connection server ok.peer_closed_idle": 1}, also=IDLE_ENDS)

    def test_a_limit_of_its_own(self):
        self.start()
        # nginx answers both without reading the body; head and body go out in one.
        for size, status in ((500, b"200"), (5000, b"413")):
            got = raw(self.gateway.port(), b"POST /limited/ HTTP/1.1\r\nHost: nginx\r\n"
                      b"Content-Length: %d\r\nConnection: close\r\n\r\n" % size + bytes(size))
            self.assertTrue(got.startswith(b"HTTP/1.1 " + status), got)
        self.gateway.account({
            "request server 200 ok.completed": 1, "request client 200 ok.completed": 1,
            "request server 413 ok.completed": 1, "request client 413 ok.completed": 1,
            "connection server ok.completed": 2, "connection client ok.completed": 1})

    def test_a_graceful_stop(self):
        self.start()
        link = self.link()
        self.assertEqual(self.get(link, "/text.txt")[0], 200)
        self.assertEqual(self.nginx.end(signal.SIGQUIT), 0)
        self.assertEqual(self.get(link, "/text.txt")[0], 502)
        link.close()
        self.gateway.account({
            "request server 200 ok.completed": 1, "request client 200 ok.completed": 1,
            "request server 502 upstream.retries_spent": 1,
            "request client 0 upstream.refused": 3,
            "connection server ok.peer_closed_idle": 1,
            "connection client ok.pool_peer_closed": 1, "connection client upstream.refused": 3})


if __name__ == "__main__":
    main()
