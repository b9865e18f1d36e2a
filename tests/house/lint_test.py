"""tools/lint.py: a file of a batch has the findings that it has alone, and only those."""
import os
import shutil
import unittest

from fixture import TOOLS, TreeTest
import lint

CLEAN = """namespace {{
int own(int value) {{ return value + {n}; }}
}}  // namespace
int clean_{n}(int value) {{ return own(value); }}
"""
DISTINCT = "int distinct_{n}(int value) {{ return value + {n}; }}\n"
# Of the kinds that a batch could hide: about a name of the file, a body, a declaration.
MOVED = """#include <string>
#include <utility>
std::string moved(std::string text) {
  std::string taken = std::move(text);
  return taken + text;
}
"""
COPIED = "#include <string>\nint copied(const std::string text) { return text.empty() ? 1 : 0; }\n"
ALIASED = "namespace far { int x(); }\nnamespace alias = far;\n"
OPTIONS = ("-std=c++20",)


class Batches(TreeTest):
    def setUp(self):
        for tool in (lint.TIDY, lint.CPPCHECK):
            if not shutil.which(tool):
                self.skipTest(f"{tool} is missing")
        super().setUp()
        self.write("build/lint/compile_flags.txt", "\n".join(OPTIONS))
        shutil.copy(os.path.join(TOOLS, "../.clang-tidy"), self.root)

    def put(self, number, text):
        path = f"src/a/f{number}.cpp"
        self.write(path, text)
        return path

    def failed(self, texts):
        paths = [self.put(n, text) for n, text in enumerate(texts)]
        verdicts = lint.check_batch(self.root, paths, OPTIONS)
        self.assertEqual([path for path, _, _ in verdicts], paths)
        for _, bad, said in verdicts:
            self.assertEqual(bad, bool(said))
        return [n for n, (_, bad, _) in enumerate(verdicts) if bad]

    def test_clean_files_are_clean_together(self):
        self.assertEqual(self.failed([DISTINCT.format(n=n) for n in range(3)]), [])

    def test_two_files_may_use_one_name(self):
        self.assertEqual(self.failed([CLEAN.format(n=n) for n in range(3)]), [])

    def test_the_file_with_a_finding_is_the_one_that_is_named(self):
        for planted in (MOVED, COPIED):
            with self.subTest(planted):
                self.assertEqual(self.failed([DISTINCT.format(n=0), planted]), [1])

    def test_a_finding_among_files_that_share_a_name(self):
        self.assertEqual(self.failed([CLEAN.format(n=0), CLEAN.format(n=1), MOVED]), [2])

    def test_a_file_with_an_alias_answers_alone(self):
        files = {self.put(n, text): OPTIONS for n, text in
                 enumerate((DISTINCT.format(n=0), ALIASED, DISTINCT.format(n=2)))}
        found = lint.batches(self.root, files, files)
        self.assertEqual(sorted(len(paths) for paths, _ in found), [1, 2])
        bad = [path for batch in found for path, bad, _ in lint.check_batch(self.root, *batch)
               if bad]
        self.assertEqual(bad, ["src/a/f1.cpp"])

    def test_what_cppcheck_finds_is_found(self):
        index = "int beyond() {\n  int few[2] = {1, 2};\n  return few[3];\n}\n"
        self.assertEqual(self.failed([DISTINCT.format(n=0), index]), [1])


class Commands(TreeTest):
    def test_a_command_without_its_compiler_source_and_output(self):
        entry = {"command": "env X=y ccache /usr/bin/clang++-19 -DA='\"b\"' -Isrc -o a.o -c a.cpp"}
        self.assertEqual(lint.flags(entry), ('-DA="b"', "-Isrc"))

    def test_batches_hold_what_is_compiled_alike(self):
        compiled = {f"src/{n}.cpp": ("-Dodd",) if n % 2 else () for n in range(2 * lint.BATCH + 2)}
        for path in compiled:
            self.write(path, CLEAN.format(n=0))
        found = lint.batches(self.root, compiled, compiled)
        self.assertEqual(sorted(p for paths, _ in found for p in paths), sorted(compiled))
        for paths, options in found:
            self.assertLessEqual(len(paths), lint.BATCH)
            self.assertTrue(all(compiled[path] == options for path in paths))


if __name__ == "__main__":
    unittest.main()
