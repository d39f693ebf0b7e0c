"""The programs in the documentation: takes them out for compiling, and runs those marked to run.

Usage: documents.py extract ROOT DIRECTORY [DOCUMENT...]
           writes each ```cpp block with an `int main` to DIRECTORY, and documents.cmake beside it
       documents.py run PROGRAM [EXPECTED]
           runs it; with EXPECTED compares what it prints with that file

A block is run if the line above it is `<!-- run -->`; with `<!-- run: expect output -->` it must
print what the ```text block after it shows.
"""

import difflib
import re
import subprocess
import sys
from pathlib import Path

RUN, RUN_AND_COMPARE = "<!-- run -->", "<!-- run: expect output -->"


def blocks(text):
    """All fenced blocks: (language, line number of the first line, body, the line above)."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        fence = re.match(r"^(```+)\s*(\w*)", lines[number])
        number += 1
        if not fence:
            continue
        above = next((line for line in reversed(lines[: number - 1]) if line.strip()), "")
        start = number
        while number < len(lines) and lines[number].rstrip() != fence[1]:
            number += 1
        yield fence[2], start + 1, "\n".join(lines[start:number]) + "\n", above.strip()
        number += 1


def programs(text, name):
    """All programs of a document: (line number, source, is run, expected output or None)."""
    found = list(blocks(text))
    for position, (language, line, body, above) in enumerate(found):
        if language != "cpp" or not re.search(r"\bint main\b", body):
            continue
        expected = None
        if above == RUN_AND_COMPARE:
            following = found[position + 1] if position + 1 < len(found) else ("",)
            if following[0] != "text":
                sys.exit(f"{name}:{line}: no ```text block follows this program")
            expected = following[2]
        elif above.startswith("<!-- run") and above != RUN:
            sys.exit(f"{name}:{line}: neither {RUN} nor {RUN_AND_COMPARE}: {above}")
        yield line, body, above in (RUN, RUN_AND_COMPARE), expected


def write(path, text):
    """Leaves an unchanged file alone, so that nothing is compiled again."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def extract(root, directory, documents):
    directory.mkdir(parents=True, exist_ok=True)
    cmake = ""
    for document in sorted(documents):
        relative = document.relative_to(root)
        stem = re.sub(r"\W", "_", str(relative.with_suffix("")))
        found = programs(document.read_text(), relative)
        for ordinal, (line, body, is_run, expected) in enumerate(found, 1):
            name = f"{stem}_{ordinal}"
            source = directory / f"{name}.cpp"
            write(source, f'#line {line} "{document}"\n{body}')
            cmake += f"millrace_document({name} [[{source}]])\n"
            if is_run:
                cmake += f"millrace_document_run({name}"
                if expected is not None:
                    output = directory / f"{name}.expected"
                    write(output, expected)
                    cmake += f" [[{output}]]"
                cmake += ")\n"
    write(directory / "documents.cmake", cmake)


def lines_of(text):
    return [line.rstrip() for line in text.rstrip().splitlines()]


def run(program, expected):
    result = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        print(result.stdout)
        return f"{program}: exit status {result.returncode}"
    if expected:
        want, got = lines_of(Path(expected).read_text()), lines_of(result.stdout)
        if want != got:
            diff = difflib.unified_diff(want, got, "the document", "the program", lineterm="")
            print("\n".join(diff))
            return f"{program}: prints something else than the document shows"
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "extract":
        extract(Path(sys.argv[2]), Path(sys.argv[3]), [Path(name) for name in sys.argv[4:]])
    else:
        sys.exit(run(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
