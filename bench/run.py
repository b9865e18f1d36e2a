#!/usr/bin/env python3
"""Measures finack demo against its peers and writes bench/RESULTS.md and results.json.

Usage: run.py --build DIR [--runs N] [--seconds S] [--only WORD]... [--out DIR]
Exit status 0: measured; 1: a measurement failed; 2: wrong use. Missed bars are results, not
failures; --strict makes them failures.
"""
import argparse
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import counts, pairs, report  # noqa: E402
from harness.servers import Fleet, MissingError  # noqa: E402

BACKENDS = ("epoll", "io_uring")
QUIET_RUNS = 3  # Of what is counted and hardly varies.


class Bench:
    def __init__(self, fleet, args):
        self.fleet, self.args = fleet, args
        self.results = {"figures": [], "pairs": {}, "counts": {}, "missing": []}

    def figure(self, name, bar, ambition, values, higher=False, unit=""):
        """`values`: {"median", "low", "high"}, and how many runs they are of."""
        self.results["figures"].append(
            {"name": name, "bar": bar, "ambition": ambition, "higher_is_better": higher,
             "unit": unit, **values})
        median, runs = values["median"], values["runs"]
        print(f"{name}: {median:.3f}{unit} ({values['low']:.3f} to {values['high']:.3f},"
              f" {runs} runs), bar {bar}", flush=True)

    def wanted(self, group):
        return not self.args.only or group in self.args.only

    def pair(self, name, make_own, make_peer, key="server_cpu_us_per_request", **options):
        pair = pairs.measure_pair(self.fleet, make_own, make_peer, self.args.runs, self.args.rest,
                                  seconds=self.args.seconds, **options)
        self.results["pairs"][name] = pair
        return {**pair[key]["ratio"], "runs": pair["runs"]}

    def own(self, backend, *flags, name=None):
        return lambda **more: self.fleet.finack(backend, *flags, name=name, **more)

    def bare(self, backend, *flags):
        return lambda **more: self.fleet.limit(backend, *flags, **more)

    # ---- Groups: what --only names

    def keepalive(self):
        for backend in BACKENDS:
            name = f"CPU per keep-alive request ÷ bare loop, {backend}"
            values = self.pair(name, self.own(backend), self.bare(backend))
            self.figure(name, 1.15, 1.06, values)
        for backend in BACKENDS:
            name = f"CPU per keep-alive request ÷ nginx, {backend}"
            self.figure(name, 0.92, 0.80, self.pair(name, self.own(backend), self.fleet.nginx))
        for backend in BACKENDS:
            name = f"CPU per keep-alive request ÷ Gin, {backend}"
            self.figure(name, None, None, self.pair(name, self.own(backend), self.fleet.gin))

    def pipelined(self):
        for backend in BACKENDS:
            name = f"pipelined 16, rate ÷ bare loop, {backend}"
            values = self.pair(name, self.own(backend), self.bare(backend), "rate", depth=16)
            self.figure(name, 0.70, 0.80, values, higher=True)
            ratio = self.results["pairs"][name]["server_cpu_us_per_request"]["ratio"]
            inverse = {"median": 1 / ratio["median"], "low": 1 / ratio["high"],
                       "high": 1 / ratio["low"], "runs": values["runs"]}
            self.figure(f"pipelined 16, requests per CPU second ÷ bare loop, {backend}", None,
                        None, inverse, higher=True)

    def short(self):
        for backend, bar in zip(BACKENDS, (1.15, 1.25)):
            name = f"CPU per short connection, agreed close ÷ bare close, {backend}"
            values = self.pair(name, self.own(backend), self.bare(backend, "--close"),
                               mode="short")
            self.figure(name, bar, 1.08, values)
        # How much of the first figure is the procedure itself, and how much is Finack.
        agreed = self.bare("epoll", "--agreed")
        name = "… bare epoll loop, agreed close ÷ bare close"
        self.figure(name, None, None,
                    self.pair(name, agreed, self.bare("epoll", "--close"), mode="short"))
        name = "… finack epoll ÷ bare epoll loop, both by agreed close"
        self.figure(name, None, None, self.pair(name, self.own("epoll"), agreed, mode="short"))
        for backend in BACKENDS:
            name = f"CPU per short connection ÷ nginx, {backend}"
            values = self.pair(name, self.own(backend), self.fleet.nginx, mode="short")
            self.figure(name, 1.00, 0.90, values)

    def instructions(self):
        makers = {"on": self.own("epoll"), "off": self.own("epoll", "--no-recording"),
                  "all": self.own("epoll", "--record-requests", "all"), "bare": self.bare("epoll")}
        found = {}
        for name, make in makers.items():
            found[name] = counts.instructions_per_request(self.fleet, make, connections=1)
        found["on, 64 connections"] = counts.instructions_per_request(
            self.fleet, makers["on"], connections=64)
        self.results["counts"]["user instructions per keep-alive request, epoll"] = found
        self.figure("user instructions per keep-alive request, epoll", 2600, 1900,
                    one(found["on"]))
        self.figure("… of the bare loop", None, None, one(found["bare"]))
        self.figure("user instructions, recording on ÷ off", 1.20, None,
                    one(found["on"] / found["off"]))
        self.figure("user instructions, --record-requests all ÷ on", None, None,
                    one(found["all"] / found["on"]))

    def syscalls(self):
        for backend in BACKENDS:
            makers = {"on": self.own(backend), "off": self.own(backend, "--no-recording"),
                      "all": self.own(backend, "--record-requests", "all"),
                      "bare": self.bare(backend)}
            found = {name: counts.system_calls_per_request(self.fleet, make, connections=1)
                     for name, make in makers.items()}
            self.results["counts"][f"system calls per keep-alive request, {backend}"] = found
            # Of 5 000 requests: attaching and letting go are a call or two.
            ratio = round(found["on"]["all"] / found["off"]["all"], 2)
            self.figure(f"system calls, recording on ÷ off, {backend}", 1.00, None, one(ratio))
            self.figure(f"system calls per keep-alive request, {backend}", None, None,
                        one(found["on"]["all"]))
            makers = {"agreed close": self.own(backend),
                      "bare close": self.bare(backend, "--close")}
            found = {name: counts.system_calls_per_request(self.fleet, make, requests=2000,
                                                           connections=1, mode="short")
                     for name, make in makers.items()}
            self.results["counts"][f"system calls per short connection, {backend}"] = found

    def recording(self):
        name = "CPU per keep-alive request, recording on ÷ off, epoll"
        off = self.own("epoll", "--no-recording", name="finack epoll, recording off")
        self.figure(name, 1.03, 1.01, self.pair(name, self.own("epoll"), off))
        name = "CPU per keep-alive request, --record-requests all ÷ abnormal, epoll"
        records = os.path.join(self.fleet.directory, "records.jsonl")
        everything = self.own("epoll", "--record-requests", "all", "--records", records,
                              name="finack epoll, all requests recorded")
        self.figure(name, None, None, self.pair(name, everything, self.own("epoll")))
        os.remove(records)

    def memory(self):
        makers = {f"finack {backend}": self.own(backend) for backend in BACKENDS}
        makers.update({f"bare {backend} loop": self.bare(backend) for backend in BACKENDS})
        makers.update({"nginx": self.fleet.nginx, "Gin": self.fleet.gin})
        for name, make in makers.items():
            ours = name.startswith("finack")
            found = [counts.bytes_per_idle_connection(self.fleet, make)
                     for _ in range(QUIET_RUNS if ours else 1)]
            self.results["counts"][f"bytes per idle connection, {name}"] = found
            values = pairs.summary([run["private_dirty"] for run in found])
            self.figure(f"user memory per idle connection, {name}", 256 if ours else None,
                        180 if ours else None, {**values, "runs": len(found)}, unit=" bytes")


