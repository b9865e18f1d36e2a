"""Markdown pages as the docs tests see them: headings, fenced blocks, links, code spans."""
import os
import re

ROOT = os.environ.get("FINACK_SOURCE_DIR") or os.path.abspath(
    os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
GENERATED = {"docs/endings.md", "docs/configuration.md", "docs/gateway-configuration.md",
             "docs/metrics.md"}
FENCE = re.compile(r"^```(\w*)[ \t]*$")


class Block:
    """A fenced block: its language ("" where none stands), first line number and text."""

    def __init__(self, page, language, line, text):
        self.page, self.language, self.line, self.text = page, language, line, text

    def where(self):
        return f"{self.page}:{self.line}"


class Page:
    """One page; `parts` are its prose (str) and Blocks in order."""

    def __init__(self, path):
        self.path = path
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            lines = file.read().split("\n")
        self.parts = []
        prose, block, language, first = [], None, "", 0
        for number, line in enumerate(lines, 1):
            fence = FENCE.match(line)
            if block is None and fence:
                self.parts.append("\n".join(prose))
                prose, block, language, first = [], [], fence[1], number + 1
            elif block is not None and line == "```":
                self.parts.append(Block(path, language, first, "\n".join(block)))
                block = None
            else:
                (prose if block is None else block).append(line)
        if block is not None:
            raise ValueError(f"{path}:{first}: the fenced block has no end")
        self.parts.append("\n".join(prose))

    def blocks(self, language=None):
        return [p for p in self.parts
                if isinstance(p, Block) and language in (None, p.language)]

    def prose(self):
        return "\n".join(p for p in self.parts if isinstance(p, str))

    def headings(self):
        """[(level, text)] in order."""
        return [(len(m[1]), m[2].strip())
                for m in re.finditer(r"^(#{1,6}) (.*)$", self.prose(), re.M)]

    def anchors(self):
        """Anchors as GitHub makes them."""
        found = set()
        for _, text in self.headings():
            text = re.sub(r"[`*]", "", text).lower()
            found.add(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
        return found

    def links(self):
        """Targets of links and images, in order; addresses of the web included."""
        text = re.sub(r"`[^`\n]*`", "", self.prose())
        return re.findall(r"\]\(([^)\s]+)\)", text)

    def spans(self):
        """Inline code."""
        return re.findall(r"`([^`\n]+)`", self.prose())


def written_pages():
    """The pages people write: README, ARCHITECTURE and what is in docs, generated ones left out."""
    paths = ["README.md", "README.zh-CN.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]
    for folder, _, files in os.walk(os.path.join(ROOT, "docs")):
        paths += [os.path.relpath(os.path.join(folder, f), ROOT)
                  for f in files if f.endswith(".md")]
    return [Page(path) for path in sorted(set(paths) - GENERATED)]


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()
