"""Questions answered from a context or from numbered passages, with format instructions."""

from __future__ import annotations

import random
from dataclasses import dataclass

from . import words
from .attributes import Attribute, subject
from .base import TRAIN, Field, Item, Record, Split, capital, expand
from .signatures import default_instructions, demonstrations

CONTEXT_NAMES = ["context"] * 8 + [
    "passage",
    "text",
    "document",
    "facts",
    "notes",
    "story",
    "article",
]
PASSAGES_NAMES = ["passages"] * 6 + ["documents", "context", "chunks", "results"]
QUESTION_NAMES = ["question"] * 9 + ["query", "request"]
ANSWER_NAMES = ["answer"] * 9 + ["reply", "response", "result", "output", "short_answer"]
ANSWER_NOTES = ["a short answer", "the answer", "short", "often a single word", "from the context"]

INSTRUCTIONS = [
    "Answer the question [from|using|with|based on] the [context|text|passages|facts].",
    "Answer [the|a] question [about|on] the [text|context|passages].",
    "Read the [text|context|passages] and answer the question.",
    "Use the [facts|context|passages] to answer[| the question].",
    "Answer [briefly|shortly] from the [passage|passages|text].",
    "Answer the question.",
    "Answer questions [with short answers|briefly|in few words].",
    "Find the answer in the [text|context|passages].",
    "You are a helpful assistant.[| Answer the question.]",
    "You answer questions [from|about] documents.",
    "Look at the [notes|text|passages] and reply to the question.",
    "Give a short answer [from|based on] the [given|] [text|facts|passages].",
]
UNKNOWN_HINTS = [
    "If the answer is not [stated|there|in the text|given], [write|say|answer] {w}.",
    "[Say|Write|Answer|Reply] {w} if the [text|context] does not [tell|say].",
    "When the [context|text] does not say, reply {w}.",
    "Answer {w} when you [do not|cannot] know.",
    "If you do not know, say {w}.",
]
UNKNOWN_WORDS = ["unknown"] * 6 + ["none", "not stated", "missing", "no answer"]

FORMATS = {
    "upper": [
        "[Reply|Answer|Write the answer] in [upper case|capital letters|capitals].",
        "Use [upper case|capital letters][| only].",
    ],
    "lower": [
        "[Reply|Answer|Write the answer] in [lower case|small letters].",
        "Use [lower case|small letters][| only].",
    ],
    "sentence": [
        "[Answer|Reply] [with|in] a [full|complete|whole] sentence.",
        "[Write|Give|Use] a [full|complete] sentence.",
    ],
    "word": [
        "[Reply|Answer] with [one word|a single word|the value only].",
        "[Be brief.|Give one word.|Only the value.|One word only.]",
    ],
}
FORMAT_NOTES = {
    "upper": "in upper case",
    "lower": "in lower case",
    "sentence": "a full sentence",
    "word": "one word",
}
FILLERS = [
    "It was a sunny day.",
    "The meeting starts at noon.",
    "Nobody knew why.",
    "The weather was cold.",
    "This is a short note.",
    "Everyone was happy.",
    "The train was late again.",
    "There is a market on Sunday.",
    "Many people were there.",
    "That was a long time ago.",
]
LEADS = ["As far as I know, ", "Today we know that ", "People say that ", "It is true that "]


@dataclass
class Fact:
    """One statement about one subject."""

    text: str
    subject: str
    name: str
    value: str
    attributes: dict[str, Attribute]


def make_facts(rng: random.Random, split: Split, count: int, rivals: bool = False) -> list[Fact]:
    """``count`` facts about a few subjects, at most one per subject and attribute.

    With ``rivals`` the subjects are of one kind and mostly share two attributes, so that a question
    cannot be answered by its attribute alone: the name has to be compared.
    """
    pool = [subject(rng, split) for _ in range(rng.randint(1, min(4, max(1, count))))]
    shared: list[str] = []
    if rivals:
        _, kind = pool[0]
        shared = rng.sample(list(kind), 2)
        while len(pool) < min(4, count + 1):
            who, attributes = subject(rng, split)
            if attributes is kind:
                pool.append((who, attributes))
        pool = [(who, attributes) for who, attributes in pool if attributes is kind]
    facts: list[Fact] = []
    used = set()
    while len(facts) < count:
        other = rng.random() > 0.85
        who, attributes = subject(rng, split) if other else rng.choice(pool)
        some = [a for a in shared if a in attributes]
        name = rng.choice(some if some and rng.random() < 0.8 else list(attributes))
        if (who, name) in used:
            continue
        used.add((who, name))
        attribute = attributes[name]
        value = attribute.value(rng, split)
        facts.append(Fact(attribute.state(rng, split, who, value), who, name, value, attributes))
    return facts


