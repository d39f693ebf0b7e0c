"""Functions that say exactly what the engine, or one expression, can do as well: `str.split`,
`operator.add`, and functions whose bytecode is the same as that of `lambda line: line.split(" ")`,
`lambda word: (word, 1)` or `lambda a, b: a + b`, however their parameters are called."""

import operator
from types import BuiltinFunctionType, FunctionType

_SPLIT_AT = (lambda x: x.split(" ")).__code__
_SPLIT = (lambda x: x.split()).__code__
_PAIR = (lambda x: (x, 1)).__code__
_ADD = (lambda a, b: a + b).__code__

# As they were at the beginning: a program may give these names to functions of its own.
_PLUS = operator.add
CUT = "".__class__.split
assert type(_PLUS) is BuiltinFunctionType and _PLUS(1, 1) == 2

# Varying arguments, generators, coroutines: not where a function was written.
_KIND = 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200

# The engine adds such numbers in 64 bits: no dataset has rows enough to overflow.
_LARGEST_NUMBER = 1000


def _says(f, code):
    """Whether f does what `code` does, constants apart."""
    if type(f) is not FunctionType or f.__defaults__ or f.__kwdefaults__ or f.__closure__:
        return False
    own = f.__code__
    return (own.co_code == code.co_code and own.co_names == code.co_names
            and own.co_argcount == code.co_argcount and own.co_flags & _KIND == code.co_flags & _KIND
            and len(own.co_varnames) == len(code.co_varnames)
            and own.co_kwonlyargcount == own.co_posonlyargcount == 0)


def _constant(f):
    """The one constant of a function; None where there are others."""
    constants = f.__code__.co_consts[1:]  # the first is None, or a comment
    return constants[0] if len(constants) == 1 else None


def is_sum(f):
    """Whether f(a, b) is a + b."""
    return f is _PLUS or _says(f, _ADD)


def cut_at(f):
    """What f cuts a text at: a text, "" for white space; None: f is another function."""
    if f is CUT or _says(f, _SPLIT):
        return ""
    if _says(f, _SPLIT_AT):
        separator = _constant(f)
        return separator if type(separator) is str and separator else None
    return None


def paired_with(f):
    """The number n of a function that makes (x, n) of x; None: f is another function."""
    if not _says(f, _PAIR):
        return None
    number = _constant(f)
    return number if type(number) is int and abs(number) <= _LARGEST_NUMBER else None
