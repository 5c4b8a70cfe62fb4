"""Signatures: text, classes, and Python's types in them."""

import datetime
import enum
from dataclasses import dataclass
from typing import Annotated, Literal, Optional

import pydantic
import pytest

import dspy_cpp as dspy


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Person(pydantic.BaseModel):
    name: str
    age: int = pydantic.Field(ge=0)


@dataclass
class Place:
    city: str
    zip: Optional[str] = None


class Extract(dspy.Signature):
    """Extract what the text says."""

    text: str = dspy.InputField(desc="Any text.")
    people: list[Person] = dspy.OutputField()
    place: Place = dspy.OutputField()
    colour: Colour = dspy.OutputField()
    mood: Literal["good", "bad"] = dspy.OutputField(desc="Of the writer.")
    day: Optional[datetime.date] = dspy.OutputField()
    count: Annotated[int, pydantic.Field(ge=1)] = dspy.OutputField()


def test_a_class_says_instructions_fields_and_types():
    assert Extract.instructions == "Extract what the text says."
    assert list(Extract.input_fields) == ["text"]
    assert list(Extract.output_fields) == ["people", "place", "colour", "mood", "day", "count"]
    assert Extract.input_fields["text"]["description"] == "Any text."
    assert Extract.output_fields["mood"]["type"] == "Literal['good', 'bad']"
    assert Extract.output_fields["count"]["schema"] == {"type": "integer", "minimum": 1}


def test_outputs_are_values_of_the_declared_types(scripted):
    scripted(
        '{"people": [{"name": "Ada", "age": 36}], "place": {"city": "Bern"}, "colour": "blue", "mood": "good",'
        ' "day": "2026-11-29", "count": 3}'
    )
    made = dspy.Predict(Extract, adapter="json")(text="…")
    assert made.people == [Person(name="Ada", age=36)]
    assert made.place == Place("Bern")
    assert made.colour is Colour.BLUE
    assert made.day == datetime.date(2026, 11, 29)
    assert (made.mood, made.count) == ("good", 3)


def test_limits_are_enforced(scripted):
    scripted('{"n": 0}', '{"n": 7}')

    class Count(dspy.Signature):
        text: str = dspy.InputField()
        n: int = dspy.OutputField(ge=1)

    made = dspy.Predict(Count, adapter="json")(text="…")
    assert made.n == 7
    assert made.info["failures"][0]["violations"][0]["rule"] == "ge"


def test_text_and_custom_types():
    made = dspy.Signature("text -> people: list[Person], mood: Literal['a', 'b']", "Look.", {"Person": Person, "Literal": Literal})
    assert made.instructions == "Look."
    assert made.output_fields["people"]["schema"]["items"]["properties"]["age"]["type"] == "integer"
    assert list(dspy.Signature("a, b: int -> c: float").input_fields) == ["a", "b"]


def test_with_instructions_is_a_copy():
    other = Extract.with_instructions("Otherwise.")
    assert (other.instructions, Extract.instructions) == ("Otherwise.", "Extract what the text says.")
    assert list(other.output_fields) == list(Extract.output_fields)


def test_a_derived_class_adds_fields():
    class More(Extract):
        title: str = dspy.OutputField()

    assert list(More.output_fields)[-1] == "title"
    assert More.instructions == Extract.instructions


@pytest.mark.parametrize("notation", ["no arrow", "a -> a", "a -> b: nosuch", "a ->"])
def test_a_wrong_notation_is_a_signature_error(notation):
    with pytest.raises(dspy.SignatureError):
        dspy.Signature(notation)


def test_a_field_that_is_neither_is_refused():
    with pytest.raises(dspy.SignatureError, match="neither input nor output"):

        class Wrong(dspy.Signature):
            text: str
            answer: str = dspy.OutputField()


def test_a_type_that_nothing_says_is_refused_by_name():
    class Thing:
        pass

    with pytest.raises(dspy.SignatureError, match=r"`Wrong\.answer`.*Thing"):

        class Wrong(dspy.Signature):
            text: str = dspy.InputField()
            answer: Thing = dspy.OutputField()


def test_a_dataclass_in_several_fields_is_one_type():
    @dataclass
    class Part:
        size: int

    @dataclass
    class Pair:
        left: Part
        right: Part

    class Joined(dspy.Signature):
        pair: Pair = dspy.InputField()
        parts: list[Part] = dspy.OutputField()

    lm = dspy.ScriptedLM(["Parts: [{\"size\": 1}, {\"size\": 2}]"])
    made = dspy.Predict(Joined, lm=lm)(pair=Pair(Part(1), Part(2)))
    assert made.parts == [Part(1), Part(2)]
