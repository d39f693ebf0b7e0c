"""The options of `millrace submit`, which are those of spark-submit."""

from __future__ import annotations

import os
import shlex

# What each is as a setting. Most have no effect: there is one machine here.
SETTINGS = {
    "--master": "spark.master", "--name": "spark.app.name",
    "--checkpoint": "spark.streaming.checkpoint.directory",  # as for programs in C++
    "--py-files": "spark.submit.pyFiles", "--files": "spark.files", "--archives": "spark.archives",
    "--deploy-mode": "spark.submit.deployMode", "--jars": "spark.jars",
    "--packages": "spark.jars.packages", "--exclude-packages": "spark.jars.excludes",
    "--repositories": "spark.jars.repositories", "--driver-memory": "spark.driver.memory",
    "--driver-cores": "spark.driver.cores", "--driver-class-path": "spark.driver.extraClassPath",
    "--driver-java-options": "spark.driver.extraJavaOptions",
    "--driver-library-path": "spark.driver.extraLibraryPath",
    "--executor-memory": "spark.executor.memory", "--executor-cores": "spark.executor.cores",
    "--num-executors": "spark.executor.instances", "--total-executor-cores": "spark.cores.max",
    "--queue": "spark.yarn.queue", "--principal": "spark.kerberos.principal",
    "--keytab": "spark.kerberos.keytab",
}
WITHOUT_EFFECT = ("--class", "--proxy-user")
WITHOUT_VALUE = ("--verbose", "-v", "--supervise")


class Misuse(Exception):
    """Options that are none."""


def options_of(arguments: list[str]) -> tuple[dict[str, str], list[str]]:
    """Settings, and the program with its own arguments."""
    left = list(arguments)
    settings: dict[str, str] = {}
    file = None
    while left and left[0].startswith("-"):
        option, given, value = left.pop(0).partition("=")
        if option in WITHOUT_VALUE:
            continue
        if option not in SETTINGS and option not in WITHOUT_EFFECT and \
                option not in ("--conf", "-c", "--properties-file"):
            raise Misuse(f"there is no option {option}")
        if not given:
            if not left:
                raise Misuse(f"{option} wants a value")
            value = left.pop(0)
        if option in ("--conf", "-c"):
            name, _, value = value.partition("=")
            settings[name] = value
        elif option == "--properties-file":
            file = value
        elif option in SETTINGS:
            settings[SETTINGS[option]] = value
    return {**(properties_of(file) if file else {}), **settings}, left


def places_of(settings: dict[str, str]) -> list[str]:
    """Where the modules of --py-files lie, which a program may import before it has a context."""
    files = [os.path.abspath(path.removeprefix("file:"))
             for path in settings.get("spark.submit.pyFiles", "").split(",") if path]
    return [os.path.dirname(path) if path.endswith(".py") else path for path in files]


def properties_of(path: str) -> dict[str, str]:
    """A line a setting: its name, then white space, "=" or ":", then its value."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.strip() for line in file]
    except OSError as why:
        raise Misuse(f"the properties file can't be read: {why}") from why
    settings = {}
    for line in lines:
        if line and line[0] not in "#!":
            end = next((i for i, c in enumerate(line) if c in "=: \t"), len(line))
            settings[line[:end]] = line[end:].lstrip(" \t").removeprefix("=").removeprefix(
                ":").strip()
    return settings


def given() -> dict[str, str]:
    """What this program was submitted with: by millrace, or as programs say it to pyspark."""
    text = os.environ.get("MILLRACE_SUBMIT_CONF")
    if text is not None:
        return dict(pair.partition("=")[::2] for pair in text.split("\n") if pair)
    try:
        return options_of(shlex.split(os.environ.get("PYSPARK_SUBMIT_ARGS", "")))[0]
    except Misuse as why:
        raise ValueError(f"PYSPARK_SUBMIT_ARGS: {why}") from None
