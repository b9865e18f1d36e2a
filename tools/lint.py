#!/usr/bin/env python3
"""clang-tidy and cppcheck over src/, in parallel, remembering what was clean.

A file is checked again when it, a header of ours that it reaches, or the rules have changed.
Most of clang-tidy's time goes into headers that all files share, so it is given files of one layer
as one. A batch about which it has anything to say, if only that two files use one name, is halved
until each file answers for itself.
Usage: lint.py [--root DIR] [--jobs N] [FILE...]; exit status 0 clean, 1 findings, 2 wrong use.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import check_layers
import source_tree

TIDY, CPPCHECK = "clang-tidy-19", "cppcheck"
BATCH = 6
# A batch is a file that includes sources: of this one check that is the finding.
BATCH_CHECKS = "--checks=-bugprone-suspicious-include"
# misc-unused-alias-decls looks only at the file it is started with.
ALONE = re.compile(r"^\s*namespace \w+ =", re.MULTILINE)
# The system's headers are g++'s affair; cppcheck does not need them.
CPPCHECK_FLAGS = [
    "--enable=warning,performance,portability", "--inline-suppr", "--std=c++20", "--quiet",
    "--error-exitcode=1", "--suppress=missingIncludeSystem", "--suppress=syntaxError",
    "--suppress=internalAstError", "--suppress=noExplicitConstructor", "--template=gcc",
    "-DBOOST_DESCRIBE_STRUCT(type,bases,members)="]


def reach(path, includes, seen):
    """path and every project file that it includes, directly or not."""
    if path not in seen:
        seen.add(path)
        for other in includes.get(path, ()):
            reach(other, includes, seen)
    return seen


def include_graph(root, files):
    known, graph = set(files), {}
    for path in files:
        text = source_tree.read_text(root, path) or ""
        matches = (check_layers.INCLUDE.match(line) for line in text.split("\n"))
        found = (check_layers.resolve(match[2], known) for match in matches if match)
        graph[path] = [f for f in found if f]
    return graph


def digest(root, paths, rules):
    """What the verdict on a file rests on."""
    value = hashlib.sha256(rules)
    for path in sorted(paths):
        value.update(path.encode())
        with open(os.path.join(root, path), "rb") as file:
            value.update(file.read())
    return value.hexdigest()


def configure(root):
    """The compile commands clang-tidy reads: the lint preset, configured and never built."""
    done = subprocess.run(["cmake", "--preset", "lint"], cwd=root, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
        sys.exit(2)
    commands = os.path.join(root, "build/lint/compile_commands.json")
    with open(commands, encoding="utf-8") as file:
        return {os.path.relpath(entry["file"], root): flags(entry) for entry in json.load(file)}


def flags(entry):
    """The options of a compile command, without the compiler, the source and the output."""
    words = shlex.split(entry["command"])
    output, source = words.index("-o"), words.index("-c")
    first = next(i for i, word in enumerate(words) if os.path.basename(word).startswith("clang"))
    return tuple(word for i, word in enumerate(words)
                 if i > first and i not in (output, output + 1, source, source + 1))


def run(command, root):
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    lines = [line for line in (done.stdout + done.stderr).split("\n")
             if not re.match(r"\d+ warnings? |Suppressed |Use -header-filter", line)]
    return done.returncode, "\n".join(lines).strip()


def check_file(root, path):
    """(path, failed, what was said) of both tools on one file."""
    tidy = run([TIDY, "--quiet", "-p", "build/lint", path], root)
    cpp = cppcheck(root, path)
    said = "\n".join(text for code, text in (tidy, cpp) if code and text)
    return path, bool(tidy[0] or cpp[0]), said


def cppcheck(root, path):
    return run([CPPCHECK, *CPPCHECK_FLAGS, "-Isrc", "-Iinclude", path], root)


def check_batch(root, paths, options):
    """What check_file says of each of the files, which are compiled with the same options."""
    if len(paths) == 1:
        return [check_file(root, paths[0])]
    name = hashlib.sha256(" ".join(paths).encode()).hexdigest()[:16]
    source = os.path.join(root, "build/lint", f"batch_{name}.cpp")
    with open(source, "w", encoding="utf-8") as file:
        file.writelines(f'#include "{os.path.join(root, path)}"\n' for path in paths)
    code, said = run([TIDY, "--quiet", BATCH_CHECKS, source, "--", *options], root)
    os.remove(source)
    if code or said:
        middle = len(paths) // 2
        return (check_batch(root, paths[:middle], options) +
                check_batch(root, paths[middle:], options))
    verdicts = [(path, *cppcheck(root, path)) for path in paths]
    return [(path, bool(code), said) for path, code, said in verdicts]


def batches(root, todo, compiled):
    """Files with the same options, at most BATCH at a time, as (paths, options)."""
    groups = {}
    for path in todo:
        options = compiled.get(path, ())
        alone = path not in compiled or ALONE.search(source_tree.read_text(root, path) or "")
        groups.setdefault((options, path if alone else ""), []).append(path)
    return [(group[i:i + BATCH], options) for (options, _), group in groups.items()
            for i in range(0, len(group), BATCH)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--root", default=os.path.dirname(here))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*", help="only these sources; all of src otherwise")
    args = parser.parse_args()
    for tool in (TIDY, CPPCHECK):
        if not shutil.which(tool):
            print(f"error: {tool} is missing: tools/install_packages.sh", file=sys.stderr)
            return 2
    root = os.path.abspath(args.root)
    compiled = configure(root)
    files = [f for f in source_tree.list_files(root)
             if f.endswith((".h", ".cpp", ".def")) and f.startswith(("src/", "include/"))]
    graph = include_graph(root, files)
    with open(os.path.join(root, ".clang-tidy"), "rb") as file:
        rules = file.read() + " ".join(CPPCHECK_FLAGS).encode()
    clean = os.path.join(root, "build/lint/clean")
    os.makedirs(clean, exist_ok=True)
    marks = {}
    for path in args.files or [f for f in files if f in compiled]:
        mark = os.path.join(clean, digest(root, reach(path, graph, set()), rules))
        if not os.path.exists(mark):
            marks[path] = mark
    bad = done = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        answers = [pool.submit(check_batch, root, *batch)
                   for batch in batches(root, marks, compiled)]
        for answer in concurrent.futures.as_completed(answers):
            for path, failed, said in answer.result():
                done += 1
                print(f"[{done}/{len(marks)}] {path}{': findings' if failed else ''}", flush=True)
                if failed:
                    bad += 1
                    print(said, flush=True)
                else:
                    with open(marks[path], "w", encoding="utf-8"):
                        pass
    print(f"lint: {bad} of {len(marks)} checked files have findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
