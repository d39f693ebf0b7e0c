"""What a stream needs to go on after its program was ended: data only, never code. The program's
set-up function builds the graph again, and states are matched with it in the order of creation."""

import hashlib
import os
import pickle
import re

_NAME = re.compile(r"checkpoint-(\d+)$")
_KEPT = 2  # the newest, and one to fall back on
_DIGEST = 16


class Checkpoints:
    """The checkpoints in a directory: `checkpoint-TIME_IN_MS`, a digest and a pickle of
    {"states": [[frames of a partition]], "files": [paths that were read]}."""

    def __init__(self, directory):
        self._directory = directory

    def _all(self):
        """(time, path), the newest first."""
        found = [(int(name[1]), os.path.join(self._directory, name[0]))
                 for name in map(_NAME.match, os.listdir(self._directory)) if name]
        return sorted(found, reverse=True)

    def save(self, time, facts):
        path = os.path.join(self._directory, f"checkpoint-{time}")
        data = pickle.dumps(facts, pickle.HIGHEST_PROTOCOL)
        with open(path + ".unfinished", "wb") as file:
            file.write(_digest(data))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".unfinished", path)
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        for _, old in self._all()[_KEPT:]:
            os.unlink(old)

    def load(self):
        """The newest that is whole; None where there is none at all."""
        if not os.path.isdir(self._directory):
            return None
        broken = []
        for _, path in self._all():
            with open(path, "rb") as file:
                digest, data = file.read(_DIGEST), file.read()
            if digest == _digest(data):
                return pickle.loads(data)
            broken.append(path)
        if broken:
            raise Exception("no checkpoint can be read, restore one or remove them to begin anew: "
                            + ", ".join(broken))
        return None


def _digest(data):
    return hashlib.blake2b(data, digest_size=_DIGEST).digest()
