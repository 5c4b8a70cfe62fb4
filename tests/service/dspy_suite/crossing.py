"""A pytest plug-in: DSPy's own tests over dspy_cpp.

What DSPy does by itself is done by the library instead: its adapters read replies, its scripted model answers through a
model of the library, its metrics of texts and its search of embeddings compute there. Prompts of DSPy's adapters are also
written by the library, which must put the same fields and values into its own. A counter says which tests crossed into the
library; `--crossings FILE` writes, for each test, what came of it and how often it crossed."""

import json
import re

import pytest

# Words of notations that the library has to know as well.
PLAIN = {"str", "int", "float", "bool", "list", "dict", "tuple", "set", "List", "Dict", "Tuple", "Literal", "Optional", "Union", "Any", "None"}
COUNT = {"now": 0}
RESULTS = {}


def crossed():
    COUNT["now"] += 1


def pytest_addoption(parser):
    parser.addoption("--crossings", default=None, help="write what crossed to this file")


def pytest_configure(config):
    import dspy
    from dspy.adapters.utils import parse_value
    from dspy.utils.callback import with_callbacks

    import dspy_cpp
    from dspy_cpp import _dspy

    def reader(name, adapter_class, label):
        native = dspy_cpp.Adapter(name)
        # Without the calls of callbacks around it, which go around ours.
        original = getattr(adapter_class.parse, "__wrapped__", adapter_class.parse)

        def parse(self, signature, completion):
            if type(self) is not adapter_class:
                return original(self, signature, completion)  # an adapter of the test's own
            try:
                asked = _dspy.native_signature_of(signature)
            except Exception:  # noqa: BLE001: a type that the library has no place for stays DSPy's
                return original(self, signature, completion)
            crossed()
            try:
                made = native.parse(asked, completion)
            except dspy_cpp.ParseError as error:
                from dspy.utils.exceptions import AdapterParseError

                raise AdapterParseError(
                    adapter_name=label,
                    signature=signature,
                    lm_response=completion,
                    message=str(error),
                    parsed_result=error.facts.get("partial"),
                ) from error
            values = {}
            plain = made.toDict()
            for field, info in signature.output_fields.items():
                value = plain[field]
                is_plain = isinstance(value, (str, int, float, list, dict, type(None))) and info.annotation is not str
                values[field] = parse_value(value, info.annotation) if is_plain else value
            return values

        adapter_class.parse = with_callbacks(parse)
        original_format = adapter_class.format

        def format(self, signature, demos, inputs):
            messages = original_format(self, signature, demos, inputs)
            if type(self) is adapter_class:
                compare_prompt(native, signature, demos, inputs)
            return messages

        adapter_class.format = format

    def compare_prompt(native, signature, demos, inputs):
        """Our prompt for the same question names all outputs, and has all that is said."""
        try:
            asked = _dspy.native_signature_of(signature)
        except Exception:  # noqa: BLE001: as above
            return
        plain = {name: inputs[name] for name in signature.input_fields if isinstance(inputs.get(name), (str, int, float, bool))}
        if set(plain) != set(signature.input_fields):
            return  # values of DSPy's own types, histories, and inputs that are missing are compared elsewhere
        try:
            written = native.render(asked, plain)
        except dspy_cpp.BadInput:
            return  # a value of another type than the field's: DSPy warns, the library refuses
        crossed()
        text = "\n".join(part if isinstance(part, str) else json.dumps(part) for part in (one["content"] for one in written))
        for name, value in plain.items():
            if isinstance(value, str):
                assert value.strip() in text, f"the library's prompt lacks the input `{name}`: {text}"
        for name in signature.output_fields:
            assert name in text, f"the library's prompt lacks the output `{name}`: {text}"

    reader("chat", dspy.ChatAdapter, "ChatAdapter")
    reader("json", dspy.JSONAdapter, "JSONAdapter")
    reader("xml", dspy.XMLAdapter, "XMLAdapter")

    # The scripted model's texts go through a model of the library.
    from dspy.utils import dummies

    scripted = dummies.DummyLM
    original_forward = scripted.forward

    def forward(self, *args, **kwargs):
        made = original_forward(self, *args, **kwargs)
        choices = getattr(made, "choices", None)
        if not choices:
            return made
        for choice in choices:
            text = choice.message.content
            if not isinstance(text, str):
                continue
            lm = dspy_cpp.ScriptedLM([text])
            crossed()
            choice.message.content = lm.complete([{"role": "user", "content": "?"}])["completions"][0].get("text", "")
        return made

    scripted.forward = forward
    metrics()
    embeddings()
    notations()
    files()


