"""Rows with names."""


class Row(tuple):
    """A tuple whose fields have names: `Row(name="a", age=1)`; `Row("name", "age")` makes such
    rows of values."""

    def __new__(cls, *args, **kwargs):
        if args and kwargs:
            raise ValueError("Can not use both args and kwargs to create Row")
        if kwargs:
            row = tuple.__new__(cls, kwargs.values())
            row.__fields__ = list(kwargs)
            return row
        return tuple.__new__(cls, args)

    def asDict(self, recursive=False):
        if not hasattr(self, "__fields__"):
            raise TypeError("Cannot convert a Row class into dict")
        if not recursive:
            return dict(zip(self.__fields__, self))
        return dict(zip(self.__fields__, map(_plain, self)))

    def __contains__(self, item):
        return item in self.__fields__ if hasattr(self, "__fields__") else super().__contains__(item)

    def __call__(self, *values):
        if len(values) > len(self):
            raise ValueError("Can not create Row with fields %s, expected %d values but got %s"
                             % (self, len(self), values))
        return _named(list(self), values)

    def __getitem__(self, item):
        if isinstance(item, (int, slice)):
            return super().__getitem__(item)
        try:
            return super().__getitem__(self.__fields__.index(item))
        except (ValueError, AttributeError):
            raise ValueError(item) from None  # as in Spark

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[self.__fields__.index(name)]
        except (ValueError, IndexError):
            raise AttributeError(name) from None

    def __setattr__(self, name, value):
        if name != "__fields__":
            raise RuntimeError("Row is read-only")
        self.__dict__[name] = value

    def __reduce__(self):
        if hasattr(self, "__fields__"):
            return _named, (self.__fields__, tuple(self))
        return tuple.__reduce__(self)

    def __repr__(self):
        if hasattr(self, "__fields__"):
            return "Row(%s)" % ", ".join(f"{k}={v!r}" for k, v in zip(self.__fields__, self))
        return "<Row(%s)>" % ", ".join(map(repr, self))


def _named(fields, values):
    row = Row(*values)
    row.__fields__ = fields
    return row


def _plain(value):
    if isinstance(value, Row):
        return value.asDict(True)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value
