"""A small source tree in a temporary folder, for the tests of the checkers."""
import os
import shutil
import sys
import tempfile
import unittest

TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools")
sys.path.insert(0, TOOLS)


class TreeTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="finack_house_")
        self.addCleanup(shutil.rmtree, self.root)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8", newline="") as file:
            file.write(text)

    def assert_found(self, findings, *expected):
        """Every expected (start, part of the rest) is a finding, and nothing else is."""
        self.assertEqual(len(findings), len(expected), findings)
        for start, part in expected:
            self.assertTrue(any(f.startswith(start) and part in f for f in findings),
                            f"no {start} … {part} in {findings}")
