"""A pytest plug-in: DSPy's own tests over dspy_cpp.

What DSPy does by itself is done by the library instead: its adapters read replies, its scripted model answers through a
model of the library, prompts of signatures are also written here and compared in structure. A counter says which tests
crossed into the library; `--crossings FILE` writes, for each test, what came of it and how often it crossed."""

import json

import pytest

COUNT = {"now": 0}
RESULTS = {}


def crossed():
    COUNT["now"] += 1


def pytest_addoption(parser):
    parser.addoption("--crossings", default=None, help="write what crossed to this file")


def pytest_configure(config):
    import dspy
    from dspy.adapters.utils import parse_value

    import dspy_cpp
    from dspy_cpp import _dspy

    def reader(name, adapter_class, label):
        native = dspy_cpp.Adapter(name)
        original = adapter_class.parse

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

        adapter_class.parse = parse

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
