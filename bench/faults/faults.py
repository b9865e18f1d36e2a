#!/usr/bin/env python3
"""Two of three upstreams are killed, stopped, slowed, cut off, in turn, under load.

Usage: faults.py --build DIR [--fault NAME]... [--before S] [--during S] [--after S]
                 [--clients N] [--pace MS] [--only PROXY]... [--out DIR]
All proxies run at the same time before the same upstreams. Runs in a network namespace of its own.
Exit status 0: finack failed no more requests than the better of the others, and none that is
idempotent before killed upstreams; 1: it did; 2: wrong use; 77: no network namespace can be made
here.
"""
import collections
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import drill, netns, proxies  # noqa: E402

UPSTREAMS, VICTIMS = 3, 2
SLOW_MS = 500     # An answer that takes longer suffered.
SLOWED_MS = 1000  # What the slowed upstream takes.
WORK_MS = 50      # What the others take, so that some requests are under way at any time.
BUCKET = 0.5      # Seconds that are looked at together.
SUFFERING = 0.02  # Share of slow or failed requests in a bucket that counts.


class Victims:
    """The upstreams that the faults happen to, in their island."""

    def __init__(self, fleet):
        self.island, self.upstreams = netns.Island(), []
        try:
            for i in range(VICTIMS):
                self.upstreams.append(drill.Upstream(fleet, f"upstream-victim-{i}", netns.THEIRS,
                                                     self.island.prefix, slow=SLOWED_MS,
                                                     work=WORK_MS))
        except Exception:
            self.stop()
            raise

    def signal(self, number):
        for upstream in self.upstreams:
            upstream.process.send_signal(number)

    def killed(self):
        for upstream in self.upstreams:
            upstream.process.kill()
            upstream.process.wait()

    def killed_over(self):
        for upstream in self.upstreams:
            upstream.stop()
        self.upstreams = [upstream.restarted() for upstream in self.upstreams]

    def stopped(self):
        self.signal(signal.SIGSTOP)

    def stopped_over(self):
        self.signal(signal.SIGCONT)

    def slowed(self):
        self.signal(signal.SIGUSR1)

    slowed_over = slowed

    def cut(self):
        self.island.cut()

    def cut_over(self):
        self.island.mend()

    def stop(self):
        for upstream in self.upstreams:
            upstream.process.send_signal(signal.SIGCONT)
            upstream.stop()
        self.island.close()


FAULTS = {"killed": (Victims.killed, Victims.killed_over),
          "stopped": (Victims.stopped, Victims.stopped_over),
          "slowed": (Victims.slowed, Victims.slowed_over),
          "cut off": (Victims.cut, Victims.cut_over)}


def suffered(line):
    return not drill.well(line) or line.ended - line.begun > SLOW_MS * 1e6


def detect(sent, fault, over):
    """Seconds until no bucket suffers; None: none did; as text: it never ended."""
    buckets = collections.defaultdict(lambda: [0, 0])
    for line in sent:
        if fault <= line.begun < over:
            bucket = buckets[int((line.begun - fault) / 1e9 / BUCKET)]
            bucket[0] += 1
            bucket[1] += suffered(line)
    bad = [place for place, (all_, hurt) in buckets.items() if hurt > all_ * SUFFERING]
    if not bad:
        return None
    last = max(buckets)
    return "not within the fault" if max(bad) >= last - 1 else (max(bad) + 1) * BUCKET


def recover(seen, sent, over):
    """Seconds until the victims get half of their share of requests."""
    asked, got = collections.Counter(), collections.Counter()
    for line in sent:
        asked[int((line.begun - over) / 1e9 / BUCKET)] += line.begun >= over
    for line in seen:
        got[int((line.at - over) / 1e9 / BUCKET)] += line.at >= over
    for place in range(max(asked, default=0)):
        if asked[place] and got[place] >= asked[place] * VICTIMS / UPSTREAMS / 2:
            return (place + 1) * BUCKET
    return "not within the run"


