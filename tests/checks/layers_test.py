"""Plants violations of the layer rule in a small tree and expects layers.py to find each."""

import tempfile
import unittest
from pathlib import Path

import layers

LAYERS = """
room base ->
room dataset -> base
room connectors/socket -> base dataset
room connectors/file -> base dataset
room program -> base dataset socket file
header dataset rdd.hpp
"""


class LayersTest(unittest.TestCase):
    def complaints(self, **files):
        """The complaints about a tree of these files."""
        with tempfile.TemporaryDirectory() as directory:
            for name, text in {"layers.txt": LAYERS, **files}.items():
                path = Path(directory, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return layers.check(directory)

    def assert_one(self, words, name, text):
        complaints = self.complaints(**{name: text})
        self.assertEqual(len(complaints), 1, complaints)
        self.assertIn(words, complaints[0])

    def test_arrows_down_are_fine(self):
        self.assertEqual(self.complaints(**{
            "include/millrace/rdd.hpp": "#include <millrace/detail/base/bytes.hpp>\n",
            "src/dataset/node.cpp": '#include "dataset/node.hpp"\n#include <vector>\n',
            "src/connectors/socket/text.cpp":
                '#include "millrace/rdd.hpp"\n#include "connectors/socket/line.hpp"\n',
            "src/connectors/socket/CMakeLists.txt":
                "millrace_room(socket\n  DEPENDS base dataset)\n",
            "src/program/context.cpp": '#include "millrace/millrace.hpp"\n',
        }), [])

    def test_include_upwards(self):
        self.assert_one("src/base/clock.cpp:2: includes dataset/node.hpp, which points upwards",
                        "src/base/clock.cpp", '#include <string>\n#include "dataset/node.hpp"\n')

    def test_include_of_a_detail_header_upwards(self):
        self.assert_one("points upwards", "include/millrace/detail/base/bytes.hpp",
                        "#include <millrace/detail/dataset/node.hpp>\n")

    def test_include_of_a_public_header_upwards(self):
        self.assert_one("base may use no other room, not dataset",
                        "src/base/clock.test.cpp", '#include "millrace/rdd.hpp"\n')

    def test_a_public_header_without_a_room_is_the_top(self):
        self.assert_one("not program", "src/dataset/node.cpp", '#include "millrace/launch.hpp"\n')

    def test_include_sideways(self):
        self.assert_one("points sideways", "src/connectors/file/text.cpp",
                        '#include "connectors/socket/line.hpp"\n')

    def test_include_by_a_relative_path(self):
        complaints = self.complaints(**{
            "src/base/clock.cpp": '#include "../dataset/node.hpp"\n',
            "src/dataset/node.hpp": ""})
        self.assertEqual(len(complaints), 1, complaints)

    def test_private_header_in_a_public_one(self):
        self.assert_one("may not include a private one", "include/millrace/rdd.hpp",
                        '#include "dataset/node.hpp"\n')

    def test_unknown_room(self):
        self.assert_one("no room", "src/helpers/text.cpp", "")

    def test_link_upwards(self):
        self.assert_one("src/base/CMakeLists.txt:1: links dataset, which points upwards",
                        "src/base/CMakeLists.txt", "millrace_room(base DEPENDS dataset)\n")

    def test_link_sideways_past_the_room_function(self):
        self.assert_one("links socket, which points sideways", "src/connectors/file/CMakeLists.txt",
                        "target_link_libraries(millrace_file PRIVATE millrace::socket)\n")

    def test_an_example_that_uses_detail(self):
        self.assert_one("public headers only", "examples/count.cpp",
                        "#include <millrace/detail/base/bytes.hpp>\n")


if __name__ == "__main__":
    unittest.main()
