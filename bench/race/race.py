#!/usr/bin/env python3
"""The race for an idle connection: the upstream closes just when the proxy sends.

Usage: race.py --build DIR [--seconds S] [--clients N] [--idle MS] [--keep MS]... [--only PROXY]...
               [--out DIR]
Upstreams close connections that were idle for some time; clients ask in waves with gaps around that
time. Proxies keep free connections for as long, then, in a second run, for the minute that is the
default of nginx and finack. All proxies run at the same time, each with an upstream and a load
of its own. Exit status 0: finack kept its bar, or was not asked for; 1: it did not; 2: wrong use.
"""
import collections
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import drill, proxies  # noqa: E402

WORK = 10  # Milliseconds of an answer, so that a wave needs a connection for each client.


def judge(sent, seen):
    """What the two logs say together about one proxy."""
    processed, unread = collections.Counter(), set()
    for line in seen:
        if line.what == "processed":
            processed[line.id] += 1
        else:
            unread.add(line.id)
    found = {"requests": 0, "GET": 0, "POST": 0, "failed": {"GET": {}, "POST": {}},
             "post_failed_processed": 0, "post_failed_unread": 0,
             "post_failed_unacknowledged": 0}
    for line in sent:
        found["requests"] += 1
        found[line.method] += 1
        if drill.well(line):
            continue
        kinds = found["failed"][line.method]
        kinds[line.outcome] = kinds.get(line.outcome, 0) + 1
        if line.method == "POST":
            found["post_failed_processed" if processed[line.id] else "post_failed_unread"
                  if line.id in unread else "post_failed_unacknowledged"] += 1
    posts = {line.id for line in seen if line.method == "POST"}
    found["post_twice"] = sum(processed[number] > 1 for number in posts)
    found["get_twice"] = sum(count > 1 for number, count in processed.items()
                             if number not in posts)
    found["unread"] = len(unread)
    for method in ("GET", "POST"):
        failed = sum(found["failed"][method].values())
        found[f"{method}_per_million"] = round(failed * 1e6 / max(1, found[method]), 1)
    return found


def missed(found):
    """The bars, which are finack's."""
    if found is None:
        return
    if found["failed"]["GET"]:
        yield f"GETs failed: {found['failed']['GET']}"
    if found["post_twice"]:
        yield f"{found['post_twice']} POSTs were processed twice"
    if found["post_failed_unacknowledged"]:
        yield f"{found['post_failed_unacknowledged']} POSTs failed although not acknowledged"


def measure(fleet, args, keep, missing):
    upstreams, loads, running = {}, [], {}
    try:
        def setup(name):
            upstreams[name] = drill.Upstream(fleet, f"upstream-{name.lower()}", idle=args.idle,
                                             work=WORK, header=int(args.header))
            return proxies.Setup([upstreams[name].place], keep=f"{keep}ms",
                                 free=args.clients)
        running = proxies.start_all(fleet, args.only or proxies.NAMES, setup, missing)
        loads = [drill.Load(fleet, proxy, place, seconds=args.seconds, keep=args.clients,
                            around=args.idle, post=50)
                 for place, proxy in enumerate(running.values())]
        found = {}
        for proxy, load in zip(running.values(), loads):
            sent = list(load.finish())
            found[proxy.name] = judge(sent, list(upstreams[proxy.name].seen()))
        proxies.stop_all(running)
        return {"found": found, "configurations": proxies.quoted(running),
                "causes": proxies.causes(running)}
    finally:
        for load in loads:
            load.stop()
        proxies.stop_all(running)
        proxies.stop_all(upstreams)


def main(argv=None):
    parser = drill.parser(__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=200, help="of each proxy (default 200)")
    parser.add_argument("--idle", type=int, default=1000,
                        help="milliseconds after which upstreams close (default 1000)")
    parser.add_argument("--keep", type=int, action="append",
                        help="milliseconds for which proxies keep (default: --idle, then 60000)")
    parser.add_argument("--header", action="store_true",
                        help="the upstreams say their idle time in Keep-Alive: timeout")
    args = parser.parse_args(argv)
    fleet = drill.new_fleet(args.build, "race")
    data = {"settings": {"seconds": args.seconds, "clients": args.clients, "idle_ms": args.idle,
                         "header": args.header},
            "found": {}, "causes": {}, "missed": []}
    for keep in args.keep or (args.idle, 60_000):
        data["missing"] = []
        done = measure(fleet, args, keep, data["missing"])
        data["found"][keep] = done["found"]
        data.setdefault("configurations", done["configurations"])
        data["causes"].update({f"kept {keep} ms: {cause}": count
                               for cause, count in done["causes"].items()})
        data["missed"] += (f"kept {keep} ms: {line}"
                           for line in missed(done["found"].get("finack")))
        for name, row in (*done["found"].items(), ("finack's records", done["causes"])):
            print(f"kept {keep} ms, {name}: {row}", flush=True)
    return drill.conclude(fleet, args, "race", data)


if __name__ == "__main__":
    sys.exit(main())
