#!/usr/bin/env python3
"""Writes src/signature/notation/identifier_table.hpp: which characters may stand in a Python identifier.

Characters that Python turns into others (NFKC) are left out: a name is kept as it is written.
"""

import sys
import unicodedata


def ranges(holds):
    out = []
    for code in range(0x80, 0x110000):
        if 0xD800 <= code < 0xE000 or not holds(chr(code)):
            continue
        if out and out[-1][1] == code - 1:
            out[-1][1] = code
        else:
            out.append([code, code])
    return out


def table(name, comment, holds):
    lines = [f"/// {comment}", f"inline constexpr CharacterRange {name}[] = {{"]
    line = "   "
    for first, last in ranges(holds):
        item = f" {{0x{first:X}, 0x{last:X}}},"
        if len(line) + len(item) > 120:
            lines.append(line)
            line = "   "
        line += item
    return "\n".join([*lines, line, "};", ""])


def is_stable(character):
    return unicodedata.normalize("NFKC", character) == character


sys.stdout.write(
    "\n".join(
        [
            "#pragma once",
            "",
            f"// Made by tools/identifier_table.py from Unicode {unicodedata.unidata_version}; make it again rather than change it.",
            "",
            "namespace dspy {",
            "",
            "struct CharacterRange {",
            "  char32_t first;",
            "  char32_t last;",
            "};",
            "",
            "// clang-format off",
            table(
                "starting_letters",
                "May begin a name, beside ASCII letters and `_`.",
                lambda c: c.isidentifier() and is_stable(c),
            ),
            table(
                "continuing_letters",
                "May follow in a name, beside `starting_letters` and ASCII digits.",
                lambda c: ("a" + c).isidentifier() and not c.isidentifier() and is_stable(c),
            ),
            "// clang-format on",
            "",
            "}  // namespace dspy",
            "",
        ]
    )
)
