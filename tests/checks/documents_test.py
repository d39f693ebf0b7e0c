"""What documents.py takes for a program, and when it runs it."""

import tempfile
import unittest
from pathlib import Path

import documents

DOCUMENT = """# Title
```cpp
int main() {}
```
<!-- run -->

```cpp
// second
int main() {}
```
```cpp
a_fragment();
```
<!-- run: expect output -->
```cpp
int main() {}  // third
```
It prints
```text
out
```
```sh
int main
```
```python
fragment(context)
```
<!-- run: until a batch -->
```python
ssc = StreamingContext(sc, 1)
```
<!-- run -->
```python
def test_it():
    pass
```
"""


class DocumentsTest(unittest.TestCase):
    def test_programs(self):
        self.assertEqual(list(documents.programs(DOCUMENT, "x.md")), [
            ("cpp", 3, "int main() {}\n", "", None),
            ("cpp", 8, "// second\nint main() {}\n", documents.RUN, None),
            ("cpp", 16, "int main() {}  // third\n", documents.RUN_AND_COMPARE, "out\n"),
            ("python", 30, "ssc = StreamingContext(sc, 1)\n", documents.RUN_UNTIL_BATCH, None),
            ("python", 34, "def test_it():\n    pass\n", documents.RUN, None),
        ])

    def test_refused(self):
        program = "```cpp\nint main() {}\n```\n"
        for text in ("<!-- run: expect output -->\n" + program,  # and nothing is shown
                     "<!-- run it -->\n" + program,
                     "<!-- run -->\n```cpp\nno_program();\n```\n",
                     "```python\nsc = SparkContext()\n```\n"):  # that it is run is not said
            with self.assertRaises(SystemExit):
                list(documents.programs(text, "x.md"))

    def test_extract(self):
        with tempfile.TemporaryDirectory() as root:
            document = Path(root, "docs", "a-page.md")
            document.parent.mkdir()
            document.write_text(DOCUMENT)
            out = Path(root, "out")
            documents.extract(Path(root), out, [document])
            cmake = (out / "documents.cmake").read_text()
            self.assertEqual(cmake.count("millrace_document_cpp("), 3)
            self.assertEqual(cmake.count("millrace_document_python("), 2)
            self.assertEqual(cmake.count("millrace_document_run("), 4)
            self.assertIn("millrace_document_run(python_docs_a_page_1 --until-batch)", cmake)
            self.assertTrue((out / "docs_a_page_1.cpp").exists())
            lines = (out / "python_docs_a_page_1.py").read_text().split("\n")
            self.assertEqual(lines.index("ssc = StreamingContext(sc, 1)"), 29)
            self.assertEqual((out / "docs_a_page_3.expected").read_text(), "out\n")

    def test_run(self):
        with tempfile.TemporaryDirectory() as directory:
            expected = Path(directory, "expected")
            expected.write_text("\n")
            self.assertEqual(documents.run_as_told(["--expect", str(expected), "true"]), 0)
            self.assertIn("exit status", documents.run_as_told(["false"]))
            expected.write_text("something\n")
            self.assertIn("something else", documents.run_as_told(["--expect", str(expected), "true"]))

    def test_run_until_a_batch(self):
        endless = "trap 'exit 0' TERM; echo Time: 1000 ms; while :; do sleep 0.01; done"
        self.assertEqual(documents.run_as_told(["--until-batch", "sh", "-c", endless]), 0)
        self.assertIn("no batch", documents.run_as_told(["--until-batch", "true"]))


if __name__ == "__main__":
    unittest.main()
