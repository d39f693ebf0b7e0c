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
"""


class DocumentsTest(unittest.TestCase):
    def test_programs(self):
        self.assertEqual(list(documents.programs(DOCUMENT, "x.md")), [
            (3, "int main() {}\n", False, None),
            (8, "// second\nint main() {}\n", True, None),
            (16, "int main() {}  // third\n", True, "out\n"),
        ])

    def test_missing_output_and_misspelled_comment(self):
        for comment in ("<!-- run: expect output -->", "<!-- run it -->"):
            with self.assertRaises(SystemExit):
                list(documents.programs(f"{comment}\n```cpp\nint main() {{}}\n```\n", "x.md"))

    def test_extract(self):
        with tempfile.TemporaryDirectory() as root:
            document = Path(root, "docs", "a-page.md")
            document.parent.mkdir()
            document.write_text(DOCUMENT)
            out = Path(root, "out")
            documents.extract(Path(root), out, [document])
            cmake = (out / "documents.cmake").read_text()
            self.assertEqual(cmake.count("millrace_document("), 3)
            self.assertEqual(cmake.count("millrace_document_run("), 2)
            self.assertTrue((out / "docs_a_page_1.cpp").exists())
            self.assertEqual((out / "docs_a_page_3.expected").read_text(), "out\n")

    def test_run(self):
        with tempfile.TemporaryDirectory() as directory:
            expected = Path(directory, "expected")
            expected.write_text("\n")
            self.assertEqual(documents.run("true", expected), 0)
            self.assertIn("exit status", documents.run("false", None))
            expected.write_text("something\n")
            self.assertIn("something else", documents.run("true", expected))


if __name__ == "__main__":
    unittest.main()
