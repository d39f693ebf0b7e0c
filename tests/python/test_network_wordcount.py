"""The word count of every introduction, as a program of its own, fed by millrace_text_server."""

import collections
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
BIN = pathlib.Path(os.environ["MILLRACE_BIN"])


@pytest.fixture
def server(tmp_path):
    (tmp_path / "lines").write_text("hello world\nhello\n")
    process = subprocess.Popen(
        [BIN / "millrace_text_server", "--port", "0", "--file", tmp_path / "lines", "--lines",
         "100", "--rate", "200"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    yield re.search(r"\d+$", process.stdout.readline().strip()).group()
    process.kill()
    process.wait()
    process.stdout.close()


def pyspark_path():
    return subprocess.run([BIN / "millrace", "pyspark-path"], stdout=subprocess.PIPE, check=True,
                          text=True).stdout.strip()


@pytest.mark.parametrize("way", ["python3", "submit"])
def test_words_are_counted(server, tmp_path, way):
    program = tmp_path / "network_wordcount.py"
    program.write_text((HERE / "network_wordcount.py").read_text().replace("9999", server))
    environment = dict(os.environ)
    if way == "python3":
        command = [sys.executable, program]
        environment["PYTHONPATH"] = pyspark_path()
    else:
        command = [BIN / "millrace", "submit", program]
        environment.pop("PYTHONPATH", None)
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    counts = collections.Counter()
    shown = []
    while counts["hello"] < 100 or counts["world"] < 50:
        line = process.stdout.readline()
        assert line, "the program ended by itself"
        shown.append(line)
        if found := re.fullmatch(r"\('(\w+)', (\d+)\)\n", line):
            counts[found[1]] += int(found[2])
    process.send_signal(signal.SIGTERM)
    process.stdout.read()
    assert process.wait(30) == 0
    process.stdout.close()
    assert counts == {"hello": 100, "world": 50}
    rule = "-" * 43 + "\n"
    assert shown[0] == rule and shown[2] == rule
    assert re.fullmatch(r"Time: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n", shown[1])


def test_submit_says_what_it_wants():
    for arguments, text in (([], "PROGRAM is required"), (["--nothing", "x"], "no option --nothing")):
        done = subprocess.run([BIN / "millrace", "submit", *arguments], capture_output=True,
                              text=True)
        assert done.returncode and text in done.stderr
    shown = subprocess.run([BIN / "millrace", "help"], capture_output=True, text=True)
    assert shown.returncode == 0 and "millrace submit" in shown.stdout


def test_settings_of_submit(tmp_path):
    program = tmp_path / "conf.py"
    program.write_text("import sys\nfrom pyspark import SparkContext\nsc = SparkContext()\n"
                       "print(sc.master, sc.appName, sc.getConf().get('a'), sys.argv[1:])\n")
    done = subprocess.run(
        [BIN / "millrace", "submit", "--master", "local[3]", "--name=n", "--conf", "a=b=c",
         "--executor-memory", "1g", program, "--x"], capture_output=True, text=True)
    assert done.stdout == "local[3] n b=c ['--x']\n", done.stderr
