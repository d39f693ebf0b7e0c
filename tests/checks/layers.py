"""Fails when an #include or a CMake link points up or sideways. The arrows: layers.txt.

Usage: layers.py [ROOT]
"""

import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
CMAKE_CALL = re.compile(r"\b(millrace_room|target_link_libraries)\s*\(([^)]*)\)")
OUR_TARGET = re.compile(r"^millrace(?:::|_)(\w+)$")
TOP = "program"


class Layers:
    """What layers.txt says: `uses[room]`, `directory[room]`, `header_room[header]`."""

    def __init__(self, text):
        self.uses, self.directory, self.header_room = {}, {}, {}
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            if words[0] == "room" and len(words) >= 3 and words[2] == "->":
                self._add_room(number, words[1], words[3:])
            elif words[0] == "header" and len(words) >= 3:
                self._add_headers(number, words[1], words[2:])
            else:
                sys.exit(f"layers.txt:{number}: neither a room nor a header: {line.strip()}")

    def _add_room(self, number, directory, uses):
        for used in uses:
            if used not in self.uses:
                sys.exit(f"layers.txt:{number}: {directory} may only use rooms named above it, "
                         f"{used} is not")
        name = directory.split("/")[-1]
        self.uses[name] = set(uses)
        self.directory[name] = directory

    def _add_headers(self, number, room, headers):
        if room not in self.uses:
            sys.exit(f"layers.txt:{number}: there is no room {room}")
        for header in headers:
            self.header_room[header] = room

    def room_of(self, path):
        """The room that a path relative to the root belongs to, or None."""
        parts = path.split("/")
        if parts[0] == "src":
            inside = "/".join(parts[1:])
            for room, directory in self.directory.items():
                if inside.startswith(directory + "/"):
                    return room
        elif parts[:3] == ["include", "millrace", "detail"]:
            return parts[3] if len(parts) > 4 and parts[3] in self.uses else None
        elif parts[:2] == ["include", "millrace"]:
            return self.header_room.get("/".join(parts[2:]), TOP)
        return None


def included_path(root, source, quote, name):
    """The included file relative to the root, or None if it is not ours."""
    if name.startswith("millrace/"):
        return "include/" + name
    if quote == '"':
        beside = (source.parent / name).resolve()
        if beside.is_file() and beside.is_relative_to(root):
            return beside.relative_to(root).as_posix()
        return "src/" + name
    return None


def complaint(layers, place, room, what, used):
    if used == room or used in layers.uses[room]:
        return None
    allowed = ", ".join(sorted(layers.uses[room])) or "no other room"
    direction = "upwards" if room in layers.uses.get(used, ()) else "sideways"
    return f"{place}: {what}, which points {direction}: {room} may use {allowed}, not {used}."


def check_includes(layers, root, path):
    name = path.relative_to(root).as_posix()
    room = layers.room_of(name)
    if room is None:
        yield f"{name}: lies in no room that layers.txt names."
        return
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        target = included_path(root, path, found[1], found[2])
        if target is None:
            continue
        place = f"{name}:{number}"
        used = layers.room_of(target)
        if used is None:
            yield f"{place}: includes {found[2]}, which lies in no room that layers.txt names."
        elif name.startswith("include/") and target.startswith("src/"):
            yield f"{place}: includes {found[2]}: a public header may not include a private one."
        else:
            yield complaint(layers, place, room, f"includes {found[2]}", used)


def check_cmake(layers, root, path):
    name = path.relative_to(root).as_posix()
    room = layers.room_of(name)
    text = re.sub(r"#.*", "", path.read_text())
    for call in CMAKE_CALL.finditer(text):
        place = f"{name}:{text.count(chr(10), 0, call.start()) + 1}"
        words = call[2].split()
        if call[1] == "millrace_room":
            if words[:1] != [room]:
                yield f"{place}: millrace_room({' '.join(words[:1])}) lies in {room}'s directory."
            used_rooms = set()
            keyword = None
            for word in words[1:]:
                if word in ("DEPENDS", "PUBLIC", "PRIVATE"):
                    keyword = word
                elif keyword == "DEPENDS":
                    used_rooms.add(word)
                elif OUR_TARGET.match(word):
                    used_rooms.add(OUR_TARGET.match(word)[1])
        else:
            used_rooms = {OUR_TARGET.match(word)[1] for word in words[1:] if OUR_TARGET.match(word)}
        for used in sorted(used_rooms):
            yield complaint(layers, place, room, f"links {used}", used)


def check_examples(root, path):
    name = path.relative_to(root).as_posix()
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = INCLUDE.match(line)
        if found and found[2].startswith("millrace/detail/"):
            yield f"{name}:{number}: includes {found[2]}: an example uses public headers only."


def check(root):
    """All complaints about the tree at root, each one sentence."""
    root = Path(root).resolve()
    layers = Layers((root / "layers.txt").read_text())
    complaints = []
    for path in sorted([*root.glob("src/**/*"), *root.glob("include/**/*")]):
        if path.suffix in (".hpp", ".cpp", ".inc"):
            complaints += check_includes(layers, root, path)
    for path in sorted(root.glob("src/**/CMakeLists.txt")):
        complaints += check_cmake(layers, root, path)
    for path in sorted(root.glob("examples/**/*.cpp")):
        complaints += check_examples(root, path)
    return [text for text in complaints if text]


if __name__ == "__main__":
    complaints = check(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2])
    for text in complaints:
        print(text)
    sys.exit(1 if complaints else 0)
