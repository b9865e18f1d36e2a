#!/usr/bin/env python3
"""A hundred reloads under load: keep-alive clients, short connections, WebSocket tunnels.

Usage: reload.py --build DIR [--reloads N] [--every S] [--keep N] [--short N] [--tunnels N]
                 [--only PROXY]... [--out DIR]
Each reload has a changed file, whose number every answer carries, so that it shows when it took
effect. finack gets a bad file in the middle, which must change nothing. Exit status 0: finack
failed no request and broke no tunnel; 1: it did; 2: wrong use.
"""
import os
import statistics
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import drill, proxies  # noqa: E402

BAD_LINE = "clutsers: {}\n"


class Reloader(threading.Thread):
    """Reloads one proxy again and again; `took` are the seconds until each took effect."""

    def __init__(self, proxy, args):
        super().__init__(daemon=True)
        self.proxy, self.args = proxy, args
        self.took, self.bad_file = [], "not tried"

    def run(self):
        for generation in range(1, self.args.reloads + 1):
            begun = time.monotonic()
            if self.proxy.name == "finack" and generation == (self.args.reloads + 1) // 2:
                self.try_bad_file(generation - 1)
            self.took.append(self.proxy.reload(generation))
            time.sleep(max(0, begun + self.args.every - time.monotonic()))

    def try_bad_file(self, before):
        self.proxy.store(self.proxy.write(self.proxy.setup) + BAD_LINE)
        os.kill(self.proxy.process.pid, self.proxy.reload_signal)
        time.sleep(1)
        if not self.proxy.running():
            self.bad_file = "ended the process"
        elif self.proxy.generation() != before:
            self.bad_file = "changed something"
        else:
            self.bad_file = "changed nothing"


def judge(sent, reloader):
    failed = {"keep": {}, "short": {}, "tunnel": {}}
    for line in sent:
        if not drill.well(line):
            kinds = failed[line.kind]
            kinds[line.outcome] = kinds.get(line.outcome, 0) + 1
    took = [seconds for seconds in reloader.took if seconds is not None]
    tunnels = sum(line.kind == "tunnel" for line in sent)
    return {"requests": len(sent) - tunnels, "tunnels": tunnels, "failed": failed,
            "reloads": len(reloader.took), "taken": len(took), "bad_file": reloader.bad_file,
            "median_ms": 1000 * statistics.median(took) if took else 0,
            "most_ms": 1000 * max(took, default=0)}


def missed(row):
    if row is None:
        return
    for kind, kinds in row["failed"].items():
        if kinds:
            yield f"{kind}: {kinds}"
    if row["taken"] < row["reloads"]:
        yield f"{row['reloads'] - row['taken']} reloads took no effect"
    if row["bad_file"] != "changed nothing":
        yield f"the bad file: {row['bad_file']}"


def measure(fleet, args, missing):
    upstream = drill.Upstream(fleet, "upstream", work=2)
    loads, running = [], {}
    try:
        running = proxies.start_all(fleet, args.only or proxies.NAMES,
                                    lambda _: proxies.Setup([upstream.place]), missing)
        reloaders = [Reloader(proxy, args) for proxy in running.values()]
        # A little longer than the reloads.
        seconds = args.reloads * args.every * 1.1 + 3
        loads = [drill.Load(fleet, proxy, place, seconds=seconds, keep=args.keep,
                            short=args.short, tunnels=args.tunnels, pace=50, post=20)
                 for place, proxy in enumerate(running.values())]
        time.sleep(1)
        for reloader in reloaders:
            reloader.start()
        found = {}
        for reloader, load in zip(reloaders, loads):
            sent = list(load.finish())
            reloader.join()
            found[reloader.proxy.name] = judge(sent, reloader)
        proxies.stop_all(running)
        return {"found": found, "configurations": proxies.quoted(running),
                "causes": proxies.causes(running)}
    finally:
        for load in loads:
            load.stop()
        proxies.stop_all(running)
        upstream.stop()


def main(argv=None):
    parser = drill.parser(__doc__)
    parser.add_argument("--reloads", type=int, default=100)
    parser.add_argument("--every", type=float, default=0.5, help="seconds, at least (default 0.5)")
    parser.add_argument("--keep", type=int, default=30, help="keep-alive clients (default 30)")
    parser.add_argument("--short", type=int, default=10, help="clients without keep-alive")
    parser.add_argument("--tunnels", type=int, default=20)
    args = parser.parse_args(argv)
    fleet = drill.new_fleet(args.build, "reload")
    missing = []
    data = measure(fleet, args, missing)
    for name, row in (*data["found"].items(), ("finack's records", data["causes"])):
        print(f"{name}: {row}", flush=True)
    return drill.conclude(fleet, args, "reload", {
        "settings": {"reloads": args.reloads, "keep": args.keep, "short": args.short,
                     "tunnels": args.tunnels, "every": args.every},
        **data, "missing": missing, "missed": list(missed(data["found"].get("finack")))})


if __name__ == "__main__":
    sys.exit(main())
