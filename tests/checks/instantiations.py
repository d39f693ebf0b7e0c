"""How much of our templates the compiler has to make for a row type, so that it can't creep.

    instantiations.py COMPILER INCLUDE_DIRECTORY            compare with instantiations.txt
    instantiations.py COMPILER INCLUDE_DIRECTORY --print    the same table with what it is now

Each line of the table is a compilation of instantiations/rows.cpp: the row type, what is done with
it, and how many functions and objects with `millrace` in their names it may have at -O0. What a
lambda or a row type instantiates is what its user waits for at every compilation.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TABLE = HERE / "instantiations.txt"


def count(compiler: str, include: str, row: str, uses: str) -> int:
    defines = [f"-D{use}" for use in uses.split("+")]
    with tempfile.TemporaryDirectory() as scratch:
        program = f"{scratch}/rows.o"
        subprocess.run(
            [compiler, "-std=c++20", "-O0", f"-I{include}", f"-DROW={row}", *defines, "-c",
             str(HERE / "instantiations" / "rows.cpp"), "-o", program], check=True)
        listed = subprocess.run(["nm", "--defined-only", program], check=True, text=True,
                                capture_output=True).stdout
    # Ours by name or by argument: a std::vector of our type is made because of us, too.
    return sum(1 for line in listed.splitlines()
               if re.search(r" [TtWwVvuRrDdBb] .*8millrace", line))


def main() -> int:
    compiler, include = sys.argv[1:3]
    printing = sys.argv[3:] == ["--print"]
    too_many = []
    for line in TABLE.read_text().splitlines():
        if not line or line.startswith("#"):
            if printing:
                print(line)
            continue
        row, uses, most = (part.strip() for part in line.split("|"))
        now = count(compiler, include, row, uses)
        if printing:
            print(f"{row} | {uses} | {now}")
        elif now > int(most):
            too_many.append(f"{row}, {uses}: {now}, and it may be {most}")
    for one in too_many:
        print(f"instantiations: {one}", file=sys.stderr)
    if too_many:
        print("Move what does not need the row's type into a .cpp on the untyped node, or make it a "
              "function of row_type. If the growth is what an operation costs, raise the number in "
              f"{TABLE.name} and say why in the commit.", file=sys.stderr)
    return 1 if too_many else 0


if __name__ == "__main__":
    sys.exit(main())
