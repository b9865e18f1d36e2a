#!/usr/bin/env python3
"""The tidy rules of the house: sizes, names, leftovers, dead files.

Usage: check_tidy.py [--root DIR]; exit status 0 fine, 1 findings, 2 wrong use.
"""
import argparse
import os
import re
import sys

import cpp_scan
import source_tree

COLUMNS = 100
FUNCTION_LINES = 70
HEADER, PUBLIC_HEADER, SOURCE, TEST = 200, 300, 600, 800
CODE = (".h", ".cpp", ".def", ".py", ".sh", ".cmake", ".go", ".js", ".ts", ".css", ".html")
CODE_NAMES = {"CMakeLists.txt", "run", "test"}
# Put together so that this file does not find itself.
BANNED_WORDS = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")
BANNED_TYPE = re.compile(r"\b(?:class|struct|enum)\s+(\w*(?:Manager|Helper|Util(?:s|ity)?))\b")
BANNED_FOLDERS = {"common", "util", "utils", "helper", "helpers", "misc"}
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:work|home|Users)/\w|(?<![\w.$}])/tmp/b-\w")
PROSE = re.compile(r"[A-Za-z']+[,:]? [a-z']+[,:]? [a-z']+ [a-z']+")
CODE_COMMENT = re.compile(
    r"^(?:#\s*(?:include|if|define)\b|return\b.*;$|[})]+;?$"
    r"|(?:if|for|while|switch)\s*\(.*[{;]$|[\w:<>*&, ]+\s[\w.>-]+\s*(?:=|\().*[;{]$"
    r"|[\w:.>-]+\s*(?:=|\().*;$)")


def is_code(path):
    return path.endswith(CODE) or os.path.basename(path) in CODE_NAMES or path == ".ci/run"


def line_limit(path):
    """The most lines a file may have; None for files without a limit."""
    if path.startswith(("tests/", "bench/")) and path.endswith((".h", ".cpp", ".py")):
        return TEST
    if path.endswith(".h"):
        return PUBLIC_HEADER if path.startswith("include/") else HEADER
    return SOURCE if path.endswith((".cpp", ".def", ".py")) else None


def check_text(path, text):
    """What holds for every text file."""
    if "\r" in text:
        yield 1, "carriage return: lines end with \\n"
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "no newline at the end of the file"
    if text.endswith("\n\n"):
        yield text.count("\n"), "empty lines at the end of the file"
    for number, line in enumerate(text.split("\n"), 1):
        if MACHINE_PATH.search(line):
            yield number, "a path of one machine"


def check_code(path, text, exceptions):
    """What holds for code in any language."""
    lines = text.split("\n")
    limit = line_limit(path)
    if limit and len(lines) - 1 > limit and not excused(f"{path}:file", exceptions):
        yield limit + 1, f"{len(lines) - 1} lines, {limit} are allowed"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS and not re.search(r"https?://\S{60}", line):
            yield number, f"{len(line)} columns, {COLUMNS} are allowed"
        if line.endswith((" ", "\t")) and "R\"" not in text:
            yield number, "white space at the end of the line"
        word = BANNED_WORDS.search(line)
        if word:
            yield number, f"{word[1]}: finish it or write an issue"
    for folder in path.split("/")[:-1]:
        if folder in BANNED_FOLDERS:
            yield 1, f"a folder named {folder} says nothing: name it by what it does"


def excused(name, exceptions):
    """Whether `name` may be longer; marks the exception as needed."""
    if name not in exceptions:
        return False
    exceptions[name] = True
    return True


