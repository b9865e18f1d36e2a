#!/usr/bin/env python3
"""Measures finack serve against nginx and HAProxy before the bare loop.

Usage: gateway.py --build DIR [--runs N] [--seconds S] [--group WORD]... [--out DIR] [--strict]
Exit status 0: measured; 1: a measurement failed; 2: wrong use. Missed bars are results, not
failures; --strict makes them failures.
"""
import os
import statistics
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import counts, drill, pairs, proxies, report  # noqa: E402
from harness.servers import LOAD_CORE, MissingError  # noqa: E402

MIB = 1024 * 1024
CPU = "server_cpu_us_per_request"
SHARE = 0.7  # Of the lowest maximum, for p99.


class Behind:
    """A proxy and the bare loop behind it, as one thing to measure: what counts is the proxy."""

    def __init__(self, fleet, name, body=0, label=None, more=(), core=0, **options):
        flags = ["--body", str(body)] if body else []
        self.upstream = fleet.limit("epoll", *flags, core=LOAD_CORE)
        try:
            self.proxy = proxies.start(
                fleet, name, proxies.Setup([f"127.0.0.1:{self.upstream.port}"]), core=core,
                single=True, more=more, **options)
        except Exception:
            self.upstream.stop()
            raise
        self.name, self.port, self.pids = label or name, self.proxy.port, self.proxy.pids

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proxy.stop()
        self.upstream.stop()


class Bench:
    def __init__(self, fleet, args, data):
        self.fleet, self.args, self.data = fleet, args, data
        self.names = list(args.only or proxies.NAMES)
        self.peers = [name for name in self.names if name != "finack"]

    def make(self, name, **fixed):
        return lambda **options: Behind(self.fleet, name, **{**fixed, **options})

    def figure(self, name, bar, values, higher=False, unit=""):
        self.data["figures"].append({"name": name, "bar": bar, "ambition": None, "unit": unit,
                                     "higher_is_better": higher, **values})
        print(f"{name}: {values['median']:.3f}{unit} ({values['low']:.3f} to"
              f" {values['high']:.3f}), bar {bar}", flush=True)

    def pair(self, name, make_own, make_peer, **options):
        pair = pairs.measure_pair(self.fleet, make_own, make_peer, self.args.runs, self.args.rest,
                                  seconds=self.args.seconds, **options)
        self.data["pairs"][name] = pair
        return pair

    # ---- Groups

    def cost(self):
        """CPU and rate of a proxied request, in pairs."""
        backends = {"epoll": ("--backend", "epoll"), "io_uring": ("--backend", "io_uring")}
        for backend, flags in backends.items():
            for peer in self.peers:
                name = f"CPU per proxied request, finack {backend} ÷ {peer}"
                pair = self.pair(name, self.make("finack", more=flags, label=f"finack {backend}"),
                                 self.make(peer))
                self.figure(name, 0.80 if peer == "nginx" else None,
                            {**pair[CPU]["ratio"], "runs": pair["runs"]})
                self.figure(f"throughput, finack {backend} ÷ {peer}", 1.15,
                            {**pair["rate"]["ratio"], "runs": pair["runs"]}, higher=True)

    def instructions(self):
        found = {}
        for name in self.names:
            flags = ("--backend", "epoll") if name == "finack" else ()
            found[name] = counts.instructions_per_request(
                self.fleet, self.make(name, more=flags), connections=1)
            self.figure(f"user instructions per proxied request, {name}",
                        9000 if name == "finack" else None, one(found[name]))
        self.data["counts"]["user instructions per proxied request"] = found

    def alone(self, make, runs, **options):
        """Medians of one proxy that has the core for itself."""
        with make() as server:
            results = []
            for _ in range(runs):
                time.sleep(self.args.rest)
                (result,), _ = pairs.run_together(self.fleet, [server],
                                                  seconds=self.args.seconds, **options)
                results.append(result)
        return results

    def latency(self):
        """p99 of each at the same rate, 70 % of the lowest maximum. Turns, so that what else the
        machine does meets all."""
        most = {name: statistics.median(r["rate"] for r in self.alone(self.make(name), 3))
                for name in self.names}
        rate = SHARE * min(most.values())
        self.data["counts"]["requests a second, alone"] = most
        seen = {name: [] for name in self.names}
        for _ in range(self.args.runs):
            for name in self.names:
                seen[name] += self.alone(self.make(name), 1, mode="paced", rate=rate)
        for name in self.names:
            p99 = [result["latency_us"]["p99"] for result in seen[name]]
            self.figure(f"p99 at {report.number(rate)} requests a second, {name}", None,
                        {**pairs.summary(p99), "runs": len(p99)}, unit=" µs")
        if "finack" in seen and "HAProxy" in seen:
            ratios = [own["latency_us"]["p99"] / peer["latency_us"]["p99"]
                      for own, peer in zip(seen["finack"], seen["HAProxy"])]
            self.figure("… finack ÷ HAProxy", 1.0, {**pairs.summary(ratios), "runs": len(ratios)})

    def bodies(self):
        for peer in self.peers:
            name = f"1 MiB bodies, rate, finack ÷ {peer}"
            pair = self.pair(name, self.make("finack", body=MIB), self.make(peer, body=MIB),
                             mode="bodies", connections=8)
            self.figure(name, 1.0 if peer == "HAProxy" else None,
                        {**pair["rate"]["ratio"], "runs": pair["runs"]}, higher=True)
            self.figure(name.replace("rate", "CPU"), None,
                        {**pair[CPU]["ratio"], "runs": pair["runs"]})
        alone = {name: statistics.median(
            r["rate"] for r in self.alone(self.make(name, body=MIB), 3, mode="bodies",
                                          connections=8)) * MIB / 1e9 for name in self.names}
        self.data["counts"]["1 MiB bodies alone, GB/s"] = alone

    def memory(self):
        found = {}
        for name in self.names:
            # What HAProxy may hold with 20 000 descriptors.
            found[name] = counts.bytes_per_idle_connection(self.fleet, self.make(name), few=1000,
                                                           many=9000)
            self.figure(f"user memory per idle client connection, {name}", None,
                        one(found[name]["private_dirty"]), unit=" bytes")
        self.data["counts"]["bytes per idle client connection"] = {
            name: values["private_dirty"] for name, values in found.items()}


