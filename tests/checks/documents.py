"""The programs in the documentation: takes them out for compiling, and runs those marked to run.

Usage: documents.py extract ROOT DIRECTORY [DOCUMENT...]
           writes each program to DIRECTORY, and documents.cmake beside it
       documents.py run [--expect FILE] [--until-batch] COMMAND...
           runs it in a directory of its own; compares what it prints with FILE, or ends it by
           SIGTERM when it has printed a batch

A program is a ```cpp block with an `int main`, or a ```python block that makes a context or has a
test for pytest. It is run if the line above it is `<!-- run -->`; with `<!-- run: expect output -->`
it must print what the ```text block after it shows, and with `<!-- run: until a batch -->` it is one
that goes on until it is told to end. Those of Python have nothing else to be checked by, so one
without such a line is refused.
"""

import difflib
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

RUN, RUN_AND_COMPARE = "<!-- run -->", "<!-- run: expect output -->"
RUN_UNTIL_BATCH = "<!-- run: until a batch -->"
# What makes a block a program, and the end of its file's name.
PROGRAMS = {"cpp": (r"\bint main\b", ".cpp"), "python": (r"\w*Context\(|^def test_", ".py")}
BATCH = "Time: "  # how the header of a batch begins


class Program(NamedTuple):
    language: str
    line: int  # of its first line
    body: str
    mark: str = ""  # RUN …; none: it is not run
    expected: str | None = None


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
    """All programs of a document."""
    found = list(blocks(text))
    for position, (language, line, body, above) in enumerate(found):
        mark = above if above.startswith("<!-- run") else ""
        if language not in PROGRAMS or not re.search(PROGRAMS[language][0], body, re.MULTILINE):
            if mark:
                sys.exit(f"{name}:{line}: no program follows {mark}")
            continue
        expected = None
        if mark == RUN_AND_COMPARE:
            following = found[position + 1] if position + 1 < len(found) else ("",)
            if following[0] != "text":
                sys.exit(f"{name}:{line}: no ```text block follows this program")
            expected = following[2]
        elif mark not in ("", RUN, RUN_UNTIL_BATCH):
            sys.exit(f"{name}:{line}: none of {RUN}, {RUN_AND_COMPARE}, {RUN_UNTIL_BATCH}: {mark}")
        elif mark == "" and language == "python":
            sys.exit(f"{name}:{line}: the line above this program must say how it is run: {RUN}, "
                     f"{RUN_AND_COMPARE} or {RUN_UNTIL_BATCH}")
        yield Program(language, line, body, mark, expected)


def write(path, text):
    """Leaves an unchanged file alone, so that nothing is compiled again."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def text_of(program, document):
    """The file of it, whose lines have the numbers that they have in the document."""
    if program.language == "cpp":
        return f'#line {program.line} "{document}"\n{program.body}'
    return "\n" * (program.line - 1) + program.body


def extract(root, directory, documents):
    directory.mkdir(parents=True, exist_ok=True)
    cmake = ""
    for document in sorted(documents):
        relative = document.relative_to(root)
        stem = re.sub(r"\W", "_", str(relative.with_suffix("")))
        ordinals = dict.fromkeys(PROGRAMS, 0)
        for program in programs(document.read_text(), relative):
            ordinals[program.language] += 1
            prefix = "" if program.language == "cpp" else program.language + "_"
            name = f"{prefix}{stem}_{ordinals[program.language]}"
            source = directory / (name + PROGRAMS[program.language][1])
            write(source, text_of(program, document))
            cmake += f"millrace_document_{program.language}({name} [[{source}]])\n"
            if not program.mark:
                continue
            how = ""
            if program.expected is not None:
                output = directory / f"{name}.expected"
                write(output, program.expected)
                how = f" --expect [[{output}]]"
            elif program.mark == RUN_UNTIL_BATCH:
                how = " --until-batch"
            cmake += f"millrace_document_run({name}{how})\n"
    write(directory / "documents.cmake", cmake)


def lines_of(text):
    return [line.rstrip() for line in text.rstrip().splitlines()]


def output_of(process, until_batch):
    output = ""
    for line in process.stdout:
        output += line
        if until_batch and line.startswith(BATCH):
            process.send_signal(signal.SIGTERM)
            until_batch = False
    return output, until_batch


def run(command, expected=None, until_batch=False):
    with tempfile.TemporaryDirectory() as directory:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=directory) as process:
            output, missed = output_of(process, until_batch)
    if process.returncode != 0 or missed:
        print(output)
        why = "no batch was printed" if missed else f"exit status {process.returncode}"
        return f"{command[-1]}: {why}"
    if expected:
        want, got = lines_of(Path(expected).read_text()), lines_of(output)
        if want != got:
            diff = difflib.unified_diff(want, got, "the document", "the program", lineterm="")
            print("\n".join(diff))
            return f"{command[-1]}: prints something else than the document shows"
    return 0


def run_as_told(words):
    expected, until_batch = None, False
    while words[0].startswith("--"):
        option = words.pop(0)
        if option == "--expect":
            expected = words.pop(0)
        else:
            until_batch = option == "--until-batch"
    return run(words, expected, until_batch)


if __name__ == "__main__":
    if sys.argv[1] == "extract":
        extract(Path(sys.argv[2]), Path(sys.argv[3]), [Path(name) for name in sys.argv[4:]])
    else:
        sys.exit(run_as_told(sys.argv[2:]))
