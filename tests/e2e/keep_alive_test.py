#!/usr/bin/env python3
"""What `finack serve` learns of how long a server keeps idle connections, with real sockets and
short times, and where it shows: metrics and records. The same with injected time, and longer, is
tests/client/learned_pool_test.cpp. Needs FINACK (the command)."""

import http.client
import random
import re
import socket
import sys
import time
import unittest

from serve_test import PATIENCE, Serve, Upstream, answer, eventually, file_for

LIMIT = 0.2  # seconds, and this more or less:
JITTER = 0.01
LEARNING = 20  # closes


class ClosingUpstream(Upstream):
    """Says nothing of its limit and closes what is idle for it."""

    def __init__(self, case, seed):
        self.random = random.Random(seed)
        self.closed = 0
        self.ages = []  # how long the connection of each request had been idle
        super().__init__(case)

    def serve(self, client):
        got = b""
        since = None
        with client:
            client.settimeout(PATIENCE)
            while True:
                try:
                    more = client.recv(65536)
                except socket.timeout:
                    self.closed += 1
                    return
                except OSError:
                    return
                if not more:
                    return
                if since is not None and not got:
                    self.ages.append(time.monotonic() - since)
                got += more
                if not got.endswith(b"\r\n\r\n"):
                    continue
                got = b""
                client.sendall(answer(self.name, b"ok"))
                since = time.monotonic()
                client.settimeout(LIMIT + self.random.uniform(-JITTER, JITTER))


class LearnedKeepAlive(unittest.TestCase):
    def setUp(self):
        self.upstream = ClosingUpstream(self, seed=7)
        self.serve = Serve(self, config=file_for(self.upstream).replace("/api", "/"))
        self.link = http.client.HTTPConnection("127.0.0.1", self.serve.port(), timeout=PATIENCE)
        self.addCleanup(self.link.close)

    def ask(self):
        self.link.request("GET", "/")
        got = self.link.getresponse()
        got.read()
        self.assertEqual(got.status, 200)

    def metric(self, name, more=""):
        """The value for the server, None where there is no such series."""
        metrics = self.serve.ask("/metrics", port=self.serve.admin_port())[2]
        series = f'{name}{{cluster="api",server="{self.upstream.address}"{more}}}'
        found = re.search(f"(?m)^{re.escape(series)} (\\S+)$", metrics)
        return None if found is None else float(found[1])

    def limit(self, which):
        return self.metric("finack_upstream_keep_alive_seconds", f',limit="{which}"')

    def learn(self):
        for n in range(LEARNING):
            self.ask()
            self.assertTrue(eventually(lambda n=n: self.upstream.closed > n))
        return len(self.upstream.ages)

    def test_stays_clear_of_a_limit_that_nobody_advertises(self):
        self.assertEqual(self.limit("used"), 60)
        self.assertIsNone(self.limit("observed"))
        learned_at = self.learn()
        self.assertTrue(eventually(lambda: self.limit("observed") is not None))
        self.assertEqual(self.limit("used"), self.limit("observed"))
        self.assertGreater(self.limit("used"), LIMIT / 2)
        self.assertIsNone(self.limit("advertised"))
        gaps = random.Random(11)
        end = time.monotonic() + 3
        asked = 0
        while time.monotonic() < end:
            self.ask()
            asked += 1
            time.sleep(LIMIT * gaps.choice((0.05, 0.1, 0.2, 0.9, 1.0, 1.1)))
        ages = self.upstream.ages[learned_at:]
        self.assertGreater(len(ages), 0, "and connections are used again")
        self.assertLess(max(ages), LIMIT - JITTER, "no request may meet a close")
        self.assertLess(len(ages), asked)
        self.assertEqual(self.metric("finack_upstream_requests_live"), 0)
        self.link.close()
        self.assertEqual(self.serve.stop(), 0, self.serve.said())
        records = [r for r in self.serve.all_records() if r["role"] == "client"]
        self.assertEqual([r for r in records if r["cause"] == "upstream.stale_reuse"], [])
        idle = [r for r in records if r["kind"] == "connection"]
        self.assertIsNone(idle[0]["keep_alive"]["observed_us"], idle[0])
        self.assertEqual(idle[0]["keep_alive"]["used_us"], 60_000_000)
        self.assertGreater(len(idle), LEARNING)
        for record in idle[LEARNING:]:
            self.assertEqual(record["phase"], "pool", record)
            known = record["keep_alive"]
            self.assertEqual(known["used_us"], known["observed_us"], record)
            self.assertIsNone(known["advertised_us"], record)
            self.assertGreater(record["evidence"]["idle_us"], 0, record)
        closes = [r["evidence"]["idle_us"] for r in idle if r["cause"] == "ok.pool_peer_closed"]
        self.assertGreater(min(closes), (LIMIT - JITTER) * 0.9e6)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