GROUPS = ("keepalive", "short", "pipelined", "instructions", "syscalls", "recording", "memory")


def one(value):
    return {"median": value, "low": value, "high": value, "runs": 1}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True, help="CMake build directory with FINACK_BENCH")
    parser.add_argument("--runs", type=int, default=7, help="clean runs of a pair (default 7)")
    parser.add_argument("--seconds", type=float, default=2, help="of one run (default 2)")
    parser.add_argument("--rest", type=float, default=1,
                        help="seconds between runs: hosts throttle sustained load (default 1)")
    parser.add_argument("--nice", type=int, default=0,
                        help="niceness of servers and load: below 0 (root) on a shared machine")
    parser.add_argument("--only", action="append", choices=GROUPS, help="one group; repeatable")
    parser.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)),
                        help="where RESULTS.md and results.json go; made if it is not there "
                             "(default: beside this file)")
    parser.add_argument("--strict", action="store_true", help="a missed bar is exit status 1")
    args = parser.parse_args()
    # An exit, so that the servers are stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if args.runs < 1 or args.seconds <= 0:
        parser.error("--runs and --seconds must be positive")
    try:
        os.makedirs(args.out, exist_ok=True)
    except OSError as error:
        parser.error(f"--out: {error}")
    fleet = Fleet(args.build)
    fleet.raise_to(args.nice)
    bench = Bench(fleet, args)
    bench.results["machine"] = report.machine(fleet)
    bench.results["settings"] = {"runs": args.runs, "seconds": args.seconds, "rest": args.rest,
                                 "nice": args.nice}
    failed = False
    for group in filter(bench.wanted, GROUPS):
        begun = time.monotonic()
        print(f"== {group}", flush=True)
        try:
            getattr(bench, group)()
        except MissingError as error:
            bench.results["missing"].append(f"{group}: {error}")
            print(f"SKIPPED {group}: {error}", file=sys.stderr)
        except (RuntimeError, OSError) as error:
            failed = True
            bench.results["missing"].append(f"{group}: {error}")
            print(f"error: {group}: {error}", file=sys.stderr)
        print(f"   {time.monotonic() - begun:.0f} s", flush=True)
        report.write(bench.results, args.out)
    missed = [f["name"] for f in bench.results["figures"] if report.verdict(f) == "missed"]
    print(f"{len(missed)} bars missed; see {os.path.join(args.out, 'RESULTS.md')}")
    return 1 if failed or (args.strict and missed) else 0


if __name__ == "__main__":
    sys.exit(main())
