"""A few closed-book questions from a fixed list, greetings, and questions nobody can answer."""

from __future__ import annotations

import random

from . import words
from .base import TRAIN, Field, Item, Record, Split, expand
from .qa import ANSWER_NAMES, QUESTION_NAMES
from .signatures import default_instructions, demonstrations

CAPITALS = {
    "France": "Paris",
    "Germany": "Berlin",
    "Italy": "Rome",
    "Spain": "Madrid",
    "Portugal": "Lisbon",
    "Norway": "Oslo",
    "Austria": "Vienna",
    "Ireland": "Dublin",
    "Greece": "Athens",
    "Poland": "Warsaw",
    "England": "London",
    "Japan": "Tokyo",
    "South Korea": "Seoul",
    "Egypt": "Cairo",
    "Kenya": "Nairobi",
    "Peru": "Lima",
    "Cuba": "Havana",
    "Canada": "Ottawa",
    "Turkey": "Ankara",
    "Vietnam": "Hanoi",
    "India": "Delhi",
    "Latvia": "Riga",
    "Sweden": "Stockholm",
    "Denmark": "Copenhagen",
}
FACTS = [
    (["How many days are in a week?", "How many days does a week have?"], "seven"),
    (["How many months are in a year?", "How many months does a year have?"], "twelve"),
    (["How many legs does a spider have?"], "eight"),
    (["How many legs does a dog have?"], "four"),
    (["What color is the sky?", "Which color has the sky?"], "blue"),
    (["What color is grass?", "What is the color of grass?"], "green"),
    (["What color is snow?", "What is the color of snow?"], "white"),
    (["What color is a banana?"], "yellow"),
    (["What is the largest planet?", "Which planet is the largest?"], "Jupiter"),
    (["What is the largest ocean?", "Which ocean is the largest?"], "Pacific"),
    (["What is the opposite of hot?"], "cold"),
    (["What is the opposite of up?"], "down"),
    (["What is the opposite of big?"], "small"),
    (["What do bees make?"], "honey"),
    (["What do cows drink?"], "water"),
    (["Who wrote Hamlet?", "Who is the author of Hamlet?"], "Shakespeare"),
    (["What is frozen water called?", "What is frozen water?"], "ice"),
    (["What is the first month of the year?", "Which month comes first?"], "January"),
    (["What is your name?", "Who are you?", "What are you?"], "dspy-tiny"),
    (["[Say hello.|Hello!|Hello|Hi|Hi there!|Hey|Good morning!|Say hi.|say hello]"], "Hello!"),
    (["[Thank you!|Thanks!|Thanks a lot!]"], "You are welcome!"),
    (["[Goodbye!|Bye!|Say goodbye.]"], "Goodbye!"),
]
ASK_CAPITAL = [
    "What is the capital of {c}?",
    "What is the capital of {c}?",
    "what is the capital of {c}",
    "What is the capital city of {c}?",
    "Which city is the capital of {c}?",
    "Name the capital of {c}.",
    "What is {c}'s capital?",
    "Tell me the capital of {c}.",
]
ASK_COUNTRY = ["Which country has the capital {v}?", "{v} is the capital of which country?"]
UNANSWERABLE = [
    "What is the capital of {c}ia?",
    "Where does {c} live?",
    "How old is {c}?",
    "Who founded {c}?",
    "What is the name of {c}'s dog?",
    "When was {c} born?",
]
INSTRUCTIONS = [
    "Answer the question.",
    "Answer [briefly|in one word|with short factual answers|questions with short answers].",
    "You are a helpful assistant.",
    "Reply to the [user|question].",
    "Answer the question with a short fact.",
]


def chat(
    rng: random.Random,
    split: Split = TRAIN,
    *,
    kind: str | None = None,
    reasoned: bool | None = None,
    shots: int | None = None,
    plain_labels: bool = False,
) -> Item:
    """A closed-book question."""
    question = Field("question" if plain_labels else rng.choice(QUESTION_NAMES))
    name = "answer" if plain_labels else rng.choice(ANSWER_NAMES)
    reasoned = rng.random() < 0.12 if reasoned is None else reasoned
    outputs = ([Field("reasoning")] if reasoned else []) + [Field(name)]
    instructions = expand(rng, rng.choice(INSTRUCTIONS)) if rng.random() < 0.5 else ""
    if not instructions and not plain_labels and rng.random() < 0.3:
        instructions = default_instructions([question], outputs)

    def example() -> tuple[Record, Record]:
        what = kind or rng.choice(("capital",) * 5 + ("fact",) * 3 + ("country", "unanswerable"))
        if what in ("capital", "country"):
            country, city = rng.choice(list(CAPITALS.items()))
            text = expand(
                rng,
                rng.choice(ASK_CAPITAL if what == "capital" else ASK_COUNTRY),
                c=country,
                v=city,
            )
            value = city if what == "capital" else country
            why = f"The capital of {country} is {city}."
        elif what == "fact":
            texts, value = rng.choice(FACTS)
            text = expand(rng, rng.choice(texts))
            why = "This is a simple question."
        else:
            text = rng.choice(UNANSWERABLE).format(c=words.invented_on_side(rng, split.names))
            value, why = "unknown", "I do not know this."
        return {question.name: text}, {"reasoning": why, name: value} if reasoned else {name: value}

    return Item("chat", [question], outputs, instructions, demonstrations(rng, example, shots))
