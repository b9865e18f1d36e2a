"""Compiles every ```cpp block of the docs against the installed headers.

A block that includes something is a whole file. Any other one is the inside of a function that has
`finack::Engine& app`; those of one page are compiled together.
"""
import os
import subprocess
import tempfile
import unittest

import document

FLAGS = ["-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused"]
HEAD = """#include <finack/finack.h>
#include <chrono>
#include <iostream>
#include <string>
using namespace std::chrono_literals;
"""


def as_file(page):
    """The blocks of a page that are no whole file, as one; "" when there is none."""
    text = ""
    for number, block in enumerate(page.blocks("cpp")):
        if "#include" in block.text:
            continue
        text += (f"void fragment_{number}([[maybe_unused]] finack::Engine& app) {{\n"
                 f'#line {block.line} "{page.path}"\n{block.text}\n}}\n')
    return HEAD + text if text else ""


class Cpp(unittest.TestCase):
    def compile(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".cpp", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            compiler = os.environ.get("CXX", "g++")
            include = os.path.join(document.ROOT, "include")
            return subprocess.run([compiler, *FLAGS, "-I", include, file.name],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def assert_compiles(self, text):
        done = self.compile(text)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_wrong_name_is_found(self):
        self.assertNotEqual(self.compile(HEAD + "int f(finack::Context& c) { c.no_such(); }\n")
                            .returncode, 0)

    def test_fragments(self):
        for page in document.written_pages():
            text = as_file(page)
            if text:
                with self.subTest(page.path):
                    self.assert_compiles(text)

    def test_whole_files(self):
        seen = set()
        for page in document.written_pages():
            for block in page.blocks("cpp"):
                if "#include" in block.text and block.text not in seen:
                    seen.add(block.text)
                    with self.subTest(block.where()):
                        self.assert_compiles(f'#line {block.line} "{page.path}"\n{block.text}\n')
        self.assertTrue(seen, "README.md shows at least one program")


if __name__ == "__main__":
    unittest.main(verbosity=2)
