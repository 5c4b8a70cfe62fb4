#!/usr/bin/env python3
"""Which source files may be compiled together: unity_groups.py SOURCES OUTPUT

SOURCES has a line `target<TAB>file` for each source.  OUTPUT becomes a CMake file that names a group for each file that
has company; it is written only when it changes, and groups that it has are kept as far as they still hold.

Two files may share a unit if no name that one of them keeps to itself (in an unnamed namespace, or by `static` or
`constexpr`) occurs in the other, or is declared in a header that the other alone includes, and if both have the same
using-directives but for literals.  So what a name means is the same in a group as alone.
"""
import pathlib
import re
import sys

MOST_FILES = 8
MOST_BYTES = 60_000

NOISE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<delimiter>[^()\\\s]*)\(.*?\)(?P=delimiter)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'|^[ \t]*#(?:\\\n|[^\n])*",
    re.DOTALL | re.MULTILINE,
)
TOKEN = re.compile(r"[A-Za-z_]\w*|::|\[\[|\]\]|[{}()<>;=\[\],&*~]")
WORD = re.compile(r"[A-Za-z_]\w*")
INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)
DEFINITION = re.compile(r"^[ \t]*#[ \t]*(?:define|undef)\b", re.MULTILINE)
KINDS = {"struct", "class", "union", "enum", "concept"}


class File:
    """What one file declares for itself, what it tells others, and every word in it."""

    def __init__(self, text):
        self.size = len(text)
        self.includes = INCLUDE.findall(text)
        self.defines_macros = bool(DEFINITION.search(text))
        text = NOISE.sub(" ", text)
        self.words = set(WORD.findall(text))
        self.private, self.declared, self.directives = set(), set(), set()
        self.scan(TOKEN.findall(text))

    def scan(self, tokens):
        scopes, statement = ["named"], []
        for token in tokens:
            inside_body = scopes[-1] == "body"
            if token == "{":
                scope = "body" if inside_body else self.opened(statement, scopes[-1])
                scopes.append(scope)
                statement = []
            elif token == "}":
                if len(scopes) > 1:
                    scopes.pop()
                statement = []
            elif inside_body:
                continue
            elif token == ";":
                self.declare(statement, scopes[-1])
                statement = []
            else:
                statement.append(token)

    def opened(self, statement, scope):
        """The scope that begins with a brace after this statement."""
        words = [word for word in statement if word != "inline"]
        if words[:1] == ["namespace"]:
            return "unnamed" if len(words) == 1 or scope == "unnamed" else "named"
        if words == ["extern"]:
            return scope
        self.declare(statement, scope)
        return "body"

    def declare(self, statement, scope):
        name = self.name_of(statement)
        if not name:
            return
        self.declared.add(name)
        if scope == "unnamed" or self.has_internal_linkage(statement):
            self.private.add(name)

    @staticmethod
    def has_internal_linkage(statement):
        head = statement[: statement.index("(")] if "(" in statement else statement
        return "static" in head or "constexpr" in head or "consteval" in head or ("const" in head and "(" not in statement)

    def name_of(self, statement):
        statement = self.without_template_head(statement)
        if statement[:1] == ["using"]:
            if statement[1:2] == ["namespace"]:
                if not statement[-1].endswith("_literals"):
                    self.directives.add(tuple(statement[2:]))
                return None
            return statement[1] if "=" in statement else statement[-1]
        if "operator" in statement:
            return "operator"
        for kind in range(len(statement)):
            if statement[kind] in KINDS and (kind == 0 or statement[0] != "friend"):
                rest = [word for word in statement[kind + 1 :] if word not in KINDS and word not in ("[[", "]]", "alignas")]
                qualified = len(rest) > 1 and rest[1] in ("::", "<")
                return rest[0] if rest and WORD.fullmatch(rest[0]) and not qualified else None
        depth, last = 0, None
        for position, token in enumerate(statement):
            if token == "<":
                depth += 1
            elif token == ">":
                depth -= 1
            elif depth == 0 and token in ("(", "=", "["):
                break
            elif depth == 0 and WORD.fullmatch(token):
                last = None if position and statement[position - 1] == "::" and self.is_definition(statement, position) else token
        return None if last is None or (last.isupper() and "(" in statement) else last

    @staticmethod
    def is_definition(statement, position):
        """Whether a qualified name is what is defined (`void Class::f(`), not a type before it (`std::string f(`)."""
        return statement[position + 1 : position + 2] in (["("], ["="], ["["], [])

    @staticmethod
    def without_template_head(statement):
        while statement[:1] == ["template"] and statement[1:2] == ["<"]:
            depth = 0
            for end, token in enumerate(statement):
                depth += (token == "<") - (token == ">")
                if end and depth == 0:
                    break
            statement = statement[end + 1 :]
        return statement