def metrics():
    """DSPy's comparisons of texts, by ours."""
    import dspy.evaluate.metrics as theirs

    from dspy_cpp import metrics as ours

    original = theirs.normalize_text

    def normalize_text(text):
        if not isinstance(text, str):
            return original(text)
        crossed()
        return ours.normalize_text(text)

    theirs.normalize_text = normalize_text


def embeddings():
    """The nearest passages of `dspy.Embeddings`, by a store of ours: the same as DSPy's own, in the same order."""
    import tempfile

    import dspy_cpp
    import numpy
    from dspy.retrievers import embeddings as theirs

    original = theirs.Embeddings._rerank_and_predict

    def rerank(self, vectors, candidates):
        found = original(self, vectors, candidates)
        if getattr(self, "index", None) is not None or not self.normalize:
            return found  # FAISS compresses; what is not normalized is compared by another measure
        if not hasattr(self, "_dspy_cpp_store"):
            self._dspy_cpp_folder = tempfile.TemporaryDirectory()
            self._dspy_cpp_store = dspy_cpp.Store(f"{self._dspy_cpp_folder.name}/index")
            rows = [{"id": str(i), "text": text or " "} for i, text in enumerate(self.corpus)]
            self._dspy_cpp_store.upsert(rows, numpy.ascontiguousarray(self.corpus_embeddings, dtype=numpy.float32))
        crossed()
        for vector, (passages, indices, scores) in zip(vectors, found):
            hits = self._dspy_cpp_store.search(vector=vector, k=len(passages))
            # Of equal scores either may be first.
            if len(set(numpy.round(scores, 4))) == len(scores):
                assert [int(hit["id"]) for hit in hits] == list(indices), (hits, list(scores))
            assert numpy.allclose(sorted(hit["score"] for hit in hits), sorted(scores), atol=1e-3), (hits, scores)
        return found

    theirs.Embeddings._rerank_and_predict = rerank


def notations():
    """Signatures written as text, read by the library too: the same fields, on the same sides, in the same order."""
    import dspy_cpp
    from dspy.signatures import signature as theirs

    original = theirs._parse_signature

    def parse(signature, names=None):
        fields = original(signature, names)
        try:
            read = dspy_cpp.Predict(signature).native_signature
        except dspy_cpp.SignatureError:
            if set(re.findall(r"[A-Za-z_]\w*", signature)) - set(fields) <= PLAIN:
                raise
            return fields  # it names classes of the test, which text cannot say to the library
        crossed()
        inputs = [name for name, (_, field) in fields.items() if field.json_schema_extra["__dspy_field_type"] == "input"]
        outputs = [name for name in fields if name not in inputs]
        assert [one["name"] for one in read.inputs] == inputs, (signature, read.inputs)
        assert [one["name"] for one in read.outputs] == outputs, (signature, read.outputs)
        return fields

    theirs._parse_signature = parse


def files():
    """Files of programs that DSPy writes are read by the library: the same predictors, instructions and demonstrations."""
    import dspy_cpp
    from dspy_cpp import _core, _dspy

    import dspy

    original = dspy.Module.save

    class Read(dspy_cpp.Module):
        def __init__(self, parts):
            self.all = parts

        def _parts(self):
            return list(self.all.items())

    def save(self, path, save_program=False, *args, **kwargs):
        made = original(self, path, save_program, *args, **kwargs)
        if save_program or not str(path).endswith(".json"):
            return made
        predictors = dict(self.named_predictors())
        try:
            parts = {name: dspy_cpp.Predict(_dspy.native_signature_of(one.signature)) for name, one in predictors.items()}
        except Exception:  # noqa: BLE001: a type that the library has no place for
            return made
        if not parts or any(type(one) is not dspy.Predict for one in predictors.values()):
            return made
        with open(path, encoding="utf-8") as file:
            _core._load_text(Read(parts), file.read(), True, True)
        crossed()
        for name, one in predictors.items():
            assert parts[name].instructions == one.signature.instructions, name
            assert len(parts[name].demos) == len(one.demos), name
        return made

    dspy.Module.save = save


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    COUNT["now"] = 0
    return (yield)


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        RESULTS[report.nodeid] = {"outcome": report.outcome, "crossings": COUNT["now"]}


def pytest_sessionfinish(session):
    place = session.config.getoption("--crossings")
    if place:
        with open(place, "w", encoding="utf-8") as file:
            json.dump(RESULTS, file, indent=1)
