"""Runs every ```sh block of the docs, command by command, against a server where one is needed.

A command may say in a comment at its end what it promises, parts separated by `;`:
  # exit 28                        its exit status, 0 where nothing is said
  # ends as client.left_waiting    a record with that cause (or finding) appears
A ```text block that follows at once shows what the block prints: each of its lines occurs, `…`
standing for anything. A line `finack demo …`, `./run demo …` or `finack serve …` without --help
and the like is a server: it runs until the page ends, or starts another one of its kind or a demo
on the usual port. Ports 8080 to 8082, 9090 and 9091 are replaced by free ones; `$SERVER_PID` is the
server that was started last.

What a slow machine may do: a command that only reads what the server wrote (grep, wc, the metrics)
is repeated until it gives what is promised; one whose client gives up after a time (curl -m) is
repeated when that time was over before the client had got as far as the page says.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import demo_server
import document

LIMIT_SECONDS = 120
RECORD_SECONDS = 10
ATTEMPTS = 6
READER = re.compile(r"^(grep|wc)\b|^curl [^|;&]*/metrics\b")
IMPATIENT = re.compile(r"^curl\b.* -m [0-9.]+ ")
SERVER = re.compile(r"^(build/release/finack (demo|serve)|\./run demo)\b"
                    r"(?!.*(--help|--print-config|# exit))")
PROMISE = re.compile(r"\s+#\s*(.*)$")


def commands(text):
    """Commands of a block; one may go on after a backslash, or inside a here-document."""
    lines = iter(text.split("\n"))
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        command = line
        here = re.search(r"<<\s*'?(\w+)'?", line)
        while here and not command.endswith("\n" + here[1]):
            command += "\n" + next(lines)
        while command.endswith("\\"):
            command = command[:-1] + next(lines).lstrip()
        yield command


def promises(command):
    """(command without its comment, exit status, causes)"""
    first = command.split("\n")[0]
    comment = PROMISE.search(first)
    if not comment:
        return command, 0, []
    status = re.search(r"\bexit (\d+)", comment[1])
    causes = re.findall(r"ends as ([\w.]+)", comment[1])
    rest = command[len(first):]
    return first[:comment.start()] + rest, int(status[1]) if status else 0, causes


def line_pattern(line):
    return ".*".join(re.escape(part.strip()) for part in line.split("…"))


class Runner:
    """Runs the commands of one page in one folder."""

    def __init__(self, page, case):
        self.page, self.case = page, case
        self.server = None  # the one that was started last
        self.servers = {}   # by their kind
        self.folder = tempfile.mkdtemp(prefix="finack_docs_")
        self.ports = demo_server.Ports()
        os.makedirs(os.path.join(self.folder, "build/release"))
        os.symlink(os.environ["FINACK"], os.path.join(self.folder, "build/release/finack"))
        # The real one builds first.
        with open(os.path.join(self.folder, "run"), "w", encoding="ascii") as run:
            run.write('#!/bin/bash\nexec build/release/finack "$@"\n')
        os.chmod(run.name, 0o755)
        for name in ("docs", "examples", "tools", "include", "README.md"):
            os.symlink(os.path.join(document.ROOT, name), os.path.join(self.folder, name))
        self.environment = {k: v for k, v in os.environ.items()
                            if not k.startswith("FINACK_") and not k.lower().endswith("_proxy")}
        # No configuration of curl from the home folder.
        self.environment.update(self.ports.environment(), LC_ALL="C.UTF-8", CURL_HOME=self.folder,
                                HOME=self.folder)

    def close(self):
        for kind in list(self.servers):
            self.stop_server(kind)
        shutil.rmtree(self.folder)

    def stop_server(self, kind):
        if kind in self.servers:
            self.servers.pop(kind).stop()

    def start_server(self, command):
        kind = demo_server.KIND.search(command)[1]
        alone = kind == "demo" and "--listen" not in command
        for other in list(self.servers) if alone else [kind]:
            self.stop_server(other)
        self.server = self.servers[kind] = demo_server.DemoServer(
            command, self.folder, self.environment, self.ports)
        self.environment["SERVER_PID"] = str(self.server.process.pid)

    def run_block(self, block, expected):
        output = ""
        asked = list(commands(block.text))
        for number, command in enumerate(asked, 1):
            last = number == len(asked)
            output += self.run_command(block, command, expected if last else None, output)
        missing = self.missing(expected, output)
        self.case.assertEqual(missing, [], f"{block.where()}: not printed by this block:\n{output}")

    def missing(self, expected, output):
        """The lines that a block promises to print and has not printed."""
        lines = expected.text.split("\n") if expected else []
        return [line for line in lines if line.strip(" …") and
                not re.search(line_pattern(self.ports.substitute(line)), output)]

    def run_command(self, block, command, expected, before):
        where = f"{block.where()}: {command}"
        is_server = SERVER.match(command)
        command, status, causes = promises(command)
        if is_server:
            self.start_server(self.ports.substitute(command))
            return self.server.errors()
        needs_server = re.search("127.0.0.1:|SERVER_PID|records.jsonl", command)
        if self.server is None and needs_server:
            self.start_server("build/release/finack demo")
        command = self.ports.substitute(command)
        if READER.match(command):
            return self.read(where, command, status, expected, before)
        for attempt in range(ATTEMPTS if IMPATIENT.match(command) else 1):
            if self.server is not None:
                self.server.new_records()
            returned, output = self.bash(where, command)
            self.case.assertEqual(returned, status, f"{where}\n{output}")
            absent = [c for c in causes if self.server.wait_for_cause(c, RECORD_SECONDS) is None]
            if not absent:
                return output
        self.case.fail(f"{where}: no record says {absent} after {attempt + 1} attempts; the last "
                       f"ones are {[r.get('cause') for r in self.server.all_records()[-4:]]}")

    def read(self, where, command, status, expected, before):
        """Repeats the command until it ends and prints as promised, or time is up."""
        end = time.monotonic() + RECORD_SECONDS
        while True:
            returned, output = self.bash(where, command)
            kept = returned == status and not self.missing(expected, before + output)
            if kept or time.monotonic() >= end:
                self.case.assertEqual(returned, status, f"{where}\n{output}")
                return output
            time.sleep(0.05)

    def bash(self, where, command):
        """(exit status, what it printed)"""
        try:
            done = subprocess.run(["bash", "-c", "set -o pipefail; " + command], cwd=self.folder,
                                  env=self.environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.case.fail(f"{where}: still running after {LIMIT_SECONDS} s")
        return done.returncode, done.stdout.decode("utf-8", "replace")


def test_of(page):
    def run(self):
        runner = Runner(page, self)
        try:
            for here, after in zip(page.parts, page.parts[1:] + [""]):
                if not isinstance(here, document.Block) or here.language != "sh":
                    continue
                position = page.parts.index(here)
                following = page.parts[position + 2:position + 3]
                told = isinstance(after, str) and not after.strip() and following
                expected = following[0] if told and following[0].language == "text" else None
                runner.run_block(here, expected)
        finally:
            runner.close()
    return run


class Commands(unittest.TestCase):
    def test_promises_are_read(self):
        self.assertEqual(promises("curl -m 1 x  # exit 28; ends as client.silent"),
                         ("curl -m 1 x", 28, ["client.silent"]))
        self.assertEqual(list(commands("a \\\n  b\n\n# c\nd <<'E'\n1\nE\ne")),
                         ["a b", "d <<'E'\n1\nE", "e"])

    def test_a_broken_promise_fails(self):
        block = document.Block("x.md", "sh", 1, "false")
        runner = Runner(document.Page("README.md"), self)
        self.addCleanup(runner.close)
        with self.assertRaises(AssertionError):
            runner.run_block(block, None)
        block.text = "echo one"
        runner.run_block(block, document.Block("x.md", "text", 3, "o…e"))
        with self.assertRaises(AssertionError):
            runner.run_block(block, document.Block("x.md", "text", 3, "two"))


for each in document.written_pages():
    if each.blocks("sh"):
        name = re.sub(r"\W", "_", each.path.removesuffix(".md"))
        setattr(Commands, "test_" + name, test_of(each))

if __name__ == "__main__":
    if "FINACK" not in os.environ:
        sys.exit("error: FINACK must name the finack command")
    unittest.main(verbosity=2)
