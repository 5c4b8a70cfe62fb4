#!/usr/bin/env python3
"""The extension for SQLite, in SQLite; skipped (77) where this Python's SQLite loads no extensions.

usage: sqlite_test.py <dspy_sqlite.so>"""

import json
import os
import sqlite3
import sys

SYSTEM = "/usr/bin/python3"

db = sqlite3.connect(":memory:")
try:
    db.enable_load_extension(True)
except (AttributeError, sqlite3.NotSupportedError):
    if os.path.exists(SYSTEM) and not os.path.samefile(SYSTEM, sys.executable):
        os.execv(SYSTEM, [SYSTEM, *sys.argv])  # whose SQLite may
    print("skipped: this Python's SQLite loads no extensions")
    sys.exit(77)
db.load_extension(sys.argv[1])
replies = json.dumps(["Urgent: true", "Urgent: false", "Urgent: maybe", "Urgent: perhaps"])
assert db.execute("SELECT dspy_open('triage', 'ticket -> urgent: bool', ?)", [replies]).fetchone() == ("triage",)
db.execute("CREATE TABLE tickets (body TEXT)")
db.executemany("INSERT INTO tickets VALUES (?)", [["It burns."], ["It hums."]])
query = "SELECT json_extract(dspy_run('triage', json_object('ticket', body)), '$.outputs.urgent') FROM tickets ORDER BY rowid"
assert db.execute(query).fetchall() == [(1,), (0,)]
assert db.execute("SELECT dspy_run('triage', NULL)").fetchone() == (None,)


def refused(statement, said):
    try:
        db.execute(statement).fetchall()
    except sqlite3.OperationalError as problem:
        assert said in str(problem), problem
    else:
        raise AssertionError(f"{statement} went through")


refused("SELECT dspy_run('nobody', '{}')", "no program is called `nobody`")
refused("SELECT dspy_run('triage', '{}')", "bad_input")
refused("SELECT dspy_run('triage', '{\"ticket\": \"?\"}')", "parse_error")
refused("SELECT dspy_open('x', 'nowhere.json', NULL)", "io_error")
refused("SELECT dspy_open('x', 'a -> b', 'nowhere:y')", "config_error")
db.close()
print("sqlite: all well")
