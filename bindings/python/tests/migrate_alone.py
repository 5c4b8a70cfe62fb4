#!/usr/bin/env python3
"""`dspy_cpp.migrate` needs nothing compiled: it is run here without the rest of the package."""

import importlib
import pathlib
import sys
import tempfile
import types

package = types.ModuleType("dspy_cpp")
package.__path__ = [str(pathlib.Path(__file__).resolve().parents[1] / "dspy_cpp")]
sys.modules["dspy_cpp"] = package
migrate = importlib.import_module("dspy_cpp.migrate")

PROGRAM = """
import dspy
import dspy as d
from dspy.teleprompt import GEPA as Evolve
from dspy.evaluate import SemanticF1

dspy.configure(lm=dspy.LM("openai/x", api_key="k"))

class Rag(dspy.Module):
    def __init__(self):
        self.answer = d.ChainOfThought("question -> answer")

score = dspy.evaluate.answer_exact_match
with dspy.context(lm=None):
    pass
dspy.Flex()
dspy.invented()
other.dspy
"""

found = {(one.name, one.status) for one in migrate.findings(PROGRAM)}
wanted = {
    ("GEPA", "same"),
    ("evaluate.SemanticF1", "cpp"),
    ("configure", "same"),
    ("LM", "differs"),
    ("LM(api_key=…)", "differs"),
    ("Module", "same"),
    ("ChainOfThought", "same"),
    ("evaluate.answer_exact_match", "same"),
    ("context", "differs"),
    ("Flex", "none"),
    ("invented", "none"),
}
assert found == wanted, (found - wanted, wanted - found)
lines = {one.name: one.line for one in migrate.findings(PROGRAM)}
assert (lines["ChainOfThought"], lines["Flex"]) == (11, 16), lines
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "program.py"
    path.write_text("import dspy\ndspy.Predict('a -> b')\n", encoding="utf-8")
    assert migrate.main([str(path)]) == 0
    path.write_text("import dspy\ndspy.Flex()\n", encoding="utf-8")
    assert migrate.main([str(path)]) == 1
    path.write_text("import (", encoding="utf-8")
    assert migrate.main([str(path)]) == 2
    assert migrate.main([str(path) + ".gone"]) == 2
print("migrate: all well")
