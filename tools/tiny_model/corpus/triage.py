"""Support tickets sorted into typed fields.

The rules behind the labels, in plain words: the category is what the ticket is about; priority is
``high`` or ``low`` only if the text says so, else ``medium``; sentiment follows an angry or
friendly sentence, else it is ``negative`` when money is asked back and ``neutral`` otherwise; the
order id is copied as written or ``none``; a refund is requested only if the text asks for one.
"""

from __future__ import annotations

import random

from . import ticket_texts as texts
from . import words
from .base import TRAIN, Field, Item, Record, Split, capital, expand, literal
from .signatures import default_instructions, demonstrations

INPUT_NAMES = (
    ["ticket"] * 6 + ["message"] * 4 + ["email", "text", "request", "complaint", "support_ticket"]
)
INSTRUCTIONS = [
    "Sort the [support |]ticket.",
    "Sort the support ticket.",
    "Triage the [support |]ticket.",
    "[Read|Look at] the [message|ticket|email] and fill in the fields.",
    "Extract the fields from the [customer |][message|ticket|email].",
    "Classify the [support |][message|ticket|email|request].",
    "You are a support agent.[| Sort the ticket.| Classify the message.]",
    "Analyze the [ticket|message].",
    "Sort [support tickets|customer messages|tickets].",
    "Route the ticket to the right team.",
    "Fill in the [ticket|support] form.",
    "[Find|Give] the [category|type] of the ticket and the other fields.",
]
NOTES = {
    "category": ["what the ticket is about", "the kind of problem", "the topic", "the team"],
    "priority": ["how urgent it is", "the urgency"],
    "sentiment": ["the mood of the customer", "how the customer feels"],
    "order_id": ["the order number", "none if absent", "as written"],
    "refund_requested": ["does the customer want money back", "is a refund asked for"],
}
FIELDS = ["category", "priority", "sentiment", "order_id", "refund_requested"]
COMMON = [
    ["category", "priority", "refund_requested"],
    ["category", "priority", "refund_requested"],
    ["category", "priority"],
    ["category", "sentiment"],
    ["category"],
    ["order_id", "refund_requested"],
]


def order_id(rng: random.Random) -> str:
    """An order id in one of many shapes."""
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    shape = rng.randrange(8)
    if shape == 0:
        return f"#{rng.randint(1000, 99999)}"
    if shape == 1:
        return f"ORD-{rng.randint(100, 99999)}"
    if shape == 2:
        return f"{rng.choice(letters)}{rng.randint(100, 9999)}"
    if shape in (3, 4):
        return f"{rng.choice(letters)}-{rng.randint(100, 99999)}"
    if shape == 5:
        return f"{rng.choice(letters)}{rng.choice(letters)}-{rng.randint(100, 9999)}"
    if shape == 6:
        return f"20{rng.randint(20, 27)}-{rng.randint(1000, 9999)}"
    return str(rng.randint(1000, 999999))