def _is_person(fact: Fact) -> bool:
    return "friend" in fact.attributes


def write_facts(rng: random.Random, facts: list[Fact]) -> str:
    """The facts as running text: some joined by "and", some with a pronoun, some filler."""
    out: list[str] = []
    last = ""
    merge, refer = rng.random() < 0.35, rng.random() < 0.3
    for fact in facts:
        text = fact.text
        same = fact.subject == last and text.startswith(fact.subject + " ")
        rest = text[len(fact.subject) + 1 :]
        follows = out and out[-1].startswith(fact.subject + " ")
        if same and merge and follows and fact.subject not in rest and " and " not in out[-1]:
            out[-1] = f"{out[-1][:-1]} and {rest}"
        elif same and refer and _is_person(fact) and fact.subject not in rest:
            out.append(f"{words.pronoun(fact.subject)} {rest}")
        elif rng.random() < 0.04:
            starts_with_name = text.startswith(fact.subject) or text.startswith(fact.value)
            out.append(
                rng.choice(LEADS) + (text if starts_with_name else text[0].lower() + text[1:])
            )
        else:
            out.append(text)
        last = fact.subject
    if rng.random() < 0.2:
        out.insert(rng.randint(0, len(out)), rng.choice(FILLERS))
        # A filler between a name and its pronoun would break the reference only for pronouns
        # that follow it; such texts stay readable, so they are kept.
    return " ".join(out)


@dataclass
class Question:
    """A question over facts, with what a good answer needs."""

    text: str
    value: str
    sentence: str
    support: str
    known: bool


def ask(rng: random.Random, split: Split, facts: list[Fact], known: bool, closed: bool) -> Question:
    """A question whose answer is stated in the facts (``known``) or is not."""
    if known:
        options = [f for f in facts if f.value in words.CLOSED] if closed else facts
        fact = rng.choice(options or facts)
        attribute = fact.attributes[fact.name]
        sentence = expand(rng, attribute.sentence, n=fact.subject, v=fact.value)
        return Question(
            attribute.ask(rng, split, fact.subject), fact.value, sentence, fact.text, True
        )
    who, attributes = None, {}
    base = rng.choice(facts)
    if rng.random() < 0.55:  # a known subject, but the attribute is not stated for it
        have = {f.name for f in facts if f.subject == base.subject}
        others = {f.name for f in facts if f.attributes is base.attributes} - have
        missing = [a for a in base.attributes if a not in have]
        if others and rng.random() < 0.7:
            missing = sorted(others)
        if missing:
            who, attributes, name = base.subject, base.attributes, rng.choice(missing)
    if who is None:  # the attribute is stated, but for somebody else
        seen = {f.subject for f in facts}
        while who is None or who in seen:
            who, attributes = subject(rng, split)
        shared = [f.name for f in facts if f.name in attributes]
        name = rng.choice(shared) if shared else rng.choice(list(attributes))
    attribute = attributes[name]
    the = "" if who[0].isupper() else "the "
    support = f"nothing about the {attribute.noun} of {the}{who}."
    return Question(attribute.ask(rng, split, who), "unknown", "", support, False)


