#!/usr/bin/env python3
"""A program in Python on the embedded model: run it from the repository's root.

    PYTHONPATH=build/release/python python examples/python/triage.py"""

from typing import Literal

import dspy_cpp as dspy

dspy.configure(lm="llama:models/dspy-tiny.gguf?temperature=0")


class Triage(dspy.Signature):
    """Sort a support ticket."""

    ticket: str = dspy.InputField()
    priority: Literal["low", "normal", "high"] = dspy.OutputField()
    urgent: bool = dspy.OutputField()


triage = dspy.Predict(Triage)
for ticket in ("The printer burns.", "How do I change my picture?"):
    made = triage(ticket=ticket)
    print(f"{ticket} -> {made.priority}, {made.urgent}, {made.get_lm_usage()['completion_tokens']} tokens")