def judge(sent, seen_by_all, seen_by_victims, fault, over):
    failed = {"GET": {}, "POST": {}}
    for line in sent:
        if not drill.well(line):
            kinds = failed[line.method]
            kinds[line.outcome] = kinds.get(line.outcome, 0) + 1
    times = collections.Counter(line.id for line in seen_by_all if line.method == "POST")
    slow = sum(drill.well(line) and suffered(line) for line in sent)
    processed = sum(line.method == "POST" and not drill.well(line) and times[line.id] > 0
                    for line in sent)
    return {"requests": len(sent), "failed": failed, "post_failed_processed": processed,
            "slow": slow,
            "post_twice": sum(count > 1 for count in times.values()),
            "detect": detect(sent, fault, over), "recover": recover(seen_by_victims, sent, over)}


def of(proxy_place, lines):
    low = (proxy_place + 1) * drill.PROXY_IDS
    return [line for line in lines if low <= line.id < low + drill.PROXY_IDS]


def measure(fleet, args, fault, missing):
    begin, end = FAULTS[fault]
    others, loads, running, victims = [], [], {}, None
    try:
        victims = Victims(fleet)
        others += [drill.Upstream(fleet, f"upstream-{i}", work=WORK_MS)
                   for i in range(UPSTREAMS - VICTIMS)]
        places = [upstream.place for upstream in (*others, *victims.upstreams)]
        running = proxies.start_all(
            fleet, args.only or proxies.NAMES,
            lambda _: proxies.Setup(places, answer="2s", checks=True, retry_timeouts=True),
            missing)
        loads = [drill.Load(fleet, proxy, place, keep=args.clients, pace=args.pace, post=20,
                            seconds=args.before + args.during + args.after)
                 for place, proxy in enumerate(running.values())]
        time.sleep(args.before)
        at = time.monotonic_ns()
        begin(victims)
        time.sleep(args.during)
        over = time.monotonic_ns()
        end(victims)
        sent = [list(load.finish()) for load in loads]
        by_victims = [line for upstream in victims.upstreams for line in upstream.seen()]
        by_all = by_victims + [line for upstream in others for line in upstream.seen()]
        found = {proxy.name: judge(sent[place], of(place, by_all), of(place, by_victims), at, over)
                 for place, proxy in enumerate(running.values())}
        proxies.stop_all(running)
        return found, proxies.quoted(running), proxies.causes(running)
    finally:
        for load in loads:
            load.stop()
        proxies.stop_all(running)
        for upstream in others:
            upstream.stop()
        if victims:
            victims.stop()


def failures(row):
    return sum(sum(kinds.values()) for kinds in row["failed"].values())


def missed(fault, found):
    row = found.get("finack")
    if row is None:
        return
    others = [failures(found[name]) for name in found if name != "finack"]
    if others and failures(row) > min(others):
        yield f"{fault}: {failures(row)} failed requests, {min(others)} of the better peer"
    if fault == "killed" and row["failed"]["GET"]:
        yield f"killed: GETs failed: {row['failed']['GET']}"
    if row["post_twice"]:
        yield f"{fault}: {row['post_twice']} POSTs were processed twice"


def main(argv=None):
    parser = drill.parser(__doc__)
    parser.add_argument("--fault", action="append", choices=FAULTS, help="repeatable; default all")
    parser.add_argument("--before", type=float, default=5)
    parser.add_argument("--during", type=float, default=15)
    parser.add_argument("--after", type=float, default=20)
    parser.add_argument("--clients", type=int, default=80, help="of each proxy (default 80)")
    parser.add_argument("--pace", type=int, default=100, help="milliseconds between requests")
    args = parser.parse_args(argv)
    netns.enter()
    fleet = drill.new_fleet(args.build, "faults")
    data = {"settings": {"before": args.before, "during": args.during, "after": args.after,
                         "clients": args.clients, "pace": args.pace, "slow_ms": SLOW_MS},
            "found": {}, "causes": {}, "missing": [], "missed": []}
    for fault in args.fault or FAULTS:
        missing = []
        found, data["configurations"], causes = measure(fleet, args, fault, missing)
        data["causes"].update({f"{fault}: {cause}": count for cause, count in causes.items()})
        data["found"][fault], data["missing"] = found, missing
        data["missed"] += missed(fault, found)
        for name, row in found.items():
            print(f"{fault}, {name}: {row}", flush=True)
        print(f"{fault}, finack's records: {causes}", flush=True)
    return drill.conclude(fleet, args, "faults", data)


if __name__ == "__main__":
    sys.exit(main())