def ticket(rng: random.Random, split: Split) -> tuple[str, Record]:
    """A ticket's text and its labels."""
    held = split.wording
    category = rng.choice(texts.CATEGORIES)
    priority = rng.choice(("low", "medium", "medium", "high"))
    mood = rng.choice(("negative", "none", "none", "positive"))
    refund = rng.random() < 0.35
    number = order_id(rng) if rng.random() < 0.6 else None
    slots = {"i": rng.choice(words.ITEMS), "d": rng.randint(2, 60), "c": rng.choice(words.CITIES)}

    issue = rng.choice((texts.HELD_ISSUES if held else texts.ISSUES)[category])
    embedded = number is not None and "{s}" in issue.lower() and rng.random() < 0.6
    about = expand(
        rng, rng.choice(texts.WITH_ORDER if embedded else texts.WITHOUT_ORDER), o="\0", **slots
    )
    issue = capital(expand(rng, issue, s=about, S=capital(about), **slots))
    mention = ""
    if number is not None and not embedded:
        mention = rng.choice(texts.HELD_MENTION_ORDER if held else texts.MENTION_ORDER)
    wishes = (
        (texts.HELD_REFUND_YES if held else texts.REFUND_YES)
        if refund
        else (texts.HELD_REFUND_NO if held else texts.REFUND_NO)
    )
    wish = expand(rng, rng.choice(wishes))
    if issue.endswith(".") and wish and rng.random() < 0.4:
        joiner = rng.choice((", ", ", ", " and ", " - ", ", so "))
        keep = wish.startswith(("I ", "URGENT"))
        issue = issue[:-1] + joiner + (wish if keep else wish[0].lower() + wish[1:])
        wish = ""
    parts = [
        issue,
        expand(rng, rng.choice((texts.HELD_URGENCY if held else texts.URGENCY)[priority])),
        expand(rng, rng.choice((texts.HELD_SENTIMENT if held else texts.SENTIMENT)[mood])),
        wish,
        expand(rng, mention, o="\0") if mention else "",
    ]
    parts = [p for p in parts if p]
    if rng.random() < 0.6:
        rng.shuffle(parts)
    greeting = rng.choice(texts.GREETINGS)
    text = " ".join([greeting, *parts] if greeting else parts)
    if rng.random() < 0.25:
        text += " " + rng.choice(texts.SIGN_OFFS).format(n=words.person(rng, split))
    manner = rng.random()
    if manner < 0.1:
        text = text.lower()
    elif manner < 0.16:
        text = text.lower().replace(".", "").replace(",", "")
    elif manner < 0.26:
        text = text.replace(".", "!")
    if number is not None and text.islower() and rng.random() < 0.5:
        number = number.lower()
    text = text.replace("\0", number or "")
    sentiment = mood if mood != "none" else "negative" if refund else "neutral"
    return text, {
        "category": category,
        "priority": priority,
        "sentiment": sentiment,
        "order_id": number,
        "refund_requested": refund,
    }


def _field(rng: random.Random, name: str, plain: bool) -> Field:
    note = "" if plain or rng.random() < 0.88 else rng.choice(NOTES[name])
    if name == "category":
        if plain or rng.random() < 0.65:
            return Field(name, "str", note)
        return Field(name, literal(rng.sample(texts.CATEGORIES, len(texts.CATEGORIES))), note)
    if name == "priority":
        choices = ["low", "medium", "high"]
        if not plain and rng.random() < 0.2:
            rng.shuffle(choices)
        return Field(name, literal(choices) if plain or rng.random() < 0.85 else "str", note)
    if name == "sentiment":
        choices = ["negative", "neutral", "positive"]
        if not plain:
            rng.shuffle(choices)
        return Field(name, literal(choices) if plain or rng.random() < 0.8 else "str", note)
    if name == "order_id":
        return Field(name, "str" if not plain and rng.random() < 0.5 else "Optional[str]", note)
    return Field(name, "bool", note)


def triage(
    rng: random.Random,
    split: Split = TRAIN,
    *,
    fields: list[str] | None = None,
    shots: int | None = None,
    plain_labels: bool = False,
) -> Item:
    """A ticket and the fields to fill in."""
    if fields is None:
        draw = rng.random()
        if draw < 0.45:
            fields = list(FIELDS)
        elif draw < 0.8:
            fields = rng.choice(COMMON)
        else:
            fields = rng.sample(FIELDS, rng.randint(1, 4))
    outputs = [_field(rng, name, plain_labels) for name in fields]
    source = Field("ticket" if plain_labels else rng.choice(INPUT_NAMES))
    instructions = (
        expand(rng, rng.choice(INSTRUCTIONS)) if plain_labels or rng.random() < 0.8 else ""
    )
    if not instructions and rng.random() < 0.4:
        instructions = default_instructions([source], outputs)
    if instructions and not plain_labels and rng.random() < 0.2:
        chosen = rng.sample(texts.CATEGORIES, len(texts.CATEGORIES))
        instructions += f" Category is one of {', '.join(chosen)}."

    def example() -> tuple[Record, Record]:
        text, labels = ticket(rng, split)
        return {source.name: text}, {name: labels[name] for name in fields}

    return Item("triage", [source], outputs, instructions, demonstrations(rng, example, shots))
