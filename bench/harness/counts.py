"""What is counted and not timed: instructions, system calls, memory. Each server stands alone."""
import glob
import os
import re
import signal
import shutil
import subprocess
import time

from .pairs import finished, load_command
from .servers import LOAD_CORE, MissingError, pin

FEW, MANY = 1000, 6000


def growth(what, few, many):
    """From the smaller run to the larger. One that does not grow measured something else, or
    nothing: no figure comes of it."""
    if many <= few:
        raise RuntimeError(f"{what}: nothing was measured: {few} in the smaller run, {many} in the "
                           "larger")
    return many - few


def need(program):
    if shutil.which(program) is None:
        raise MissingError(f"{program} is not installed")


def load(fleet, server, **options):
    process = subprocess.Popen(load_command(fleet, server, **options), text=True,
                               stdout=subprocess.PIPE, preexec_fn=pin(LOAD_CORE))
    return finished(process)[0]


def callgrind_totals(fleet, make, requests, options, ask):
    """User instructions of a whole run under callgrind, by thread."""
    base = os.path.join(fleet.directory, "callgrind.out")
    for path in glob.glob(base + "*"):
        os.remove(path)
    wrapper = ["valgrind", "--tool=callgrind", "--separate-threads=yes",
               f"--callgrind-out-file={base}"]
    with make(wrapper=wrapper, core=None) as server:
        ask(fleet, server, requests=requests, **options)
    totals = {}
    for path in glob.glob(base + "*"):
        with open(path) as file:
            found = re.findall(r"^totals: (\d+)", file.read(), re.MULTILINE)
        totals[path] = sum(int(number) for number in found)
    return totals


def instructions_per_request(fleet, make, ask=load, serving_only=False, **options):
    """The difference between MANY and FEW requests, so that start and stop do not count.
    `ask(fleet, server, requests=..., ...)` makes the requests. Of all threads, or of the one that
    grows most: the others wake by the clock, which a busy machine stretches."""
    need("valgrind")
    few = callgrind_totals(fleet, make, FEW, options, ask)
    many = callgrind_totals(fleet, make, MANY, options, ask)
    if serving_only:
        grown = max(many[thread] - few.get(thread, 0) for thread in many)
        return growth("user instructions", 0, grown) / (MANY - FEW)
    return growth("user instructions", sum(few.values()), sum(many.values())) / (MANY - FEW)


def traced(pid):
    with open(f"/proc/{pid}/status") as file:
        return re.search(r"^TracerPid:\s*([1-9]\d*)", file.read(), re.MULTILINE) is not None


def busiest_thread(pid):
    def on_cpu(task):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            return int(file.read().split()[0])
    return max(os.listdir(f"/proc/{pid}/task"), key=on_cpu)


def system_calls_per_request(fleet, make, requests=5000, **options):
    """Calls for each request, by name, from strace. {"all": ...} is their sum. Of the thread that
    serves: the others wake by the clock, and under strace a request takes long."""
    need("strace")
    path = os.path.join(fleet.directory, "strace.out")
    with make() as server:
        # Allocations and registrations of the first requests do not count.
        load(fleet, server, requests=2000, **options)
        thread = busiest_thread(server.pids[-1])
        tracer = subprocess.Popen(["strace", "-c", "-o", path, "-p", thread],
                                  stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 10
            while not traced(thread):
                if tracer.poll() is not None or time.monotonic() > deadline:
                    raise MissingError("strace may not attach here")
                time.sleep(0.05)
            load(fleet, server, requests=requests, **options)
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait()
    calls = {}
    with open(path) as file:
        for line in file:
            row = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
            if row and row[2] != "total":
                calls[row[2]] = int(row[1]) / requests
    if not calls:
        raise RuntimeError(f"{server.name}: nothing was measured: strace counted no system call")
    return {"all": sum(calls.values()), **calls}


def user_memory(pid):
    """(resident, private and dirty) bytes."""
    sizes = {}
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            row = re.match(r"(\w+):\s+(\d+) kB", line)
            if row:
                sizes[row[1]] = int(row[2]) * 1024
    return sizes["Rss"], sizes["Private_Dirty"]


def settled_memory(pid):
    """Read until two readings agree: pages may still be given back."""
    before = user_memory(pid)
    for _ in range(20):
        time.sleep(0.2)
        now = user_memory(pid)
        if now == before:
            break
        before = now
    return before


def bytes_per_idle_connection(fleet, make, few=1000, many=10000):
    """Growth of user memory from `few` to `many` idle connections that have each been served."""
    with make() as server:
        pid = server.pids[-1]
        load(fleet, server, seconds=1, connections=64)  # fills the pools
        command = load_command(fleet, server, mode="idle", connections=few)
        holder = subprocess.Popen(command, text=True, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, preexec_fn=pin(LOAD_CORE))
        try:
            seen = []
            for count in (few, many):
                if count != few:
                    holder.stdin.write(f"{count}\n")
                    holder.stdin.flush()
                if not holder.stdout.readline():
                    raise RuntimeError(f"{server.name}: {count} connections could not be opened")
                seen.append(settled_memory(pid))
        finally:
            holder.stdin.close()
            holder.wait()
            holder.stdout.close()
    names = ("resident", "private_dirty")
    return {name: growth(f"{server.name}, {name} memory of {few} and {many} idle connections",
                         *pair) / (many - few)
            for name, *pair in zip(names, *seen)}
