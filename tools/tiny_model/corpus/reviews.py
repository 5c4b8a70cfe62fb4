"""Opinions about products, films and places, and whether they are good or bad."""

from __future__ import annotations

import random

from . import words
from .base import TRAIN, Field, Item, Record, Split, capital, expand, literal
from .signatures import default_instructions, demonstrations

SUBJECTS = [
    "{i}",
    "{i}",
    "{i}",
    "film",
    "book",
    "hotel",
    "food",
    "service",
    "show",
    "game",
    "journey",
]
GOOD = (
    "great|wonderful|excellent|perfect|fantastic|lovely|amazing|very good|charming|beautiful|superb"
)
BAD = "terrible|awful|horrible|bad|poor|boring|ugly|useless|dreadful|very bad|a waste of money"
POSITIVE = [
    "I [love|really like|enjoy|adore] [this|the] {s}.",
    f"[The|This] {{s}} is [{GOOD}].",
    f"What a [{GOOD}] {{s}}!",
    "I am [very|so|really] happy with [the|this] {s}.",
    "The {s} works [perfectly|very well|great].",
    f"It is a [{GOOD}] {{s}}.",
    "Best {s} [ever|I know]!",
    "I would buy [the|this] {s} again.",
    "The {s} made me smile.",
    "[Everyone|My family] loves the {s}.",
    "I can recommend [the|this] {s}.",
]
NEGATIVE = [
    "I [hate|dislike|regret buying|cannot stand] [this|the] {s}.",
    f"[The|This] {{s}} is [{BAD}].",
    "What [a terrible|an awful|a horrible|a bad|a boring] {s}!",
    "I am [very|so|really] [unhappy|disappointed] with [the|this] {s}.",
    "The {s} [broke at once|does not work|was a mistake].",
    "It is [a terrible|an awful|a bad|a poor] {s}.",
    "Worst {s} [ever|I know]!",
    "I would never buy [the|this] {s} again.",
    "The {s} made me angry.",
    "[Nobody|No one in my family] likes the {s}.",
    "Do not buy [the|this] {s}.",
]
HELD_POSITIVE = ["I think the {s} is really great.", "Such a lovely {s}, I am happy."]
HELD_NEGATIVE = ["I think the {s} is really awful.", "Such a horrible {s}, I am disappointed."]

INPUT_NAMES = ["sentence", "review", "text", "comment", "opinion", "message"]
INSTRUCTIONS = [
    "[Classify|Find|Detect] the [sentiment|mood] of the [sentence|review|text].",
    "Is the [sentence|review|text] positive or negative?",
    "Classify [the emotion|the review|sentiment].",
    "Say how the [writer|customer] feels.",
]


def review(rng: random.Random, split: Split, good: bool) -> str:
    """An opinion of one or two sentences."""
    if split.wording:
        forms = HELD_POSITIVE if good else HELD_NEGATIVE
    else:
        forms = POSITIVE if good else NEGATIVE
    about = expand(rng, rng.choice(SUBJECTS), i=rng.choice(words.ITEMS))
    text = capital(expand(rng, rng.choice(forms), s=about))
    if rng.random() < 0.2:
        text += " " + capital(expand(rng, rng.choice(forms), s=about))
    return text.lower() if rng.random() < 0.06 else text


def sentiment(
    rng: random.Random,
    split: Split = TRAIN,
    *,
    form: str | None = None,
    shots: int | None = None,
    plain_labels: bool = False,
) -> Item:
    """An opinion, judged as a word, a truth value, or a rating with bounds."""
    form = form or rng.choice(("word", "word", "bool", "rating", "score"))
    source = Field("sentence" if plain_labels else rng.choice(INPUT_NAMES))
    if form == "word":
        choices = ["positive", "negative"]
        if not plain_labels:
            rng.shuffle(choices)
        typed = plain_labels or rng.random() < 0.75
        target = Field("sentiment", literal(choices) if typed else "str")
        values: tuple = ("negative", "positive")
    elif form == "bool":
        name = "positive" if plain_labels else rng.choice(("positive", "sentiment", "is_positive"))
        target, values = Field(name, "bool"), (False, True)
    elif form == "rating":
        target = Field("rating", "int", bounds="a whole number from 1 to 5")
        values = (1, 5)
    else:
        target = Field("score", "float", bounds="a number from 0 to 1")
        values = (0.1, 0.9)
    instructions = expand(rng, rng.choice(INSTRUCTIONS)) if rng.random() < 0.65 else ""
    if not instructions and not plain_labels and rng.random() < 0.3:
        instructions = default_instructions([source], [target])

    def example() -> tuple[Record, Record]:
        good = rng.random() < 0.5
        return {source.name: review(rng, split, good)}, {target.name: values[good]}

    return Item("sentiment", [source], [target], instructions, demonstrations(rng, example, shots))