def qa(
    rng: random.Random,
    split: Split = TRAIN,
    *,
    facts: int | None = None,
    passages: bool | None = None,
    known: bool | None = None,
    style: str | None = "random",
    reasoned: bool | None = None,
    shots: int | None = None,
    rivals: float = 0.0,
    plain_labels: bool = False,
) -> Item:
    """A question about facts. Options left ``None`` are drawn at random.

    ``rivals`` is the share of contexts in which several subjects share an attribute.
    """
    passages = rng.random() < 0.38 if passages is None else passages
    reasoned = rng.random() < 0.25 if reasoned is None else reasoned
    if style == "random":
        style = rng.choice(list(FORMATS)) if rng.random() < 0.3 else None
    names = PASSAGES_NAMES if passages else CONTEXT_NAMES
    context = Field(
        names[0] if plain_labels else rng.choice(names), "list[str]" if passages else "str"
    )
    question = Field("question" if plain_labels else rng.choice(QUESTION_NAMES))
    answer_name = "answer" if plain_labels else rng.choice(ANSWER_NAMES)
    note = "" if plain_labels or rng.random() < 0.88 else rng.choice(ANSWER_NOTES)
    instructions = expand(rng, rng.choice(INSTRUCTIONS)) if rng.random() < 0.75 else ""
    unknown_word = "unknown"
    if known is None and rng.random() < 0.3:
        unknown_word = rng.choice(UNKNOWN_WORDS)
        rule = expand(rng, rng.choice(UNKNOWN_HINTS), w=unknown_word)
        instructions = f"{instructions} {rule}".strip()
    if style:
        rule = expand(rng, rng.choice(FORMATS[style]))
        if not plain_labels and rng.random() < 0.2:
            note = FORMAT_NOTES[style]
        elif rng.random() < 0.8:
            instructions = f"{instructions} {rule}".strip()
        else:
            instructions = f"{rule} {instructions}".strip()
    closed = style in ("upper", "lower")
    answer_field = Field(answer_name, note=note)
    inputs = [context, question]
    if not plain_labels and rng.random() < 0.08:
        inputs.reverse()
    outputs = [answer_field]
    if reasoned:
        outputs.insert(0, Field("reasoning"))
    if not instructions and not plain_labels and rng.random() < 0.25:
        instructions = default_instructions(inputs, outputs)

    def example() -> tuple[Record, Record]:
        while True:
            number = facts or (
                rng.randint(3, 8) if passages else rng.choice((1, 2, 2, 3, 3, 4, 5, 6))
            )
            made = make_facts(rng, split, number, rng.random() < rivals)
            if not closed or known is False or any(f.value in words.CLOSED for f in made):
                break
        stated = (closed or rng.random() < (0.62 if reasoned else 0.72)) if known is None else known
        asked = ask(rng, split, made, stated, closed)
        order = made if rng.random() < 0.5 else rng.sample(made, len(made))
        value = _styled(style, asked) if asked.known else unknown_word
        given: Record = {question.name: asked.text}
        if passages:
            given[context.name] = [write_facts(rng, part) for part in _split(rng, order)]
        else:
            given[context.name] = write_facts(rng, order)
        support = f"The text says: {asked.support}"
        return given, {"reasoning": support, answer_name: value} if reasoned else {
            answer_name: value
        }

    examples = demonstrations(rng, example, shots)
    return Item("rag" if passages else "qa", inputs, outputs, instructions, examples)


def qa_turns(rng: random.Random) -> Item:
    """One context and many questions about it, in turns; many of them it does not answer.

    The answers differ only by what the context says, so this teaches to look before answering more
    densely than questions with a context each.
    """
    passages, reasoned = rng.random() < 0.4, rng.random() < 0.4
    context = Field("passages" if passages else "context", "list[str]" if passages else "str")
    question, answer = Field("question"), Field(rng.choice(ANSWER_NAMES))
    outputs = [Field("reasoning"), answer] if reasoned else [answer]
    number = rng.randint(3, 8) if passages else rng.randint(1, 6)
    made = make_facts(rng, TRAIN, number, rng.random() < 0.5)
    order = rng.sample(made, len(made))
    text = [write_facts(rng, part) for part in _split(rng, order)]
    given: Record = {context.name: text if passages else write_facts(rng, order)}
    examples: list[tuple[Record, Record]] = []
    for _ in range(rng.randint(4, 10)):
        asked = ask(rng, TRAIN, made, rng.random() < 0.55, False)
        support = f"The text says: {asked.support}"
        thought = {"reasoning": support} if reasoned else {}
        examples.append(
            ({**given, question.name: asked.text}, {**thought, answer.name: asked.value})
        )
        given = {}
    instructions = expand(rng, rng.choice(INSTRUCTIONS)) if rng.random() < 0.75 else ""
    return Item("turns", [context, question], outputs, instructions, examples)


def _split(rng: random.Random, facts: list[Fact]) -> list[list[Fact]]:
    """The facts cut into a few passages, in order."""
    count = min(len(facts), rng.choice((1, 2, 2, 3, 3, 4, 5)))
    parts: list[list[Fact]] = [[] for _ in range(count)]
    for i, fact in enumerate(facts):
        parts[i * count // len(facts)].append(fact)
    return parts


def _styled(style: str | None, asked: Question) -> str:
    if style == "upper":
        return asked.value.upper()
    if style == "lower":
        return asked.value.lower()
    if style == "sentence":
        return capital(asked.sentence)
    return asked.value
