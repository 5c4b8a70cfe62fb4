#!/usr/bin/env python3
"""Writes the table of names in docs/guide/migration.md; with --check, says whether it is the one that the package has."""

import importlib.util
import pathlib
import sys

root = pathlib.Path(__file__).resolve().parent.parent
spec = importlib.util.spec_from_file_location("names", root / "bindings/python/dspy_cpp/_names.py")
names = importlib.util.module_from_spec(spec)
spec.loader.exec_module(names)

mark = "<!-- names: python tools/migration_table.py -->\n"
page = root / "docs/guide/migration.md"
text = page.read_text(encoding="utf-8")
wanted = text.partition(mark)[0] + mark + "\n" + names.table()
if "--check" in sys.argv:
    if text != wanted:
        print("docs/guide/migration.md has another table of names; run python tools/migration_table.py")
    sys.exit(text != wanted)
page.write_text(wanted, encoding="utf-8")