def one(value):
    return {"median": value, "low": value, "high": value, "runs": 1}


GROUPS = ("cost", "instructions", "latency", "bodies", "memory")


def main(argv=None):
    parser = drill.parser(__doc__)
    parser.add_argument("--runs", type=int, default=7, help="clean runs of a pair (default 7)")
    parser.add_argument("--seconds", type=float, default=2, help="of one run (default 2)")
    parser.add_argument("--rest", type=float, default=1, help="seconds between runs (default 1)")
    parser.add_argument("--nice", type=int, default=0,
                        help="niceness of servers and loads: below 0 (root) on a shared machine")
    parser.add_argument("--group", action="append", choices=GROUPS, help="repeatable; default all")
    parser.add_argument("--strict", action="store_true", help="a missed bar is exit status 1")
    args = parser.parse_args(argv)
    fleet = drill.new_fleet(args.build, "gateway")
    fleet.raise_to(args.nice)
    data = {"settings": vars(args), "figures": [], "pairs": {}, "counts": {}, "missing": [],
            "missed": []}
    bench = Bench(fleet, args, data)
    failed = False
    for name in args.group or GROUPS:
        try:
            getattr(bench, name)()
        except MissingError as error:
            data["missing"].append(f"{name}: {error}")
        except (RuntimeError, OSError) as error:
            failed = True
            data["missing"].append(f"{name}: {error}")
            print(f"error: {name}: {error}", file=sys.stderr)
    data["missed"] = [f["name"] for f in data["figures"] if report.verdict(f) == "missed"]
    status = drill.conclude(fleet, args, "speed", data)
    return 1 if failed or (args.strict and status) else 0


if __name__ == "__main__":
    sys.exit(main())
