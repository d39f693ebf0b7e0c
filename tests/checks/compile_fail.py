"""Expects that a source does not compile, with a message that matches its `// expect:` lines.

Usage: compile_fail.py SOURCE COMPILER FLAG...
"""

import re
import subprocess
import sys

source, *compiler = sys.argv[1:]
with open(source, encoding="utf-8") as file:
    expected = re.findall(r"^// expect: (.+)$", file.read(), re.MULTILINE)
if not expected:
    sys.exit(f"{source}: has no line `// expect: <regular expression>`")

result = subprocess.run([*compiler, source], capture_output=True, text=True, check=False)
if result.returncode == 0:
    sys.exit(f"{source}: compiles, but must not")
missing = [regex for regex in expected if not re.search(regex, result.stderr)]
if missing:
    print(result.stderr)
    sys.exit(f"{source}: no message matches: {' and '.join(missing)}")
