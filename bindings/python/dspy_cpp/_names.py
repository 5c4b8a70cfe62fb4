"""Every public name of DSPy 3.4.1 and its place here: what `python -m dspy_cpp.migrate` and the guide read.

A row is the name, what holds (`same`, `differs`, `cpp`: only from C++ or the command line, `none`), the name here, the
name in C++, and what to know."""

from __future__ import annotations

from typing import NamedTuple


class Name(NamedTuple):
    status: str
    python: str
    cpp: str
    note: str


_ROWS = """
# Signatures
Signature | same | Signature | Signature | text, or a class; limits of fields are enforced, not only written
SignatureMeta | differs | | | signatures here are no pydantic models; their metaclass is private
InputField | same | InputField | Field, notes | desc, prefix, default and limits
OutputField | same | OutputField | Field, notes | the same
OldField | none | | | InputField or OutputField
OldInputField | none | | | InputField
OldOutputField | none | | | OutputField
ensure_signature | differs | Signature | Signature::parse | modules take text and classes alike
make_signature | differs | Signature | Signature | Signature("a -> b", "instructions")
infer_prefix | cpp | | make_field | labels are made from names
signatures | none | | | a module of DSPy's own layout
# Modules
Module | same | Module | Module | forward, aforward, named_predictors, save, load, deepcopy, batch
BaseModule | differs | Module | | use Module
Predict | same | Predict | Predict | settings by name; no `callbacks`
ChainOfThought | same | ChainOfThought | ChainOfThought | the thoughts are the output `reasoning`
ReAct | same | ReAct | ReAct | tools are functions; tools that go with the request where the model takes them
ReActV2 | differs | ReAct | ReAct | protocol="native"
ProgramOfThought | same | ProgramOfThought | ProgramOfThought | Python in a sandbox of bubblewrap; no Deno
CodeAct | same | CodeAct | CodeAct | any tool, not only plain functions
RLM | same | RLM | RLM |
Flex | none | | | code that an optimizer writes
BestOfN | same | BestOfN | BestOfN | reward_fn(inputs, prediction); fail_count counts failures, 0 allows none
Refine | same | Refine | Refine | the reward may say why: (number, feedback)
MultiChainComparison | cpp | | MultiChainComparison |
Parallel | differs | Module.batch | run_batch | program.batch(rows, concurrency=…)
KNN | cpp | | Knn |
majority | cpp | | majority, SelfConsistency | in a plan: samples, vote_on
Avatar | none | | | ReAct
predict | none | | | a module of DSPy's own layout
primitives | none | | | a module of DSPy's own layout
# Data
Example | same | Example | Example | values are JSON: models and dataclasses become dicts
Prediction | same | Prediction | Prediction | `info` has usage, repairs, refused replies, probabilities
Completions | none | | Reply | ask several times: BestOfN, or LM.complete(n=…)
# Types of fields
Type | none | | Type | types are pydantic models, dataclasses, TypedDicts, Enums
Image | cpp | "dspy.Image" in notation | Image | values as dicts: {"url": …}, {"data": …, "media_type": …}
Audio | cpp | "dspy.Audio" in notation | Audio | the same
File | cpp | "dspy.File" in notation | File | the same
History | cpp | "dspy.History" in notation | History | {"messages": […]}
Code | cpp | 'Code["python"]' in notation | Code |
Reasoning | cpp | "dspy.Reasoning" in notation | |
Tool | same | Tool | FunctionTool | or a plain function
ToolCalls | cpp | "dspy.ToolCalls" in notation | |
ToolCallResults | none | | ToolOutcome |
# Adapters
Adapter | differs | Adapter | Adapter | Adapter("chat").render(…) and .parse(…); not for deriving in Python
ChatAdapter | same | adapter="chat" | ChatAdapter | DSPy's structure, sentences of our own; chat@dspy-3.3 for the older one
JSONAdapter | same | adapter="json" | JsonAdapter |
XMLAdapter | same | adapter="xml" | XmlAdapter | xml@dspy-3.5 for its literal text
TwoStepAdapter | same | adapter="two_step" | TwoStepAdapter |
BAMLAdapter | none | | | the field and json adapters tell types
adapters | none | | | a module of DSPy's own layout
# Language models
LM | differs | LM | LM, lm | a URI: llama:…, openai/…, anthropic/…; no LiteLLM
BaseLM | differs | FunctionLM | LM | a function of a request
lm15 | differs | LM.complete | Request, Reply | requests and replies as dicts, with the same members
Embedder | same | Embedder | Embedder | a URI or a function
Provider | none | | ProviderLM |
TrainingJob | none | | BootstrapFinetune | trains by a command on this machine
clients | none | | | a module of DSPy's own layout
configure_cache | cpp | | cached, Cache | dspy.toml, or a wrapper around an LM
inspect_history | differs | prediction.info | TraceLog | nothing is kept unless asked for
track_usage | differs | prediction.get_lm_usage() | Prediction::usage | always counted
is_retryable_lm_error | cpp | | is_retryable | errors have a `kind`
resolve_interpreter_factory | cpp | | python_interpreters |
# Errors
DSPyError | same | Error | Error | one class, a subclass for each kind
AdapterParseError | same | ParseError | Errc::parse_error | `facts` has what could be read
LMError | differs | Error | Error |
LMAuthError | same | AuthenticationFailed | Errc::authentication_failed |
LMBillingError | same | BillingError | Errc::billing_error |
LMRateLimitError | same | RateLimitExceeded | Errc::rate_limit_exceeded |
LMTimeoutError | same | Timeout | Errc::timeout | a TimeoutError too
LMServerError | same | Unavailable | Errc::unavailable |
LMTransportError | same | Unavailable | Errc::unavailable |
LMInvalidRequestError | same | Refused | Errc::refused |
LMUnsupportedFeatureError | same | Unsupported | Errc::unsupported |
LMUnsupportedModelError | same | ModelNotFound | Errc::model_not_found |
LMConfigurationError | same | ConfigError | Errc::config_error |
LMNotConfiguredError | same | ConfigError | Errc::config_error |
LMProviderError | differs | Unavailable | Errc::unavailable |
LMUnexpectedError | differs | InferenceFailed | Errc::inference_failed |
LMLockTimeoutError | none | | | no credential files are locked
LMCollectionLimitError | none | | |
LMStreamAssemblyError | same | StreamBroken | Errc::stream_broken |
ContextWindowExceededError | same | ContextTooLong | Errc::context_too_long |
CodeInterpreterError | cpp | | Execution |
CodeExecutionError | cpp | | CodeError |
# Running
configure | same | configure | configure | lm and adapter; process-wide, from any thread
settings | same | settings | settings | lm and adapter
context | differs | copies | with_lm | no ambient context: predict(lm=…), or a copy that differs
load_settings | none | | | dspy.toml
load | differs | Module.load | load | no pickles: make the program, then load(path)
asyncify | differs | acall | acall | every module can be awaited
syncify | differs | calls | wait | every module can be called
streamify | differs | Predict.stream, astream | stream | an iterator of pieces, the prediction last
streaming | none | | | a module of DSPy's own layout
configure_dspy_loggers | cpp | | set_log_sink |
enable_logging | cpp | | set_log_sink |
disable_logging | cpp | | set_log_sink | the library prints nothing by itself
enable_litellm_logging | none | | | there is no LiteLLM
disable_litellm_logging | none | | | there is no LiteLLM
utils | none | | | a module of DSPy's own layout
dsp | none | | | a module of DSPy's own layout
threading | none | | | an import that DSPy leaves visible
# Evaluation
Evaluate | same | Evaluate | Evaluate | the result has an interval, and can go on from a checkpoint
evaluate | none | | | a module of DSPy's own layout
evaluate.EvaluationResult | same | EvaluationResult | EvaluationResult |
evaluate.EM | differs | metrics.exact_match() | metrics::em | a metric of an example and a prediction
evaluate.normalize_text | same | metrics.normalize_text | metrics::normalize_text |
evaluate.answer_exact_match | same | metrics.answer_exact_match | metrics::exact_match |
evaluate.answer_passage_match | same | metrics.answer_passage_match | metrics::passage_match |
evaluate.SemanticF1 | cpp | | metrics::SemanticF1 |
evaluate.CompleteAndGrounded | cpp | | metrics::CompleteAndGrounded |
# Optimizers
LabeledFewShot | same | LabeledFewShot | LabeledFewShot |
BootstrapFewShot | same | BootstrapFewShot | BootstrapFewShot |
BootstrapFewShotWithRandomSearch | same | BootstrapFewShotWithRandomSearch | BootstrapFewShotWithRandomSearch |
BootstrapRS | same | BootstrapRS | |
BootstrapFewShotWithOptuna | same | BootstrapFewShotWithOptuna | BootstrapFewShotWithOptuna | our own estimator; no Optuna
MIPROv2 | same | MIPROv2 | MiproV2 |
GEPA | same | GEPA | Gepa | one budget, never exceeded
COPRO | same | COPRO | Copro |
SIMBA | same | SIMBA | Simba |
InferRules | same | InferRules | InferRules |
KNNFewShot | same | KNNFewShot | KnnFewShot | the training set is answered once, when it is compiled
BetterTogether | differs | BetterTogether | BetterTogether | a stage that trains weights is a BootstrapFinetune
Ensemble | cpp | | Ensemble |
BootstrapFinetune | differs | BootstrapFinetune | BootstrapFinetune | trains by a command on this machine
AvatarOptimizer | none | | |
bootstrap_trace_data | none | | | traces of runs: Evaluate(keeps_traces=True)
teleprompt | none | | | a module of DSPy's own layout
propose | none | | | a module of DSPy's own layout
# Retrieval and code
Retrieve | differs | Store.search | Retriever |
Embeddings | cpp | Store.search | retrievers::Embeddings |
EmbeddingsWithScores | cpp | Store.search | retrievers::Embeddings | scores always come along
ColBERTv2 | none | | |
retrievers | none | | | a module of DSPy's own layout
PythonInterpreter | cpp | | PythonInterpreter | or WasmInterpreter: Pyodide, as there
LocalInterpreter | cpp | | PythonInterpreter | allow_unsandboxed
CodeInterpreter | cpp | | Interpreter |
FinalOutput | cpp | | Execution |
SandboxSerializable | none | | |
# Experimental
experimental.Noul | cpp | | DecisionsSettings | outputs that are decided by measured probabilities
experimental.Choice | cpp | | DecisionsSettings |
experimental.Score | cpp | | DecisionsSettings |
experimental.TypeSafe | none | | |
experimental.ReAnchor | same | ReAnchor | ReAnchor |
experimental.Citations | cpp | "dspy.Citations" in notation | Citations |
experimental.Document | cpp | "dspy.Document" in notation | Document |
"""


def _read() -> tuple[dict[str, Name], dict[str, str]]:
    names, groups, group = {}, {}, ""
    for line in _ROWS.strip().splitlines():
        if line.startswith("# "):
            group = line[2:]
            continue
        name, status, python, cpp, note = ([*(part.strip() for part in line.split("|")), "", ""])[:5]
        names[name] = Name(status, python, cpp, note)
        groups[name] = group
    return names, groups


NAMES, GROUPS = _read()

_WORDS = {"same": "the same", "differs": "differs", "cpp": "in C++", "none": "none"}


def table() -> str:
    """The table of the guide, in Markdown."""
    lines, group = [], ""
    for name, row in NAMES.items():
        if GROUPS[name] != group:
            group = GROUPS[name]
            lines += ["", f"### {group}", "", "| DSPy | here | Python | C++ | to know |", "|---|---|---|---|---|"]
        shown = [f"`{part}`" if part else "" for part in (row.python, row.cpp)]
        lines.append(f"| `{name}` | {_WORDS[row.status]} | {shown[0]} | {shown[1]} | {row.note} |")
    return "\n".join(lines).strip() + "\n"
