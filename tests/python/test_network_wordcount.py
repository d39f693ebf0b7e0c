"""The word count of every introduction, as a program of its own, fed by millrace_text_server."""

import collections
import os
import pathlib
import re
import signal
import subprocess
import sys
import zipfile

import pytest

from pyspark import SparkConf

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
    assert shown.returncode == 0 and "submit" in shown.stdout


def test_files_of_submit(tmp_path):
    program = tmp_path / "files.py"
    (tmp_path / "data.txt").write_text("data")
    (tmp_path / "settings").write_text("# of Spark's\nspark.a  from the file\nspark.b=file\n\n"
                                       "spark.executor.memory: 3g\n")
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as packed:
        packed.writestr("inside.txt", "packed")
    program.write_text(
        "from pyspark import SparkContext, SparkFiles\n"
        "sc = SparkContext()\n"
        "def text(name):\n"
        "    return open(SparkFiles.get(name)).read()\n"
        "print(text('data.txt'), *sc.parallelize(['data.txt', 'as/inside.txt']).map(text).collect())\n"
        "conf = sc.getConf()\n"
        "print(*[conf.get(f'spark.{name}') for name in ('a', 'b', 'executor.memory', 'app.name')])\n"
        "print(conf.get('spark.streaming.checkpoint.directory'))\n")
    done = subprocess.run(
        [BIN / "millrace", "submit", "--checkpoint", "kept", "--verbose", "-c", "spark.b=given", "--properties-file",
         tmp_path / "settings", "--files", tmp_path / "data.txt", "--class", "None", "--archives",
         f"{tmp_path}/packed.zip#as", "--driver-cores", "1", program], capture_output=True, text=True)
    assert done.stdout == "data data packed\nfrom the file given 3g files.py\nkept\n", done.stderr


def test_modules_of_submit_are_there_before_the_context(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "plain_module.py").write_text("def less(x):\n    return x - 1\n")
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as packed:
        packed.writestr("zipped_module.py", "def more(x):\n    return x + 10\n")
    program = tmp_path / "program.py"
    program.write_text("from plain_module import less\nfrom zipped_module import more\n"
                       "from pyspark import SparkContext\n"
                       "print(SparkContext().parallelize([1, 2]).map(less).map(more).collect())\n")
    done = subprocess.run(
        [BIN / "millrace", "submit", "--py-files", "packed.zip,other/plain_module.py", program],
        capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "[10, 11]\n", done.stderr


def test_arguments_that_programs_give_to_pyspark(monkeypatch):
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", "--master local[3] --packages 'a:b:1' pyspark-shell")
    assert SparkConf().get("spark.master") == "local[3]"
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", "--mastre local pyspark-shell")
    with pytest.raises(ValueError, match="PYSPARK_SUBMIT_ARGS: there is no option --mastre"):
        SparkConf()


def test_settings_of_submit(tmp_path):
    program = tmp_path / "conf.py"
    program.write_text("import sys\nfrom pyspark import SparkContext\nsc = SparkContext()\n"
                       "print(sc.master, sc.appName, sc.getConf().get('a'), sys.argv[1:])\n")
    done = subprocess.run(
        [BIN / "millrace", "submit", "--master", "local[3]", "--name=n", "--conf", "a=b=c",
         "--executor-memory", "1g", program, "--x"], capture_output=True, text=True)
    assert done.stdout == "local[3] n b=c ['--x']\n", done.stderr
