"""tools/cpp_scan.py: what it takes for a comment, a string and a function."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../tools"))
import cpp_scan  # noqa: E402


class Blank(unittest.TestCase):
    def test_keeps_lines_and_hides_braces(self):
        text = 'a = "{"; // {\n/* {\n{ */ b = \'{\'; c = R"x({)" {)x";\n#define M { \\\n  {\nd'
        clean = cpp_scan.blank(text)
        self.assertNotIn("{", clean)
        self.assertEqual(clean.count("\n"), text.count("\n"))
        self.assertEqual(len(clean), len(text))

    def test_digit_separators_are_no_characters(self):
        self.assertIn("{", cpp_scan.blank("int a = 1'000'000; {"))

    def test_comments_in_strings_are_none(self):
        found = list(cpp_scan.comments('auto a = "http://x"; // real\n/* // not */\n'))
        self.assertEqual(found, [(1, "// real")])


class Functions(unittest.TestCase):
    CASES = [
        ("int f() {\n  return 1;\n}\n", [("f", 1, 3)]),
        ("namespace a {\nvoid B::f(int x) const {\n  if (x) {\n  }\n}\n}\n", [("B::f", 2, 4)]),
        ("struct A {\n  int f() { return 1; }\n  int g();\n};\n", [("f", 2, 1)]),
        ("const int a[] = {1, 2,\n 3};\nvoid f() {}\n", [("f", 3, 1)]),
        ("TEST(Parser, ReadsOne) {\n  EXPECT_TRUE(true);\n}\n", [("Parser.ReadsOne", 1, 3)]),
        ("auto f = [](int a) {\n  return a;\n};\n", [("lambda", 1, 3)]),
        ("enum class A : int { a };\nextern \"C\" {\nvoid f() {\n}\n}\n", [("f", 3, 2)]),
        ("void f() {\n  auto g = [] {\n    return 1;\n  };\n}\n", [("f", 1, 5)]),
        ("A::A(int x)\n    : x_(x) {\n  go();\n}\n", [("A::A", 1, 4)]),
    ]

    def test_cases(self):
        for text, expected in self.CASES:
            with self.subTest(text=text):
                found = cpp_scan.functions(text)
                if expected[0][0] == "lambda":
                    found = [("lambda", *f[1:]) for f in found]
                self.assertEqual(found, expected)


if __name__ == "__main__":
    unittest.main()
