#!/usr/bin/env python3
"""One of three upstreams is killed, stopped, slowed, cut off, in turn, under load.

Usage: faults.py --build DIR [--fault NAME]... [--before S] [--during S] [--after S]
                 [--clients N] [--pace MS] [--only PROXY]... [--out DIR]
All proxies run at the same time before the same upstreams. Runs in a network namespace of its own.
Exit status 0: finack failed no more requests than the better of the others (POSTs that the upstream
had processed left out), and none that is idempotent before a killed upstream; 1: it did; 2: wrong
use; 77: no network namespace can be made here.
"""
import collections
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import drill, netns, proxies  # noqa: E402

SLOW_MS = 500     # An answer that takes longer suffered.
SLOWED_MS = 1000  # What the slowed upstream takes.
WORK_MS = 50      # What the others take, so that some requests are under way at any time.
BUCKET = 0.5      # Seconds that are looked at together.
SUFFERING = 0.02  # Share of slow or failed requests in a bucket that counts.


class Victim:
    """The upstream that the faults happen to, in its island."""

    def __init__(self, fleet):
        self.island = netns.Island()
        try:
            self.upstream = drill.Upstream(fleet, "upstream-victim", netns.THEIRS,
                                           self.island.prefix, slow=SLOWED_MS,
                                           work=WORK_MS)
        except Exception:
            self.island.close()
            raise

    def signal(self, number):
        self.upstream.process.send_signal(number)

    def killed(self):
        self.upstream.process.kill()
        self.upstream.process.wait()

    def killed_over(self):
        self.upstream.stop()
        self.upstream = self.upstream.restarted()

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
        self.signal(signal.SIGCONT)
        self.upstream.stop()
        self.island.close()


FAULTS = {"killed": (Victim.killed, Victim.killed_over),
          "stopped": (Victim.stopped, Victim.stopped_over),
          "slowed": (Victim.slowed, Victim.slowed_over),
          "cut off": (Victim.cut, Victim.cut_over)}


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
    """Seconds until the victim gets half of its share of requests."""
    asked, got = collections.Counter(), collections.Counter()
    for line in sent:
        asked[int((line.begun - over) / 1e9 / BUCKET)] += line.begun >= over
    for line in seen:
        got[int((line.at - over) / 1e9 / BUCKET)] += line.at >= over
    for place in range(max(asked, default=0)):
        if asked[place] and got[place] >= asked[place] / 6:
            return (place + 1) * BUCKET
    return "not within the run"


def judge(sent, seen_by_all, seen_by_victim, fault, over):
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
            "detect": detect(sent, fault, over), "recover": recover(seen_by_victim, sent, over)}


def of(proxy_place, lines):
    low = (proxy_place + 1) * drill.PROXY_IDS
    return [line for line in lines if low <= line.id < low + drill.PROXY_IDS]


def measure(fleet, args, fault, missing):
    begin, end = FAULTS[fault]
    others, loads, running, victim = [], [], {}, None
    try:
        victim = Victim(fleet)
        others += [drill.Upstream(fleet, f"upstream-{i}", work=WORK_MS) for i in (1, 2)]
        places = [upstream.place for upstream in (*others, victim.upstream)]
        running = proxies.start_all(
            fleet, args.only or proxies.NAMES,
            lambda _: proxies.Setup(places, answer="2s", checks=True, retry_timeouts=True),
            missing)
        loads = [drill.Load(fleet, proxy, place, keep=args.clients, pace=args.pace, post=20,
                            seconds=args.before + args.during + args.after)
                 for place, proxy in enumerate(running.values())]
        time.sleep(args.before)
        at = time.monotonic_ns()
        begin(victim)
        time.sleep(args.during)
        over = time.monotonic_ns()
        end(victim)
        sent = [list(load.finish()) for load in loads]
        by_victim = list(victim.upstream.seen())
        by_all = by_victim + [line for upstream in others for line in upstream.seen()]
        found = {proxy.name: judge(sent[place], of(place, by_all), of(place, by_victim), at, over)
                 for place, proxy in enumerate(running.values())}
        proxies.stop_all(running)
        return found, proxies.quoted(running), proxies.causes(running)
    finally:
        for load in loads:
            load.stop()
        proxies.stop_all(running)
        for upstream in others:
            upstream.stop()
        if victim:
            victim.stop()


def failures(row):
    """Without POSTs that the upstream had processed: nobody could repeat those."""
    return sum(sum(kinds.values()) for kinds in row["failed"].values()) - row.get(
        "post_failed_processed", 0)


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
