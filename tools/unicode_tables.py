#!/usr/bin/env python3
"""Writes src/base/unicode/unicode_{tables.hpp,kinds.cpp,cases.cpp,singles.cpp,doubles.cpp} from Python's Unicode data. Run it from the root."""

import pathlib
import unicodedata as data

POINTS = [p for p in range(0x110000) if not 0xD800 <= p <= 0xDFFF]


def ranges(value_of):
    """Runs of neighbours of one true value: (first, last, value)."""
    out = []
    for point in POINTS:
        value = value_of(chr(point))
        if not value:
            continue
        if out and out[-1][1] == point - 1 and out[-1][2] == value:
            out[-1][1] = point
        else:
            out.append([point, point, value])
    return out


def lower_steps():
    """Runs of points whose lower case is the same distance away: (first, last, step, distance)."""
    pairs = [(p, ord(chr(p).lower()) - p) for p in POINTS if len(chr(p).lower()) == 1 and chr(p).lower() != chr(p)]
    out = []
    for point, distance in pairs:
        run = out[-1] if out else None
        if run and run[3] == distance and (
            (run[0] == run[1] and point - run[1] in (1, 2)) or (run[0] != run[1] and point - run[1] == run[2])
        ):
            run[2] = point - run[1]
            run[1] = point
        else:
            out.append([point, point, 1, distance])
    return out


def table(kind, name, rows):
    texts = ["{" + ",".join(f"0x{n:X}" if n > 9 else str(n) for n in row) + "}" for row in rows]
    lines, line = [], " "
    for text in texts:
        if len(line) + len(text) + 2 > 118:
            lines.append(line.rstrip())
            line = " "
        line += f" {text},"
    lines.append(line)
    body = "\n".join(lines)
    return f"const std::array<{kind}, {len(rows)}> {name} = {{{{\n{body}\n}}}};\n"


def write(name, tables):
    text = (
        f"// Written by tools/unicode_tables.py from the Unicode Character Database {data.unidata_version}.\n"
        '#include "base/unicode/unicode_tables.hpp"\n\n#include <array>\n\nnamespace dspy::unicode {\n\n// clang-format off\n'
        + "\n".join(tables)
        + "// clang-format on\n\n}  // namespace dspy::unicode\n"
    )
    pathlib.Path("src/base/unicode", name).write_text(text, encoding="utf-8")


def main():
    category = lambda kinds: ranges(lambda c: data.category(c)[0] in kinds)
    spans = lambda rows: [row[:2] for row in rows]
    letters, marks, symbols = spans(category("LN")), spans(category("M")), spans(category("PS"))
    classes = ranges(data.combining)
    lower = lower_steps()
    lower = [[a, b, s, d & 0xFFFFFFFF] for a, b, s, d in lower]
    single, double = [], []
    for point in POINTS:
        parts = data.decomposition(chr(point)).split()
        if not parts or parts[0].startswith("<"):
            continue
        (single if len(parts) == 1 else double).append([point, *(int(p, 16) for p in parts)])
    write("unicode_singles.cpp", [table("Single", "singles", single)])
    write("unicode_doubles.cpp", [table("Double", "doubles", double)])
    write("unicode_kinds.cpp", [
        table("Range", "letters_and_numbers", letters),
        table("Range", "marks", marks),
        table("Range", "punctuation_and_symbols", symbols),
    ])  # fmt: skip
    write("unicode_cases.cpp", [table("Class", "combining_classes", classes), table("Lower", "lower_cases", lower)])
    sizes = [letters, marks, symbols, classes, lower, single, double]
    names = ["letters_and_numbers", "marks", "punctuation_and_symbols", "combining_classes", "lower_cases"]
    kinds = ["Range", "Range", "Range", "Class", "Lower"]
    declared = "".join(
        f"extern const std::array<{k}, {len(s)}> {n};\n"
        for k, n, s in zip([*kinds, "Single", "Double"], [*names, "singles", "doubles"], sizes)
    )
    header = f"""#pragma once

// Written by tools/unicode_tables.py.

#include <array>
#include <cstdint>

namespace dspy::unicode {{

struct Range {{
  char32_t first, last;
}};
struct Class {{
  char32_t first, last;
  std::uint8_t value;
}};
/// Each `step`th point is `distance` away from its lower case, modulo 2^32.
struct Lower {{
  char32_t first, last;
  std::uint32_t step, distance;
}};
struct Single {{
  char32_t point, first;
}};
struct Double {{
  char32_t point, first, second;
}};

{declared}
}}  // namespace dspy::unicode
"""
    pathlib.Path("src/base/unicode/unicode_tables.hpp").write_text(header, encoding="utf-8")


main()
