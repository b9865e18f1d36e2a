#!/usr/bin/env python3
"""Counts the worker's user instructions for a keep-alive request and fails above the bar.

Usage: instructions_gate.py BUILD [gateway]; exit status 0 within the bar, 1 above it or not
measured, 2 wrong use, 77 skipped. Sends what the load generator sends, which is not built
everywhere. `gateway`: of a proxied request, to `finack demo`, whose answers have more fields than
those of bench/gateway's upstream.
"""
import contextlib
import os
import socket
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import counts, proxies  # noqa: E402
from harness.servers import Fleet, MissingError  # noqa: E402

BAR, GATEWAY_BAR = 2600, 11200
SKIP = 77


def ask(_, server, requests):
    """One request after the other on one connection."""
    question = f"GET /ping HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as peer:
        for _ in range(requests):
            peer.sendall(question)
            answer = b""
            while not answer.endswith(b"pong\n"):
                part = peer.recv(4096)
                answer += part
                if not part or not answer.startswith(b"HTTP/1.1 200 ") or len(answer) > 4096:
                    raise RuntimeError(f"an answer that was not expected: {answer!r}")


@contextlib.contextmanager
def gateway(fleet, **more):
    with fleet.finack("epoll") as upstream:
        setup = proxies.Setup([f"127.0.0.1:{upstream.port}"])
        with proxies.start(fleet, "finack", setup, more=("--backend", "epoll"), **more) as proxy:
            yield proxy


def main():
    proxied = sys.argv[2:] == ["gateway"]
    if len(sys.argv) != (3 if proxied else 2):
        print(__doc__, file=sys.stderr)
        return 2
    fleet = Fleet(sys.argv[1])

    def make(**more):
        return gateway(fleet, **more) if proxied else fleet.finack("epoll", **more)
    try:
        found = counts.instructions_per_request(
            fleet, make, ask, serving_only=True)
    except MissingError as error:
        print(f"SKIPPED: instructions per request: {error}")
        return SKIP
    except (RuntimeError, OSError) as error:
        print(f"error: {error}")
        return 1
    bar, kind = (GATEWAY_BAR, "proxied") if proxied else (BAR, "keep-alive")
    print(f"{found:.0f} user instructions per {kind} request; the bar is {bar}")
    return 0 if found <= bar else 1


if __name__ == "__main__":
    sys.exit(main())
