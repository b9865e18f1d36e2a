"""What the docs name exists: flags, causes, metrics, files, presets; and the twins say the same."""
import json
import os
import re
import subprocess
import unittest

import document

PAGES = document.written_pages()
OURS = re.compile(r"finack (demo|serve|check)\b")
FAMILIES = ("ok", "client", "timeout", "upstream", "policy", "app", "network", "kernel", "resource",
            "operator", "bug", "finding")
TOP_FOLDERS = ("src/", "include/", "tests/", "docs/", "tools/", "examples/", "bench/", "cmake/",
               "build/")


def reference(*arguments):
    return subprocess.run([os.environ["FINACK"], *arguments], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def without_comment(command):
    """A command as it runs: promises stay, words for the reader go."""
    promise = re.findall(r"exit \d+|ends as [\w.]+", command)
    return re.sub(r"\s+# .*$", "", command), promise


class Words(unittest.TestCase):
    def every(self, pattern, known, what, texts):
        for page in PAGES:
            for text in texts(page):
                for word in re.findall(pattern, text):
                    self.assertIn(word, known, f"{page.path}: no such {what}")

    def test_causes(self):
        known = set(re.findall(r"^### ([a-z]+\.\w+)$", reference("reference", "endings"), re.M))
        pattern = r"(?<![\w./-])((?:%s)\.[a-z]\w*[a-z0-9])(?![\w(])" % "|".join(FAMILIES)
        files = r"\.(?:h|cpp|md|json|jsonl|py|sh|get|post|use|run|monitor)$"

        def texts(page):
            for span in page.spans() + [b.text for b in page.blocks() if b.language != "cpp"]:
                yield " ".join(w for w in span.split() if not re.search(files, w))
        self.every(pattern, known, "cause or finding", texts)

    def test_metrics(self):
        known = set(re.findall(r"`(finack_\w+)`", reference("reference", "metrics")))
        known |= {f"{name}{part}" for name in known for part in ("_bucket", "_sum", "_count")}
        known |= {"finack_http_tests", "finack_net_tests"}
        targets = re.compile(r"finack_<\w+>")
        self.every(r"\b(finack_[a-z_]+[a-z])\b", known, "metric",
                   lambda p: [targets.sub("", t) for t in
                              p.spans() + [b.text for b in p.blocks()]])

    def test_flags(self):
        help_text = "".join(reference(c, "--help") for c in ("demo", "serve", "check"))
        known = set(re.findall(r"(--[a-z][a-z-]+)", help_text.replace("--[no-]", "--")))
        known |= {"--no-" + name for name in re.findall(r"--\[no-\]([a-z-]+)", help_text)}

        def texts(page):
            for span in page.spans():
                if span.startswith("--") or OURS.search(span) or span.startswith("./run"):
                    yield span
            for block in page.blocks("sh") + page.blocks("console"):
                for line in block.text.split("\n"):
                    wanted = "# exit 2" not in line  # that one is shown to be wrong
                    if wanted and (OURS.search(line) or line.startswith("./run")):
                        yield re.sub(r"\|.*| # .*", "", line)
        foreign = {"--fix"}  # of the house's own tools
        self.every(r"(?<![\w-])(--[a-z][a-z-]+)", known | foreign, "flag", texts)

    def test_files(self):
        for page in PAGES:
            for span in page.spans():
                path = re.sub(r":\d+$", "", span.split(" ")[0])
                if not path.startswith(TOP_FOLDERS) or path.startswith("build/"):
                    continue
                if re.search(r"[<>*{}…]", path):
                    continue
                self.assertTrue(os.path.exists(os.path.join(document.ROOT, path)),
                                f"{page.path}: no file {path}")

    def test_shown_commands(self):
        presets = {p["name"] for p in
                   json.loads(document.text_of("CMakePresets.json"))["configurePresets"]}
        for page in PAGES:
            for block in page.blocks("console"):
                for line in block.text.split("\n"):
                    for preset in re.findall(r"--preset (\w+)", line):
                        self.assertIn(preset, presets, block.where())
                    script = re.match(r"\./(\S+)", line)
                    if script:
                        self.assertTrue(os.access(os.path.join(document.ROOT, script[1]), os.X_OK),
                                        f"{block.where()}: {line}")

    def test_blocks_say_what_they_are(self):
        allowed = {"sh", "text", "console", "cpp", "json", "yaml", "ini", "cmake", "promql"}
        for page in PAGES:
            if page.path == "CONTRIBUTING.md":
                continue
            for block in page.blocks():
                self.assertIn(block.language, allowed, block.where())

    def test_json_blocks_are_json(self):
        for page in PAGES:
            for block in page.blocks("json"):
                json.loads(block.text)

    def test_yaml_blocks_are_taken(self):
        for page in PAGES:
            for block in page.blocks("yaml"):
                path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"finack_{os.getpid()}.yaml")
                with open(path, "w", encoding="utf-8") as file:
                    file.write(block.text + "\n")
                try:
                    command = "serve" if re.search("^routes:", block.text, re.M) else "demo"
                    done = subprocess.run(
                        [os.environ["FINACK"], command, "--config", path, "--print-config"],
                        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                    self.assertEqual(done.returncode, 0, f"{block.where()}: {done.stdout}")
                finally:
                    os.unlink(path)


class Links(unittest.TestCase):
    def test_links_lead_somewhere(self):
        for page in PAGES:
            for link in page.links():
                if re.match(r"https?:", link):
                    continue
                path, _, anchor = link.partition("#")
                target = os.path.normpath(os.path.join(os.path.dirname(page.path), path)) \
                    if path else page.path
                full = os.path.join(document.ROOT, target)
                self.assertTrue(os.path.exists(full), f"{page.path}: {link} leads nowhere")
                if anchor:
                    self.assertIn(anchor, document.Page(target).anchors(), f"{page.path}: {link}")

    def test_every_page_is_reachable(self):
        reached, wanted = set(), ["README.md"]
        while wanted:
            path = wanted.pop()
            if path in reached:
                continue
            reached.add(path)
            for link in document.Page(path).links():
                link = link.partition("#")[0]
                target = os.path.normpath(os.path.join(os.path.dirname(path), link))
                if link.endswith(".md") and os.path.isfile(os.path.join(document.ROOT, target)):
                    wanted.append(target)
        missing = {p.path for p in PAGES} | document.GENERATED
        self.assertEqual(missing - reached, set(), "no way leads there from README.md")


class Twins(unittest.TestCase):
    """README.md and README.zh-CN.md say the same."""

    def setUp(self):
        self.english = document.Page("README.md")
        self.chinese = document.Page("README.zh-CN.md")

    def test_headings(self):
        self.assertEqual([level for level, _ in self.english.headings()],
                         [level for level, _ in self.chinese.headings()])

    def test_commands_and_programs(self):
        for language in ("sh", "console", "cpp", "json", "cmake"):
            shown = [[[without_comment(line) for line in block.text.split("\n")]
                      for block in page.blocks(language)]
                     for page in (self.english, self.chinese)]
            self.assertEqual(shown[0], shown[1], language)

    def test_links(self):
        other = {"README.md": "README.zh-CN.md", "README.zh-CN.md": "README.md"}
        self.assertEqual([other.get(link, link) for link in self.english.links()],
                         self.chinese.links())

    def test_tables(self):
        rows = [re.findall(r"^\|(.*)\|$", page.prose(), re.M)
                for page in (self.english, self.chinese)]
        self.assertEqual(len(rows[0]), len(rows[1]))
        for left, right in zip(*rows):
            self.assertEqual(re.findall(r"`([^`]+)`", left), re.findall(r"`([^`]+)`", right))


if __name__ == "__main__":
    unittest.main(verbosity=2)
