"""Two servers under load at the same time: the ratio of what each paid, of the same seconds."""
import json
import os
import statistics
import subprocess
import sys
import time

from .servers import LOAD_CORE, pin

MAX_STEAL = 0.2
TICK = os.sysconf("SC_CLK_TCK")


def processor_seconds():
    """(busy, stolen) seconds of all cores since boot."""
    with open("/proc/stat") as file:
        fields = [int(word) for word in file.readline().split()[1:9]]
    return sum(fields[i] for i in (0, 1, 2, 5, 6)) / TICK, fields[7] / TICK


def load_command(fleet, server, **options):
    command = [fleet.program("finack_load"), "--port", str(server.port)]
    for pid in server.pids:
        command += ["--pid", str(pid)]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    return command


def finished(process):
    """The load generator's JSON, and the CPU seconds it took."""
    output = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(process.args)} failed: {output.strip()}")
    return json.loads(output), usage.ru_utime + usage.ru_stime


def run_together(fleet, servers, **options):
    """One run: all servers under load at once. A list of results, and what the machine did."""
    before, begun = processor_seconds(), time.monotonic()
    processes = [subprocess.Popen(load_command(fleet, server, **options), text=True,
                                  stdout=subprocess.PIPE, preexec_fn=pin(LOAD_CORE))
                 for server in servers]
    results, load_seconds = [], 0.0
    for process in processes:
        result, seconds = finished(process)
        results.append(result)
        load_seconds += seconds
    took = time.monotonic() - begun
    after = processor_seconds()
    # The measured window is shorter than the whole run: the servers' share is scaled up.
    ours = load_seconds + sum(r["server_cpu_seconds"] * took / r["seconds"] for r in results)
    return results, {"steal": (after[1] - before[1]) / took,
                     "foreign": max(0.0, (after[0] - before[0] - ours) / took)}


def summary(values):
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def measure_pair(fleet, make_own, make_peer, runs, rest, **options):
    """Medians over `runs` clean runs of two servers that are started once for all of them."""
    kept, dropped, foreign = [], 0, []
    with make_own() as own, make_peer() as peer:
        names = own.name, peer.name
        for _ in range(runs * 3):
            if len(kept) == runs:
                break
            time.sleep(rest)
            results, machine = run_together(fleet, (own, peer), **options)
            if any(result["requests"] == 0 or result["errors"] > 0 for result in results):
                raise RuntimeError(f"{names}: no requests, or errors: {results}")
            if machine["steal"] >= MAX_STEAL:
                dropped += 1
                continue
            foreign.append(machine["foreign"])
            kept.append(results)
            if sys.stderr.isatty():
                print(f"\r\033[K{names[0]} beside {names[1]}: run {len(kept)}/{runs}", end="",
                      file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    if not kept:
        raise RuntimeError(f"{names}: the host stole {MAX_STEAL} cores or more in every run")
    pair = {"own": names[0], "peer": names[1], "runs": len(kept), "dropped": dropped,
            "foreign_cores": statistics.median(foreign), "options": options}
    for key in ("server_cpu_us_per_request", "rate"):
        pair[key] = {
            "own": statistics.median(own[key] for own, _ in kept),
            "peer": statistics.median(peer[key] for _, peer in kept),
            "ratio": summary([own[key] / peer[key] for own, peer in kept])}
    pair["p99_us"] = {"own": statistics.median(own["latency_us"]["p99"] for own, _ in kept),
                      "peer": statistics.median(peer["latency_us"]["p99"] for _, peer in kept)}
    return pair
