"""What a training item is and how it is written.

An :class:`Item` is one signature (inputs, outputs, instructions) with worked examples; the last
example is the question being asked, the ones before it are demonstrations.  :func:`messages`
writes an item exactly as dspy-cpp's ``FieldAdapter`` does, so that what the model reads in
training is what it will read in use.
"""

from __future__ import annotations

import random
import re
import zlib
from dataclasses import dataclass

Value = str | int | float | bool | list | None
Record = dict[str, Value]

IM_START, IM_END, END_OF_TEXT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"

_ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True)
class Split:
    """Which side of the train/test split an item is drawn from.

    ``names``: use held-out names and cities (all invented), label combinations and operands.
    ``wording``: use held-out statement, question and ticket templates.
    """

    names: bool = False
    wording: bool = False


TRAIN = Split()
TEST = Split(names=True)
TEST_WORDING = Split(names=True, wording=True)


def held_out(key: str) -> bool:
    """True for one in six keys, by hash: those never occur in training."""
    return zlib.crc32(key.encode()) % 6 == 0


def expand(rng: random.Random, template: str, **slots: object) -> str:
    """Resolve ``[a|b|c]`` alternatives (they may nest), then fill ``{slot}`` places."""
    while "[" in template:
        template = _ALTERNATIVES.sub(lambda m: rng.choice(m[1].split("|")), template)
    return template.format(**slots) if "{" in template else template


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class Field:
    """One field of a signature. ``kind`` is its type in arrow notation."""

    name: str
    kind: str = "str"
    note: str = ""
    bounds: str = ""

    @property
    def label(self) -> str:
        """The field's name in words: ``order_id`` becomes ``Order id``."""
        return capital(self.name.replace("_", " "))

    @property
    def choices(self) -> list[str]:
        """The allowed values of a ``Literal``, else an empty list."""
        return re.findall(r"'([^']*)'", self.kind)

    def hint(self) -> str:
        """The line that asks for this field after the inputs."""
        notes = [self.note] if self.note else []
        kind = self.kind
        optional = kind.startswith("Optional[")
        if optional:
            kind = kind[len("Optional[") : -1]
        if self.bounds:
            notes.append(self.bounds)
        elif kind == "bool":
            notes.append("true or false")
        elif kind == "int":
            notes.append("a whole number")
        elif kind == "float":
            notes.append("a number")
        elif kind.startswith("list"):
            notes.append("a JSON list")
        elif kind.startswith("Literal"):
            notes.append("one of: " + ", ".join(self.choices))
        if optional:
            notes.append("optional")
        return f"{self.label}:" + (f" ({'; '.join(notes)})" if notes else "")


def literal(choices: list[str]) -> str:
    """The arrow-notation type of an enumeration."""
    return "Literal[" + ",".join(f"'{c}'" for c in choices) + "]"


@dataclass
class Item:
    """One document: a signature, its instructions and its examples (the last is the question).

    ``learn`` says for each example whether its answer can be known from what precedes it; training
    takes no loss on the others (all are learned if it is left out). An example may leave out an
    input: then the turn does not show it.
    """

    skill: str
    inputs: list[Field]
    outputs: list[Field]
    instructions: str
    examples: list[tuple[Record, Record]]
    cell: str = ""
    learn: list[bool] | None = None

    @property
    def signature(self) -> str:
        """The signature in arrow notation."""

        def side(fields: list[Field]) -> str:
            return ", ".join(f.name if f.kind == "str" else f"{f.name}: {f.kind}" for f in fields)

        return f"{side(self.inputs)} -> {side(self.outputs)}"

    @property
    def expected(self) -> Record:
        """The outputs of the question."""
        return self.examples[-1][1]


@dataclass
class RawText:
    """A document without chat structure; loss is taken on the listed parts."""

    skill: str
    parts: list[tuple[str, bool]]


def write_value(value: Value) -> str:
    """A field's value as the adapter writes it into a prompt."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return "\n" + "\n".join(f"[{i}] {v}" for i, v in enumerate(value, 1))
    return str(value)


def write_input(f: Field, value: Value) -> str:
    """One ``Label: value`` block of a user turn."""
    text = write_value(value)
    return f"{f.label}:{text}" if text.startswith("\n") or not text else f"{f.label}: {text}"


def escape(block: str, outputs: list[Field]) -> str:
    """A backslash before each further line of an input that looks like an output label."""
    if "\n" not in block:
        return block
    labels = "|".join(re.escape(f.label) for f in outputs)
    return re.sub(rf"\n(?=(?:{labels}):)", r"\n\\", block)


def write_output(f: Field, value: Value) -> str:
    """One ``Label: value`` line of an assistant turn; lists are JSON there."""
    if isinstance(value, list):
        return f"{f.label}: [" + ", ".join(f'"{v}"' for v in value) + "]"
    return f"{f.label}: {write_value(value)}"


def messages(item: Item) -> list[tuple[str, str]]:
    """The item as (role, content) pairs; the last one is the answer being asked for."""
    turns = [("system", item.instructions)] if item.instructions else []
    hints = "\n".join(f.hint() for f in item.outputs)
    for given, wanted in item.examples:
        shown = [f for f in item.inputs if f.name in given]
        lines = "\n".join(escape(write_input(f, given[f.name]), item.outputs) for f in shown)
        turns.append(("user", f"{lines}\n\n{hints}"))
        turns.append(
            ("assistant", "\n".join(write_output(f, wanted[f.name]) for f in item.outputs))
        )
    return turns


def prompt(item: Item) -> str:
    """The ChatML prompt up to and including the opened assistant turn."""
    turns = messages(item)[:-1]
    return "".join(f"{IM_START}{r}\n{c}{IM_END}\n" for r, c in turns) + f"{IM_START}assistant\n"
