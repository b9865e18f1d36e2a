"""tools/check_tidy.py: each rule finds its breach, and nothing in a clean tree."""
import os
import shutil
import unittest

from fixture import TreeTest
import check_tidy

HEADER = "#pragma once\n\nint f();\n"
SOURCE = '#include "net/a.h"\n'


class Tidy(TreeTest):
    def found_in(self, path, text, *expected, others=None):
        """path with this text, in a fresh tree that is clean otherwise."""
        for name in os.listdir(self.root):
            shutil.rmtree(os.path.join(self.root, name))
        for other, content in (others or {}).items():
            self.write(other, content)
        self.write("src/net/a.h", HEADER)
        self.write("src/net/a.cpp", SOURCE)
        self.write(path, text)
        self.assert_found(check_tidy.check(self.root), *[(f"{path}:{n}:", p) for n, p in expected])

    def test_clean_tree(self):
        self.found_in("src/net/b.cpp", "// Why this is here; nothing more (see RFC 9112).\n")

    def test_sizes(self):
        for path, limit in (("src/net/b.cpp", 600), ("tests/net/b_test.cpp", 800),
                            ("tools/b.py", 600)):
            self.assertEqual(check_tidy.line_limit(path), limit)
        self.assertEqual(check_tidy.line_limit("src/net/b.h"), 200)
        self.assertEqual(check_tidy.line_limit("include/finack/net/b.h"), 300)
        self.assertIsNone(check_tidy.line_limit("docs/b.md"))
        self.found_in("src/net/b.cpp", "\n" * 600 + "int b;\n", (601, "601 lines, 600"))
        self.found_in("src/net/b.cpp", "\n" * 599 + "int b;\n")

    def test_columns_are_characters(self):
        self.found_in("src/net/b.cpp", "// " + "é" * 97 + "\n")
        self.found_in("src/net/b.cpp", "// " + "é" * 98 + "\n", (1, "101 columns"))

    def test_text_files(self):
        self.found_in("docs/b.md", "a\r\nb\n", (1, "carriage return"))
        self.found_in("docs/b.md", "a", (1, "no newline"))
        self.found_in("docs/b.md", "a\n\n", (2, "empty lines"))
        self.found_in("docs/b.md", "see /ho" + "me/me/finack\n", (1, "one machine"))
        self.found_in("docs/b.md", "GET /work and ${root}/work/x\n")

    def test_banned_words(self):
        for word in ("TO" + "DO", "FIX" + "ME", "X" * 3):
            self.found_in("src/net/b.cpp", f"// {word}: later\n", (1, word))
        self.found_in("src/net/b.cpp", 'auto a = "fileX' + 'XXXXX";\n')

    def test_banned_names(self):
        for name in ("PoolManager", "HttpUtils", "TestHelper"):
            self.found_in("src/net/b.cpp", f"struct {name} {{}};\n", (1, name))
        self.found_in("src/net/b.cpp", "struct Utilisation {};\n// class PoolManager\n")

    def test_banned_folder(self):
        self.found_in("src/utils/b.cpp", "int b;\n", (1, "folder named utils"))

    def test_commented_out_code(self):
        for line in ("// return a;", "// foo(a, b);", "// if (a) {", "// int b = c;", "//}",
                     "// #include <vector>", "// std::string s(a);"):
            self.found_in("src/net/b.cpp", line + "\n", (1, "commented-out"))
        for line in ("// The peer may send (and often does) nothing;", "// RFC 9110 15.2.1",
                     "// one of fin, rst;", "/// f(a);"):
            self.found_in("src/net/b.cpp", line + "\n")
        self.found_in("src/net/b.cpp", "#if 0\n#endif\n", (1, "#if 0"))

    def test_function_length(self):
        long = "void f() {\n" + "  go();\n" * 69 + "}\n"
        self.found_in("src/net/b.cpp", long, (1, "f: 71 lines"))
        self.found_in("src/net/b.cpp", long.replace("  go();\n", "", 1))

    def test_exceptions(self):
        long = "void f() {\n" + "  go();\n" * 69 + "}\n"
        table = "# why\nsrc/net/b.cpp:f: a switch over bytes\n"
        self.found_in("src/net/b.cpp", long, others={"tools/tidy_exceptions.txt": table})
        self.write("src/net/b.cpp", "int b;\n")
        self.assert_found(check_tidy.check(self.root),
                          ("tools/tidy_exceptions.txt:1:", "needs no exception"))
        self.write("tools/tidy_exceptions.txt", "src/net/b.cpp:f\n")
        with self.assertRaisesRegex(ValueError, ":1:"):
            check_tidy.check(self.root)

    def test_pragma_once(self):
        self.found_in("src/net/b.h", "int b;\n", (1, "#pragma once"),
                      others={"src/net/b.cpp": '#include "net/b.h"\n'})

    def test_dead_files(self):
        self.found_in("src/net/b.h", HEADER, (1, "dead"))
        self.found_in("tests/net/b.cpp", "int b;\n", (1, "dead"))
        self.found_in("tools/b.py", "b = 1\n", (1, "dead"))

    def test_files_that_are_named_live(self):
        lists = {"bench/limit/CMakeLists.txt": "add_executable(limit epoll.cpp)\n"}
        self.found_in("bench/limit/epoll.cpp", "int b;\n", others=lists)
        self.found_in("tools/b.py", "b = 1\n", others={"tools/c.sh": "python3 tools/b.py\n",
                                                      "run/test": "tools/c.sh\n"})


if __name__ == "__main__":
    unittest.main()
