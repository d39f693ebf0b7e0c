"""The command `millrace`: runs Python programs written for Spark."""

import os
import sys

from millrace import drop_in

HELP = """\
millrace submit [--master M] [--name N] [--conf NAME=VALUE] [--py-files A,B] app.py [argument...]
                        run a program written for pyspark
millrace pyspark-path   print what goes on PYTHONPATH so that plain python3 runs such programs
"""

# Options of spark-submit that say where to run; there is one machine here.
IGNORED = ("--deploy-mode", "--driver-memory", "--executor-memory", "--executor-cores",
           "--num-executors", "--total-executor-cores", "--packages", "--jars", "--queue",
           "--files", "--driver-java-options", "--repositories", "--properties-file")


def main(arguments):
    command, *rest = arguments or ["help"]
    if command == "pyspark-path":
        print(drop_in())
        return 0
    if command == "submit":
        return submit(rest)
    print(HELP, end="")
    return 0 if command in ("help", "--help", "-h") else 2


def submit(arguments):
    settings = {}
    while arguments and arguments[0].startswith("--"):
        option, _, value = arguments.pop(0).partition("=")
        if not value:
            if not arguments:
                print(f"millrace: {option} wants a value", file=sys.stderr)
                return 2
            value = arguments.pop(0)
        if option == "--master":
            settings["spark.master"] = value
        elif option == "--name":
            settings["spark.app.name"] = value
        elif option == "--conf":
            name, _, value = value.partition("=")
            settings[name] = value
        elif option == "--py-files":
            settings["spark.submit.pyFiles"] = value
        elif option not in IGNORED:
            print(f"millrace: there is no option {option} (see millrace help)", file=sys.stderr)
            return 2
    if not arguments:
        print("millrace: submit wants a program (see millrace help)", file=sys.stderr)
        return 2
    environment = dict(os.environ)
    environment.setdefault("PYTHONHASHSEED", "0")
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [drop_in(), environment.get("PYTHONPATH")]))
    environment["MILLRACE_SUBMIT_CONF"] = "\n".join(f"{k}={v}" for k, v in settings.items())
    os.execve(sys.executable, [sys.executable, *arguments], environment)


def command():
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    command()
