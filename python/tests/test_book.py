"""The page of the book about this package says what is true: its examples are run."""

import doctest
import os
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Book(unittest.TestCase):
    def test_examples_give_what_they_show(self):
        page = (ROOT / "book" / "src" / "python.md").read_text(encoding="utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        test = doctest.DocTestParser().get_doctest("".join(blocks), {}, "python.md", "python.md", 0)
        self.assertGreaterEqual(len(test.examples), 9)
        said = []
        before = os.getcwd()
        os.chdir(ROOT)
        try:
            results = doctest.DocTestRunner().run(test, out=said.append)
        finally:
            os.chdir(before)
        self.assertEqual(results.failed, 0, "".join(said))


if __name__ == "__main__":
    unittest.main()
