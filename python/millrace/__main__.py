"""The command `millrace`: runs Python programs written for Spark."""

import os
import sys

from millrace import drop_in
from millrace.submitting import Misuse, options_of, places_of

HELP = """\
millrace submit [--master M] [--name N] [--conf NAME=VALUE] [--properties-file FILE]
                [--py-files A,B] [--files A,B] [--archives A,B] app.py [argument...]
                        run a program written for pyspark; other options of spark-submit are settings
millrace pyspark-path   print what goes on PYTHONPATH so that plain python3 runs such programs
"""


def main(arguments):
    command, *rest = arguments or ["help"]
    if command == "pyspark-path":
        print(drop_in())
        return 0
    if command == "submit":
        return submit(rest)
    if command not in ("help", "--help", "-h"):
        print(f"millrace: there is no such command; see millrace --help: {command}",
              file=sys.stderr)
        return 2
    print(HELP, end="")
    return 0


def submit(arguments):
    try:
        settings, arguments = options_of(arguments)
        if not arguments:
            raise Misuse("submit wants a program")
    except Misuse as why:
        print(f"millrace: {why} (see millrace submit --help)", file=sys.stderr)
        return 2
    settings.setdefault("spark.app.name", os.path.basename(arguments[0]))
    environment = dict(os.environ)
    environment.setdefault("PYTHONHASHSEED", "0")
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [drop_in(), *places_of(settings), environment.get("PYTHONPATH")]))
    environment["MILLRACE_SUBMIT_CONF"] = "\n".join(f"{k}={v}" for k, v in settings.items())
    os.execve(sys.executable, [sys.executable, *arguments], environment)


def command():
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    command()
