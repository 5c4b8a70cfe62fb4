"""Facts about one person read into several typed fields, some of them optional."""

from __future__ import annotations

import random

from . import words
from .attributes import PERSON
from .base import TRAIN, Field, Item, Record, Split, expand
from .qa import Fact, write_facts
from .signatures import default_instructions, demonstrations

FIELDS = {
    "age": "int",
    "city": "str",
    "job": "str",
    "pet": "str",
    "hobby": "str",
    "language": "str",
}
INPUT_NAMES = ["text", "passage", "document", "note", "message"]
INSTRUCTIONS = [
    "[Extract|Read|Take] the [fields|facts|data] from the text.",
    "[Fill in|Complete] the [form|fields|card].",
    "Who is it about?",
    "Extract [the person|a record] from the [text|note].",
]


def extract(
    rng: random.Random,
    split: Split = TRAIN,
    *,
    fields: int | None = None,
    shots: int | None = None,
    plain_labels: bool = False,
) -> Item:
    """A text about one person and the fields to read from it."""
    source = Field("text" if plain_labels else rng.choice(INPUT_NAMES))
    if fields is None and rng.random() < 0.2:
        return _names(rng, split, source, shots)
    chosen = rng.sample(list(FIELDS), fields or rng.randint(1, 4))
    optional = not plain_labels and rng.random() < 0.4
    outputs = [Field("name")]
    for name in chosen:
        kind = FIELDS[name]
        outputs.append(Field(name, f"Optional[{kind}]" if optional else kind))
    instructions = expand(rng, rng.choice(INSTRUCTIONS)) if rng.random() < 0.65 else ""
    if not instructions and not plain_labels and rng.random() < 0.3:
        instructions = default_instructions([source], outputs)

    def example() -> tuple[Record, Record]:
        who = words.person(rng, split)
        facts: list[Fact] = []
        wanted: Record = {"name": who}
        for name in chosen:
            if optional and rng.random() < 0.35:
                wanted[name] = None
                continue
            value = PERSON[name].value(rng, split)
            wanted[name] = int(value) if FIELDS[name] == "int" else value
            facts.append(Fact(PERSON[name].state(rng, split, who, value), who, name, value, PERSON))
        if not facts or rng.random() < 0.2:
            name = rng.choice(
                [a for a in PERSON if a not in FIELDS and a not in ("born", "friend")]
            )
            value = PERSON[name].value(rng, split)
            facts.append(Fact(PERSON[name].state(rng, split, who, value), who, name, value, PERSON))
        rng.shuffle(facts)
        return {source.name: write_facts(rng, facts)}, wanted

    return Item("extract", [source], outputs, instructions, demonstrations(rng, example, shots))


def _names(rng: random.Random, split: Split, source: Field, shots: int | None) -> Item:
    """All people named in a text, as a list."""
    target = Field("names" if rng.random() < 0.7 else "people", "list[str]")
    wording = rng.choice(("List the people.", "Find all names in the text.", ""))

    def example() -> tuple[Record, Record]:
        facts, people = [], []
        for _ in range(rng.randint(1, 3)):
            who = words.person(rng, split)
            name = rng.choice([a for a in PERSON if a not in ("friend", "born", "city")])
            value = PERSON[name].value(rng, split)
            if who not in people:
                people.append(who)
                facts.append(
                    Fact(PERSON[name].state(rng, split, who, value), who, name, value, PERSON)
                )
        return {source.name: " ".join(f.text for f in facts)}, {target.name: people}

    return Item("extract", [source], [target], wording, demonstrations(rng, example, shots))
