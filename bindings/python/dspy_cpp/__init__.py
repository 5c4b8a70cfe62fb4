"""DSPy's programming model on a native engine: signatures, modules, evaluation, optimizers and local models.

    import dspy_cpp as dspy

    dspy.configure(lm="llama:model.gguf")
    dspy.ChainOfThought("question -> answer")(question="…").answer
"""

from __future__ import annotations

import atexit as _atexit
import os as _os

# The engine's plug-in lies beside this file in a wheel.
_plugin = _os.path.join(_os.path.dirname(__file__), "lib", "dspy-llama-plugin.so")
if _os.path.exists(_plugin):
    _os.environ.setdefault("DSPY_LLAMA_PLUGIN", _plugin)

from . import _core  # noqa: E402
from ._arrow import arrow_vectors  # noqa: E402
from ._core import Adapter, EvaluationResult, Example, Prediction, load_flow  # noqa: E402
from ._errors import *  # noqa: E402, F403
from ._errors import __all__ as _errors_all  # noqa: E402
from ._evaluate import Evaluate  # noqa: E402
from ._lm import LM, FunctionLM, ScriptedLM, configure, settings  # noqa: E402
from ._modules import (  # noqa: E402
    BestOfN,
    ChainOfThought,
    CodeAct,
    Flow,
    Module,
    Predict,
    ProgramOfThought,
    ReAct,
    RLM,
    Refine,
)
from ._optimizers import (  # noqa: E402
    COPRO,
    GEPA,
    SIMBA,
    BetterTogether,
    BootstrapFewShot,
    BootstrapFewShotWithOptuna,
    BootstrapFewShotWithRandomSearch,
    BootstrapFinetune,
    BootstrapRS,
    InferRules,
    InstructionProposer,
    KNNFewShot,
    LabeledFewShot,
    MIPROv2,
    ReAnchor,
)
from ._retrieve import Embedder, Store  # noqa: E402
from ._serve import Server, serve  # noqa: E402
from ._signatures import InputField, OutputField, Signature  # noqa: E402
from ._streams import Piece  # noqa: E402
from ._tools import Tool  # noqa: E402

__version__ = _core.version

_atexit.register(_core._begin_exit)
if hasattr(_os, "register_at_fork"):
    _os.register_at_fork(after_in_child=_core._after_fork)

__all__ = [
    "COPRO",
    "GEPA",
    "LM",
    "SIMBA",
    "Adapter",
    "BestOfN",
    "BetterTogether",
    "BootstrapFewShot",
    "BootstrapFewShotWithOptuna",
    "BootstrapFewShotWithRandomSearch",
    "BootstrapFinetune",
    "BootstrapRS",
    "ChainOfThought",
    "CodeAct",
    "Embedder",
    "Evaluate",
    "EvaluationResult",
    "Example",
    "Flow",
    "FunctionLM",
    "InferRules",
    "InputField",
    "InstructionProposer",
    "KNNFewShot",
    "LabeledFewShot",
    "MIPROv2",
    "Module",
    "OutputField",
    "Piece",
    "Predict",
    "Prediction",
    "ProgramOfThought",
    "RLM",
    "ReAct",
    "ReAnchor",
    "Refine",
    "ScriptedLM",
    "Server",
    "Signature",
    "Store",
    "Tool",
    "arrow_vectors",
    "compile",
    "configure",
    "load_flow",
    "serve",
    "settings",
    *_errors_all,
]


def __getattr__(name: str):
    # What needs DSPy itself is loaded when it is asked for.
    if name == "compile":
        from ._compile import compile

        return compile
    if name == "metrics":
        from importlib import import_module

        return import_module(".metrics", __name__)
    if name == "under_dspy":
        from . import _dspy

        return _dspy
    raise AttributeError(f"module `dspy_cpp` has no `{name}`")
