"""Labels learned only from the demonstrations, from easy to hard.

``repeat_text`` and ``pair_text`` are plain documents in which something seen earlier must be
found again.  ``mapping`` is the same in the chat format: exact keys first (``key``), then words
grouped by meaning (``category``), whole sentences (``mood``) and tickets (``ticket``), always with
labels that are drawn anew for each document.  ``word_function`` is a transformation shown by
example or named in the instructions.
"""

from __future__ import annotations

import random

from . import ticket_texts, words
from .base import (
    IM_END,
    IM_START,
    TRAIN,
    Field,
    Item,
    RawText,
    Record,
    Split,
    expand,
    held_out,
    literal,
)
from .reviews import review
from .signatures import default_instructions

INPUT_NAMES = ["item"] * 4 + ["input", "text", "word", "example", "sentence", "thing", "object"]
LABEL_NAMES = ["label"] * 4 + ["class", "output", "group", "tag", "code", "category", "kind"]
LISTING = [
    "[Classify|Sort] the {i} into {l}.",
    "The {o} is one of {l}.",
    "[Choose|Pick] the {o}: {l}.",
    "Give the {o} of the {i}. Use {l}.",
]
SILENT = [
    "Give the {o} of the {i}.",
    "Label the {i}.",
    "[Follow|Learn from] the examples.",
    "Do [the same|it like the examples].",
    "Classify the {i}.",
]
PHRASES = ["{w}", "{w}", "{w}", "the {w}", "a {w}", "I saw the {w}.", "There is a {w} here."]
PLAIN_WORDS = sorted(set(words.LABEL_WORDS + words.CATEGORY_WORDS + words.ITEMS + words.FOODS))


def label_words(rng: random.Random, count: int, split: Split) -> list[str]:
    """Words used as arbitrary labels; one in six combinations is held out.

    Single words cannot be held out: a word that is never a label in training is one the model
    learns never to write there.
    """
    while True:
        labels = _distinct(lambda: _label_word(rng), count)
        if held_out(" ".join(sorted(labels))) == split.names:
            return labels