class Sources:
    """All files that were asked for, read once."""

    def __init__(self, root):
        self.root, self.files, self.closures = root, {}, {}

    def file(self, path):
        if path not in self.files:
            self.files[path] = File(path.read_text(encoding="utf-8", errors="replace"))
        return self.files[path]

    def headers(self, path):
        """Our headers that this file includes, directly or not."""
        if path not in self.closures:
            self.closures[path] = found = set()
            waiting = [path]
            while waiting:
                at = waiting.pop()
                for name in self.file(at).includes:
                    for folder in (self.root / "include", self.root / "src", at.parent, self.root / "tests", self.root):
                        header = folder / name
                        if header.is_file():
                            if header not in found:
                                found.add(header)
                                waiting.append(header)
                            break
        return self.closures[path]

    def goes_with(self, path, other):
        file, company = self.file(path), self.file(other)
        if file.directives != company.directives or file.private & company.words or company.private & file.words:
            return False
        mine, theirs = self.headers(path), self.headers(other)
        return not any(file.private & self.file(header).declared for header in theirs - mine) and not any(
            company.private & self.file(header).declared for header in mine - theirs
        )

    def has_room(self, group, path):
        return (
            len(group) < MOST_FILES
            and sum(self.file(member).size for member in group) + self.file(path).size <= MOST_BYTES
            and all(self.goes_with(path, member) for member in group)
        )


def grouped(sources, paths, earlier):
    """The files of a target in groups: those they had, then neighbours, which include much the same, then any."""
    groups, placed = [], set()
    for members in earlier:
        group = []
        for path in members:
            if path in paths and path not in placed and sources.has_room(group, path):
                group.append(path)
                placed.add(path)
        groups.append(group)
    for path in paths:
        if path in placed or sources.file(path).defines_macros:
            continue
        near = (group for group in groups if group and group[0].parent == path.parent and sources.has_room(group, path))
        group = next(near, None)
        if group is None:
            groups.append([path])
        else:
            group.append(path)
    for alone in groups:
        if len(alone) != 1:
            continue
        others = (group for group in groups if group and group is not alone and sources.has_room(group, alone[0]))
        if company := next(others, None):
            company.append(alone.pop())
    return [group for group in groups if len(group) > 1]


def read_groups(output):
    """The groups of each target in the file that an earlier run wrote."""
    earlier = {}
    if output.exists():
        for target, group, path in re.findall(r"^# (\S+) (\d+) (.+)$", output.read_text(), re.MULTILINE):
            earlier.setdefault(target, {}).setdefault(group, []).append(pathlib.Path(path))
    return {target: list(groups.values()) for target, groups in earlier.items()}


def written(target, groups):
    lines = []
    for number, group in enumerate(groups):
        lines += [f"# {target} {number} {path}" for path in group]
        files = "\n  ".join(f'"{path}"' for path in group)
        lines.append(f"set_source_files_properties(\n  {files}\n  TARGET_DIRECTORY {target} PROPERTIES UNITY_GROUP {number})")
    lines.append(f"set_target_properties({target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)")
    return lines


def main():
    listed, output = (pathlib.Path(argument) for argument in sys.argv[1:3])
    sources = Sources(pathlib.Path(__file__).resolve().parent.parent)
    targets, taken = {}, set()
    for line in listed.read_text().splitlines():
        target, path = line.split("\t")
        if path not in taken and pathlib.Path(path).is_file():  # a file of two targets stays alone in the second
            taken.add(path)
            targets.setdefault(target, []).append(pathlib.Path(path))
    earlier = read_groups(output)
    lines = []
    for target, paths in targets.items():
        if groups := grouped(sources, paths, earlier.get(target, [])):
            lines += written(target, groups)
    text = "\n".join(lines) + "\n"
    if not output.exists() or output.read_text() != text:
        output.write_text(text)


if __name__ == "__main__":
    main()