def check_cpp(path, text, exceptions):
    """What holds for C++; uses up the exceptions it needs."""
    if path.endswith(".h"):
        if not re.search(r"^#pragma once$", text, re.M):
            yield 1, "no #pragma once"
    for match in BANNED_TYPE.finditer(cpp_scan.blank(text)):
        yield text.count("\n", 0, match.start()) + 1, f"{match[1]}: name it by what it does"
    if re.search(r"^[ \t]*#[ \t]*if[ \t]+0\b", text, re.M):
        yield 1, "#if 0: delete dead code, git remembers it"
    for number, comment in cpp_scan.comments(text):
        body = comment.lstrip("/<!").strip()
        if comment.startswith("///") or PROSE.search(body):
            continue
        if CODE_COMMENT.match(body):
            yield number, "commented-out code: delete it, git remembers it"
    for name, first, length in cpp_scan.functions(text):
        if length <= FUNCTION_LINES:
            continue
        if excused(f"{path}:{name}", exceptions):
            continue
        yield first, f"{name}: {length} lines, {FUNCTION_LINES} are allowed"


def read_exceptions(root):
    """{"path:function": used yet}; a line without a reason is a ValueError."""
    path = os.path.join(root, "tools/tidy_exceptions.txt")
    found = {}
    if not os.path.exists(path):
        return found
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith("#"):
                continue
            match = re.match(r"(\S+\.\w+:[\w:~.]+):\s+\S", line)
            if not match:
                raise ValueError(f"{path}:{number}: expected `path:function: why`")
            found[match[1]] = False
    return found


def globbed_by_cmake(path):
    """True for sources that the CMake files take up by their place alone."""
    return bool(re.match(r"src/\w+/\w+\.cpp$|tests/\w+/\w+_test\.cpp$|tests/support/\w+\.cpp$"
                         r"|tests/e2e/\w+/\w+\.cpp$|tests/fuzz/\w+\.cpp$|tests/fuzz/corpus/"
                         r"|tests/(?:house|e2e|docs)/\w+_test\.(?:py|sh)$", path))


def dead_files(texts):
    """Headers and tables nobody includes, sources no CMake file takes, scripts nobody names."""
    def named(name, among):
        pattern = re.compile(r"(?<![\w-])" + re.escape(name) + r"(?![\w-])")
        return any(pattern.search(text) for text in among)

    def glob_near(path):
        lists = texts.get(os.path.join(os.path.dirname(path), "CMakeLists.txt"), "")
        return re.search(r"GLOB[^)]*\*\." + path.rsplit(".", 1)[1], lists)

    for path in texts:
        name = os.path.basename(path)
        if globbed_by_cmake(path) or "/testdata/" in path:
            continue
        others = [t for p, t in texts.items() if p != path]
        if path.endswith((".h", ".def")):
            tail = re.sub(r"^(?:src|include|tests)/", "", path)
            if not any(re.search(r"#\s*include\s*[<\"](?:\S*/)?" + re.escape(end) + r"[>\"]", t)
                       for t in others for end in (tail, name)):
                yield path, "dead: no file includes it"
        elif path.endswith((".cpp", ".py", ".sh", ".cmake")):
            stem = name.rsplit(".", 1)[0]
            if not named(name, others) and not named(stem, others) and not glob_near(path):
                yield path, "dead: nothing builds, runs or names it"


def check(root):
    """Every finding, as `file:line: what is wrong`."""
    exceptions = read_exceptions(root)
    findings, code = [], {}
    for path in source_tree.list_files(root):
        text = source_tree.read_text(root, path)
        if text is None or "/corpus/" in path or "/testdata/" in path:
            continue
        checks = list(check_text(path, text))
        if is_code(path):
            code[path] = text
            checks += check_code(path, text, exceptions)
        if source_tree.is_cpp(path):
            checks += check_cpp(path, text, exceptions)
        findings += [f"{path}:{number}: {what}" for number, what in checks]
    findings += [f"{path}:1: {what}" for path, what in dead_files(code)]
    findings += [f"tools/tidy_exceptions.txt:1: {name} needs no exception"
                 for name, used in exceptions.items() if not used]
    return findings


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--root", default=os.path.dirname(here))
    args = parser.parse_args()
    try:
        findings = check(args.root)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for finding in findings:
        print(finding)
    print(f"tidy: {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