def _label_word(rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.7:
        return rng.choice(words.LABEL_WORDS)
    return rng.choice(PLAIN_WORDS) if draw < 0.97 else words.invented(rng, capitalised=False)


def _distinct(make, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        word = make()
        if word not in found:
            found.append(word)
    return found


def repeat_text(rng: random.Random) -> RawText:
    """A random sequence of words, then the same sequence again."""
    sequence = " " + " ".join(rng.choice(PLAIN_WORDS) for _ in range(rng.randint(6, 36)))
    return RawText(
        "repeat", [(sequence, False), (sequence, True)] + [(sequence, True)] * (rng.random() < 0.2)
    )


def pair_text(rng: random.Random) -> RawText:
    """Lines of ``key: label`` in which the keys come back; loss on the labels that can be known.

    The key and its label stand as close as in a list, as far apart as in a chat turn, or anything
    between: the look-up is found at short distances first and stretched from there.
    """
    lead, middle, end = _frame(rng)
    if rng.random() < 0.7:
        count = rng.choice((2, 3, 4, 6, 8, 10))
        classes = [[key] for key in _distinct(lambda: rng.choice(PLAIN_WORDS), count)]
    else:
        names = rng.sample(list(words.CATEGORIES), rng.choice((2, 2, 3, 4)))
        classes = [words.CATEGORIES[name] for name in names]
    labels = label_words(rng, len(classes), TRAIN)
    if len(classes) > 3 and rng.random() < 0.3:  # several keys share a label
        labels = [rng.choice(labels[:2]) for _ in classes]
    parts, seen = [], set()
    order = list(range(len(classes)))
    sequence = order + rng.choices(order, k=rng.randint(6, 20))
    if rng.random() < 0.5:
        rng.shuffle(sequence)
    for i in sequence:
        parts += [(f"{lead}{rng.choice(classes[i])}{middle}", False), (f" {labels[i]}", i in seen)]
        parts.append((end, False))
        seen.add(i)
    return RawText("pairs", parts)


def _frame(rng: random.Random) -> tuple[str, str, str]:
    """What stands before a key, between key and label, and after the label."""
    source, target = rng.choice(INPUT_NAMES).capitalize(), rng.choice(LABEL_NAMES).capitalize()
    draw = rng.random()
    if draw < 0.15:
        return rng.choice((("", ":", "\n"), ("", " =", "\n"), ("- ", " ->", "\n")))
    if draw < 0.3:
        gap = rng.choice(("\n", "\n\n"))
        return f"{source}: ", f"{gap}{target}:", gap
    if draw < 0.45:  # the same few words between every key and its label
        noise = "".join(f" {rng.choice(PLAIN_WORDS)}" for _ in range(rng.randint(1, 8)))
        return f"{source}: ", f"{noise}\n{target}:", "\n"
    if draw < 0.65:  # parts of the marks of a chat turn
        middle = rng.choice(
            (
                f"\n\n{target}:\n{target}:",
                f"\n\n{target}:{IM_END}\n{target}:",
                f"{IM_END}\n{IM_START}assistant\n{target}:",
                f"\n\n{target}:{IM_END}\n{IM_START}assistant\n",
                f"\n{target}:{IM_END}\n{IM_START}assistant\n{target}:",
            )
        )
        lead = rng.choice(("", f"{IM_START}user\n")) + f"{source}: "
        return lead, middle, rng.choice((f"{IM_END}\n", "\n"))
    return (
        f"{IM_START}user\n{source}: ",
        f"\n\n{target}:{IM_END}\n{IM_START}assistant\n{target}:",
        f"{IM_END}\n",
    )


def _ticket(rng: random.Random, category: str) -> str:
    slots = {"i": rng.choice(words.ITEMS), "d": rng.randint(2, 60), "c": rng.choice(words.CITIES)}
    about = expand(rng, rng.choice(ticket_texts.WITHOUT_ORDER), **slots)
    text = expand(rng, rng.choice(ticket_texts.ISSUES[category]), s=about, S=about, **slots)
    return text[0].upper() + text[1:]


def mapping(
    rng: random.Random,
    split: Split = TRAIN,
    *,
    kind: str = "category",
    count: int | None = None,
    shots: int | None = None,
    listed: bool | None = None,
    true_labels: bool = False,
    plain_labels: bool = False,
) -> Item:
    """Classify an input by the labels that the demonstrations use."""
    count = count or rng.choice((2, 2, 2, 3, 4) if kind != "key" else (2, 2, 3, 4, 5, 6))
    if kind == "mood":
        count = 2
    if shots is None:
        usual = (2, 3, 4, 4, 5, 6, 6, 8, 8, 10, 12)
        shots = rng.choice((4, 6, 8, 8, 12, 16, 20) if kind == "key" else usual)
    if kind == "category":
        classes = rng.sample(list(words.CATEGORIES), count)
        phrase = rng.choice(PHRASES[:1] if plain_labels else PHRASES)

        def show(c: str) -> str:
            return phrase.format(w=rng.choice(words.CATEGORIES[c]))

    elif kind == "mood":
        classes = rng.sample(["positive", "negative"], 2)

        def show(c: str) -> str:
            return review(rng, split, c == "positive")

    elif kind == "ticket":
        classes, shots = rng.sample(ticket_texts.CATEGORIES, count), min(shots, 8)

        def show(c: str) -> str:
            return _ticket(rng, c)

    else:
        classes = _distinct(lambda: rng.choice(PLAIN_WORDS), count)

        def show(c: str) -> str:
            return c

    labels = list(classes) if true_labels else label_words(rng, count, split)
    source = Field("item" if plain_labels else rng.choice(INPUT_NAMES))
    name = "label" if plain_labels else rng.choice(LABEL_NAMES)
    listed = rng.random() < 0.6 if listed is None else listed
    order = rng.sample(labels, count)
    type_, instructions = "str", ""
    slots = {"i": source.name, "o": name}
    if (listed and (plain_labels or rng.random() < 0.55)) or true_labels:
        type_ = literal(order)
    elif listed:
        some = ", ".join(order[:-1]) + " or " + order[-1]
        instructions = expand(rng, rng.choice(LISTING), l=some, **slots)
    target = Field(name, type_)
    if not instructions and not plain_labels:
        draw = rng.random()
        if draw < 0.45:
            instructions = expand(rng, rng.choice(SILENT), **slots)
        elif draw < 0.6:
            instructions = default_instructions([source], [target])

    sequence: list[int] = []
    while len(sequence) < shots:
        sequence += rng.sample(range(count), count)
    sequence = sequence[:shots]
    rng.shuffle(sequence)
    sequence.append(rng.randrange(count))
    examples: list[tuple[Record, Record]] = [
        ({source.name: show(classes[c])}, {name: labels[c]}) for c in sequence
    ]
    learn = [true_labels or c in sequence[:i] for i, c in enumerate(sequence)]
    learn[-1] = learn[-1] or listed
    return Item("mapping", [source], [target], instructions, examples, learn=learn)


FUNCTIONS = {
    "first": (lambda w: w[0], ["Give the first word.", "Write the first word of the input."]),
    "last": (lambda w: w[-1], ["Give the last word.", "Write the last word of the input."]),
    "second": (lambda w: w[1], ["Give the second word.", "Write the second word of the input."]),
    "reverse": (
        lambda w: " ".join(w[::-1]),
        ["Reverse the words.", "Write the words in reverse order."],
    ),
    "count": (lambda w: str(len(w)), ["Count the words.", "How many words are there?"]),
    "copy": (lambda w: " ".join(w), ["Copy the words.", "Repeat the input."]),
}


def word_function(
    rng: random.Random,
    split: Split = TRAIN,
    *,
    named: bool | None = None,
    shots: int | None = None,
    plain_labels: bool = False,
) -> Item:
    """A small transformation of a few words, named or only shown."""
    shots = rng.choice((0, 1, 2, 3, 4, 6)) if shots is None else shots
    named = shots == 0 or rng.random() < 0.35 if named is None else named
    function, wordings = FUNCTIONS[rng.choice(list(FUNCTIONS))]
    instructions = rng.choice(wordings) if named else expand(rng, rng.choice(SILENT[2:4]))
    source = Field("input" if plain_labels else rng.choice(("input", "words", "text")))
    target = Field("output" if plain_labels else rng.choice(("output", "result", "answer")))
    examples: list[tuple[Record, Record]] = []
    for _ in range(shots + 1):
        given = [rng.choice(words.CATEGORY_WORDS) for _ in range(rng.randint(2, 5))]
        examples.append(({source.name: " ".join(given)}, {target.name: function(given)}))
    return Item("function", [source], [target], instructions, examples)
