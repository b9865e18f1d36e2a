"""bench/RESULTS-gateway.md, from results-gateway.json: a section for each drill that was run."""
import json
import os

from . import report
from .report import number
from .servers import MissingError

INTRO = """# What finack serve does where proxies fail, and what it costs

Written by `bench/race/run`, `bench/faults/run`, `bench/reload/run` and `bench/gateway/run`; do not
edit. nginx and HAProxy run beside finack, at the same time and under the same load. Counts are what
matters here; times depend on what else the machine did (load average in each section).
"""


def kinds(counts):
    return ", ".join(f"{count} × {kind}" for kind, count in sorted(counts.items())) or "0"


def table(header, rows):
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |"
    yield ""


def race(data):
    settings = data["settings"]
    yield "## Race for an idle connection (`bench/race/run`)"
    yield ""
    yield (f"The upstream closes a connection that was idle for {settings['idle_ms']} ms; each"
           " proxy keeps free connections for what the first column says."
           f" {settings['clients']} clients ask in waves"
           f" for {settings['seconds']:g} s, half of them POST; half of the gaps end within 3 ms of"
           " that time, a quarter within 50 ms, the rest earlier. The upstream logs what it read"
           " completely, by request, and what lay acknowledged and unread when it closed.")
    yield ""
    rows = []
    for keep, name, found in ((keep, *row) for keep, run in data["found"].items()
                              for row in run.items()):
        rows.append((f"{keep} ms", name, number(found["requests"]),
                     kinds(found["failed"]["GET"]), f"**{number(found['GET_per_million'])}**",
                     kinds(found["failed"]["POST"]), f"**{number(found['POST_per_million'])}**",
                     found["post_twice"], found["post_failed_unacknowledged"],
                     found["post_failed_unread"], found["post_failed_processed"],
                     found["get_twice"]))
    yield from table(("kept", "proxy", "requests", "GET failed", "per million", "POST failed",
                      "per million", "POST processed twice", "POST failed, not acknowledged",
                      "… acknowledged, unread", "… processed", "GET processed twice"), rows)


def faults(data):
    settings = data["settings"]
    yield "## Fault drill (`bench/faults/run`)"
    yield ""
    yield (f"Three upstreams; two of them meet the fault for {settings['during']:g} s, then"
           f" get well. {settings['clients']} clients of each proxy ask every"
           f" {settings['pace']} ms, one in five POST. Failed: no 200. Slow: 200 after more than"
           f" {settings['slow_ms']} ms. Detect: from the fault until no half second has more than"
           " 2 % of slow or failed requests, – if none had. Recover: from its end until the two"
           " get half of their share again.")
    yield ""
    rows = []
    for fault, found in data["found"].items():
        for name, row in found.items():
            rows.append((fault, name, number(row["requests"]), kinds(row["failed"]["GET"]),
                         kinds(row["failed"]["POST"]), row["post_failed_processed"],
                         row["slow"], row["post_twice"],
                         seconds(row["detect"]), seconds(row["recover"])))
    yield from table(("fault", "proxy", "requests", "GET failed", "POST failed",
                      "… processed", "slow",
                      "POST processed twice", "detect", "recover"), rows)


def seconds(value):
    return "–" if value is None else value if isinstance(value, str) else f"{value:.1f} s"


def reload(data):
    settings = data["settings"]
    yield "## Reload drill (`bench/reload/run`)"
    yield ""
    yield (f"{settings['reloads']} reloads, each with a changed file, under {settings['keep']}"
           f" keep-alive clients, {settings['short']} clients with a connection for each request"
           f" and {settings['tunnels']} WebSocket tunnels that live 5 s each and echo all the time."
           " finack gets one bad file among them. An `eof` is a connection that was kept and ended"
           " instead of an answer. Taken over: time until a new connection meets the new file.")
    yield ""
    rows = []
    for name, row in data["found"].items():
        rows.append((name, f"{row['taken']} of {row['reloads']}", f"{row['median_ms']:.0f} ms",
                     number(row["requests"]), kinds(row["failed"]["keep"]),
                     kinds(row["failed"]["short"]), number(row["tunnels"]),
                     kinds(row["failed"]["tunnel"]), row["bad_file"]))
    yield from table(("proxy", "taken over", "median", "requests", "keep-alive failed",
                      "short failed", "tunnels", "broken", "bad file"), rows)


def speed(data):
    yield "## Speed (`bench/gateway/run`)"
    yield ""
    yield ("Keep-alive on both sides, 64 clients, upstream = `bench/limit`'s bare epoll loop, one"
           " worker each. Both proxies of a pair run at the same time on one core, their loads and"
           " upstreams on the other. finack records and counts; all three add X-Forwarded-For.")
    yield ""
    settings = data["settings"]
    yield (f"{settings['runs']} runs of {settings['seconds']:g} s, niceness {settings['nice']}."
           " \"Other load\" is what the machine did besides.")
    yield ""
    yield from report.figure_rows(data["figures"])
    yield ""
    if data["pairs"]:
        yield from report.pair_rows(data["pairs"])
        yield ""
    if data["counts"]:
        yield from report.count_rows(data["counts"])
        yield ""


SECTIONS = {"race": race, "faults": faults, "reload": reload, "speed": speed}
LANGUAGES = {"finack": "yaml", "nginx": "nginx", "HAProxy": ""}


def facts(data):
    """What stands under every section."""
    for line in data["missed"]:
        yield f"- **missed**: {line}"
    for line in data["missing"]:
        yield f"- not measured: {line}"
    if data.get("causes"):
        yield "- finack's records, without ok and policy:"
        for cause, count in data["causes"].items():
            yield f"  - {count} × {cause}"
    yield f"- {data['when']}, load average {data['load_average']}"
    yield ""
    for name, text in data.get("configurations", {}).items():
        yield f"<details><summary>{name}</summary>"
        yield ""
        yield f"```{LANGUAGES.get(name, '')}"
        yield text.rstrip("\n")
        yield "```"
        yield "</details>"
        yield ""


def machine(fleet):
    try:
        found = report.machine(fleet)
    except MissingError:
        return {}
    found = {key: found[key] for key in ("processor", "cores", "kernel", "finack", "nginx")}
    found["haproxy"] = report.first_line(["haproxy", "-v"])
    return found


def write(fleet, directory, section, data):
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, "results-gateway.json")
    results = {}
    if os.path.exists(path):
        with open(path) as file:
            results = json.load(file)
    results[section] = data
    results["machine"] = machine(fleet)
    with open(path, "w") as file:
        json.dump(results, file, indent=1, ensure_ascii=False)
        file.write("\n")
    lines = [INTRO, "## Machine", ""]
    lines += [f"- {key}: {value}" for key, value in results["machine"].items()] + [""]
    for name, render in SECTIONS.items():
        if name in results:
            lines += [*render(results[name]), *facts(results[name])]
    with open(os.path.join(directory, "RESULTS-gateway.md"), "w") as file:
        file.write("\n".join(lines).rstrip("\n") + "\n")
