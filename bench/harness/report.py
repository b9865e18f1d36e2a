"""bench/RESULTS.md and results.json, and the facts of the machine that stand in them."""
import datetime
import json
import os
import re
import shutil
import subprocess

INTRO = """# What finack demo costs

Written by `bench/run`; do not edit. Both servers of a pair run at the same time, each with one
worker on the same core and a load generator each on the other core; CPU time is that of all threads
of the server, from schedstat; a run with 0.2 stolen cores or more is dropped. Ratios are of the
same run; medians of the runs, lowest and highest in brackets. `GET /ping`, 13 bytes, a request with
`Host` alone, 64 connections, recording, metrics and routing on. Bars come from the project's
anchors. The bare loops (`bench/limit/`) are the least code that answers at all.
"""

NOTES = (
    "Both servers of a pair share one core and both load generators the other, so that the rates",
    "are about half of what one server alone reaches. Where others kept the machine busy (last",
    "column), absolute times are longer and p99 says little; ratios suffer less.",
)


def first_line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return (done.stdout + done.stderr).strip().split("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return "not here"


def processor():
    with open("/proc/cpuinfo") as file:
        text = file.read()
    model = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    codes = re.search(r"^cpu family\s*:\s*(\d+)\nmodel\s*:\s*(\d+)", text, re.MULTILINE)
    family = f" (family {codes[1]}, model {codes[2]})" if codes else ""
    return (model[1] if model else "unknown") + family


def machine(fleet):
    nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    gin = ["dpkg-query", "-W", "-f=${Version}", "golang-github-gin-gonic-gin-dev"]
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "kernel": os.uname().release,
        "finack": first_line([fleet.program("finack"), "version"]),
        "compiler": first_line(["g++", "--version"]),
        "nginx": first_line([nginx or "nginx", "-v"]),
        "go": first_line(["go", "version"]),
        "gin": first_line(gin),
        "liburing": first_line(["dpkg-query", "-W", "-f=${Version}", "liburing2"]),
    }


def verdict(figure):
    bar, ambition, value = figure["bar"], figure["ambition"], figure["median"]
    if bar is None:
        return ""
    good = (lambda limit: value >= limit) if figure["higher_is_better"] else (
        lambda limit: value <= limit)
    if not good(bar):
        return "missed"
    return "ambition" if ambition is not None and good(ambition) else "bar"


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}".replace(",", " ") if abs(value) >= 100 else f"{value:.2f}"


def figure_rows(figures):
    yield "| figure | bar | ambition | measured | lowest to highest | runs | reached |"
    yield "|---|---|---|---|---|---|---|"
    for figure in figures:
        sign = "≥ " if figure["higher_is_better"] else "≤ "
        bar, ambition = (sign + number(figure[key]) if figure[key] is not None else ""
                         for key in ("bar", "ambition"))
        spread = f"{number(figure['low'])} to {number(figure['high'])}"
        yield (f"| {figure['name']} | {bar} | {ambition} | "
               f"**{number(figure['median'])}**{figure['unit']} | "
               f"{spread if figure['runs'] > 1 else ''} | {figure['runs']} | {verdict(figure)} |")


def pair_rows(pairs):
    yield ("| pair | CPU µs/request | of the peer | requests/s | of the peer | p99 µs "
           "| of the peer | clean runs (dropped) | other load, cores |")
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, pair in pairs.items():
        cpu, rate, p99 = (pair[k] for k in ("server_cpu_us_per_request", "rate", "p99_us"))
        yield (f"| {name} | {cpu['own']:.3f} | {cpu['peer']:.3f} | {number(rate['own'])} | "
               f"{number(rate['peer'])} | {number(p99['own'])} | {number(p99['peer'])} | "
               f"{pair['runs']} ({pair['dropped']}) | {pair['foreign_cores']:.2f} |")


def count_rows(counts):
    for name, found in counts.items():
        yield f"- {name}:"
        for key, value in found.items() if isinstance(found, dict) else enumerate(found, 1):
            if isinstance(value, dict):
                value = ", ".join(f"{k} {v:.2f}" for k, v in value.items() if v >= 0.005)
            else:
                value = number(value)
            yield f"  - {key}: {value}"


def write(results, directory):
    with open(os.path.join(directory, "results.json"), "w") as file:
        json.dump(results, file, indent=1, ensure_ascii=False)
        file.write("\n")
    lines = [INTRO, "## Figures", "", *figure_rows(results["figures"]), ""]
    lines += ["## Machine", ""]
    lines += [f"- {key}: {value}" for key, value in results["machine"].items()]
    settings = results["settings"]
    lines += [f"- {settings['runs']} runs of {settings['seconds']:g} s each, niceness"
              f" {settings['nice']}", "", *NOTES, ""]
    if results["pairs"]:
        lines += ["## Pairs", "", *pair_rows(results["pairs"]), ""]
    if results["counts"]:
        lines += ["## Counts", "", *count_rows(results["counts"]), ""]
    if results["missing"]:
        lines += ["## Not measured", "", *(f"- {line}" for line in results["missing"]), ""]
    with open(os.path.join(directory, "RESULTS.md"), "w") as file:
        file.write("\n".join(lines).rstrip("\n") + "\n")
