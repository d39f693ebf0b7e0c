"""The stub of the native module says what is in it."""

import ast
import pathlib

import _millrace


def names_of(body):
    """Public names, and those within classes; what begins with an underscore is the stub's own."""
    names = set()
    for one in body:
        if isinstance(one, ast.AnnAssign):
            names.add(one.target.id)
        elif isinstance(one, (ast.FunctionDef, ast.ClassDef)) and one.name[0] != "_":
            names.add(one.name)
            if isinstance(one, ast.ClassDef):
                names |= {f"{one.name}.{name}" for name in names_of(one.body)}
    return names


def names_in(holder):
    names = set()
    for name, one in vars(holder).items():
        if name[0] != "_":
            names.add(name)
            if isinstance(one, type):
                names |= {f"{name}.{inner}" for inner in names_in(one)}
    return names


def test_names():
    stub = pathlib.Path(_millrace.__file__).with_name("_millrace.pyi")
    assert names_of(ast.parse(stub.read_text()).body) == names_in(_millrace)
