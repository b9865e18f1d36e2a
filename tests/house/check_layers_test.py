"""tools/check_layers.py: each rule finds its breach, and nothing in a clean tree."""
import os
import unittest

from fixture import TreeTest
import check_layers

TABLE = "base:\nnet: base\nhttp: base\ncli: all\n"


class Layers(TreeTest):
    def check(self, table=TABLE):
        self.write("tools/layers.txt", table)
        layers = check_layers.read_layers(os.path.join(self.root, "tools/layers.txt"))
        return check_layers.check(self.root, layers)

    def test_clean_tree(self):
        self.write("include/finack/base/fd.h", "#include <unistd.h>\n#include <vector>\n")
        self.write("src/net/loop.h", '#include "finack/base/fd.h"\n')
        self.write("src/net/loop.cpp", '#include "net/loop.h"\n#include <finack/base/fd.h>\n')
        self.write("src/cli/main.cpp", '#include "net/loop.h"\n')
        self.assert_found(self.check())

    def test_tables_are_included_like_headers(self):
        self.write("include/finack/base/words.def", "WORD(a)\n")
        self.write("src/net/a.cpp", '#include "finack/base/words.def"\n#include "net/b.def"\n')
        self.assert_found(self.check(), ("src/net/a.cpp:2:", "leads nowhere"))

    def test_forbidden_edge(self):
        self.write("src/net/loop.h", "\n")
        self.write("src/http/parser.cpp", '\n  #  include "net/loop.h"\n')
        self.assert_found(self.check(), ("src/http/parser.cpp:2:", "http must not include net"))

    def test_angle_brackets_do_not_hide_an_edge(self):
        self.write("include/finack/net/a.h", "\n")
        self.write("src/http/parser.cpp", "#include <finack/net/a.h>\n")
        self.assert_found(self.check(), ("src/http/parser.cpp:1:", "http must not include net"))

    def test_unknown_layer(self):
        self.write("src/misc/a.cpp", "\n")
        self.assert_found(self.check(), ("src/misc/a.cpp:1:", "unknown layer misc"))

    def test_file_outside_a_layer(self):
        self.write("src/a.cpp", "\n")
        self.assert_found(self.check(), ("src/a.cpp:1:", "folder of a layer"))

    def test_include_that_leads_nowhere(self):
        self.write("src/net/a.cpp", '#include "loop.h"\n#include <finack/base/none.h>\n')
        self.assert_found(self.check(), ("src/net/a.cpp:1:", "leads nowhere"),
                          ("src/net/a.cpp:2:", "leads nowhere"))

    def test_installed_header_reaches_inside(self):
        self.write("src/net/loop.h", "\n")
        self.write("include/finack/net/a.h", '#include "net/loop.h"\n')
        self.assert_found(self.check(), ("include/finack/net/a.h:1:", "internal src/net/loop.h"))

    def test_cycle_among_files(self):
        self.write("src/net/a.h", '#include "net/b.h"\n')
        self.write("src/net/b.h", '#include "net/c.h"\n')
        self.write("src/net/c.h", '#include "net/a.h"\n')
        self.assert_found(self.check(), (
            "src/net/a.h:1:", "src/net/a.h -> src/net/b.h -> src/net/c.h -> src/net/a.h"))

    def test_the_facade_header_belongs_to_app(self):
        self.assertEqual(check_layers.layer_of("include/finack/finack.h"), "app")

    def test_broken_tables(self):
        for table, part in (("base\n", ":1:"), ("a:\na:\n", ":2:"), ("a: b\n", "no layer"),
                            ("a: b\nb: a\n", "a -> b -> a")):
            with self.subTest(table=table), self.assertRaisesRegex(ValueError, part):
                self.check(table)


class TheTable(unittest.TestCase):
    """The edges that ARCHITECTURE.md forbids on purpose stay forbidden."""

    def test_forbidden_on_purpose(self):
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
        layers = check_layers.read_layers(os.path.join(root, "tools/layers.txt"))
        for layer, other in (("http", "net"), ("net", "http"), ("server", "route"),
                             ("route", "server"), ("server", "sinks"), ("watch", "server")):
            self.assertNotIn(other, layers[layer])
        self.assertFalse([name for name, allowed in layers.items() if "cli" in allowed])


if __name__ == "__main__":
    unittest.main()
