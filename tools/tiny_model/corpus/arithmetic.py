"""Small arithmetic: sums, differences and the times table, asked plainly or as word problems.

Reasoning is written in steps that a small model can do: a two-digit operand is split into tens
and units, so each step is a table look-up ("27 + 18 = 27 + 10 + 8 = 37 + 8 = 45").
"""

from __future__ import annotations

import random

from . import words
from .base import TRAIN, Field, Item, Record, Split, expand, held_out
from .qa import ANSWER_NAMES
from .signatures import default_instructions, demonstrations

Step = tuple[int, str, int]
Problem = tuple[str, list[Step]]

INSTRUCTIONS = [
    "Solve the [problem|math problem|word problem].",
    "Answer the [math|] question.",
    "[Compute|Calculate|Find] the answer.",
    "You are a careful calculator.",
    "Do the math.",
    "[Answer|Solve] with a number.",
    "Answer questions with numbers.",
    "Think step by step and give the [number|answer].",
    "Work out the result.",
]
PLAIN = [
    "What is {e}?",
    "Compute {e}.",
    "{e}",
    "{e} = ?",
    "Calculate {e}.",
    "How much is {e}?",
    "What is the result of {e}?",
    "Find {e}.",
]
SPOKEN = {
    "+": ["{a} plus {b}", "the sum of {a} and {b}", "{a} and {b} together"],
    "-": ["{a} minus {b}", "{a} take away {b}"],
    "*": ["{a} times {b}", "{a} multiplied by {b}"],
}


def apply(step: Step) -> int:
    """The result of one step."""
    a, sign, b = step
    return a + b if sign == "+" else a - b if sign == "-" else a * b


def explain(step: Step) -> str:
    """One step written out; two-digit operands of sums and differences are split."""
    a, sign, b = step
    result = apply(step)
    if sign == "+" and b > a >= 0 and b >= 10 and a < 10:
        return f"{a} + {b} = {b} + {a} = {result}"
    if sign != "*" and b >= 10 and b % 10:
        tens = b // 10 * 10
        middle = apply((a, sign, tens))
        return f"{a} {sign} {b} = {a} {sign} {tens} {sign} {b % 10} = {middle} {sign} {b % 10} = {result}"
    return f"{a} {sign} {b} = {result}"


def plain_problem(rng: random.Random, steps: int) -> Problem:
    """A bare expression with one or two steps."""
    if steps == 1:
        sign = rng.choice("++--**")
        if sign == "+":
            a, b = rng.randint(0, 50), rng.randint(0, 50)
        elif sign == "-":
            a = rng.randint(1, 60)
            b = rng.randint(0, a)
        else:
            a, b = rng.randint(0, 10), rng.randint(0, 10)
        phrase = f"{a} {sign} {b}"
        if rng.random() < 0.3:
            phrase = rng.choice(SPOKEN[sign]).format(a=a, b=b)
        return rng.choice(PLAIN).format(e=phrase), [(a, sign, b)]
    if rng.random() < 0.5:
        a, b = rng.randint(2, 10), rng.randint(2, 9)
        first = (a, "*", b)
    else:
        a, b = rng.randint(1, 40), rng.randint(1, 40)
        first = (a, "+", b)
    total = apply(first)
    sign = rng.choice("+-")
    c = rng.randint(1, 30) if sign == "+" else rng.randint(1, min(30, total))
    return rng.choice(PLAIN).format(e=f"{a} {first[1]} {b} {sign} {c}"), [first, (total, sign, c)]


def word_problem(rng: random.Random, split: Split, steps: int) -> Problem:
    """A short story with one to three steps."""
    one, two = words.person(rng, split), words.person(rng, split)
    thing, box, other = rng.choice(words.THINGS), rng.choice(words.BOXES), rng.choice(words.BOXES)
    small, each, more = rng.randint(2, 9), rng.randint(2, 9), rng.randint(2, 20)
    base, gain = rng.randint(5, 40), rng.randint(2, 20)
    slots = {"n": one, "m": two, "t": thing, "b": box, "o": other}
    if steps == 1:
        kind = rng.randrange(4)
        if kind == 0:
            text = rng.choice(
                [
                    "{n} has {x} {t} and {m} has {y} {t}. How many {t} do they have [together|in total]?",
                    "There are {x} {t} in one {b1} and {y} {t} in another. How many {t} are there?",
                    "{n} [buys|finds|gets] {x} {t} and then {y} more. How many {t} does {n} have[| now]?",
                    "{n} had {x} {t} and got {y} more. How many {t} does {n} have now?",
                ]
            )
            step = (base, "+", gain)
        elif kind == 1:
            base = max(base, gain)
            text = rng.choice(
                [
                    "{n} has {x} {t} and [gives|sells] {y} to {m}. How many {t} [are left|does {n} have left]?",
                    "{n} had {x} {t} and lost {y}. How many {t} are left?",
                    "There are {x} {t}. {n} takes {y}. How many {t} [are left|remain]?",
                    "{n} has {x} {t}. {m} has {y} fewer. How many {t} does {m} have?",
                ]
            )
            step = (base, "-", gain)
        else:
            text = rng.choice(
                [
                    "{n} has {x} {b} with {y} {t} in each. How many {t} is that?",
                    "There are {x} {b} with {y} {t} each. How many {t} are there?",
                    "{n} buys {x} {b} of {y} {t}. How many {t} does {n} have?",
                    "One of the {b} holds {y} {t}. How many {t} do {x} {b} hold?",
                ]
            )
            step = (small, "*", each)
        slots["b1"] = box[:-1] if not box.endswith("xes") else "box"
        return expand(rng, text, x=step[0], y=step[2], **slots), [step]
    product = small * each
    if steps == 2:
        kind = rng.randrange(3)
        if kind == 0:
            text = rng.choice(
                [
                    "{n} has {x} {b} with {y} {t} in each and [buys|gets|finds] {z} more {t}. How many {t} does {n} have?",
                    "There are {x} {b} of {y} {t} and {z} more {t} on the table. How many {t} are there in total?",
                ]
            )
            plan = [(small, "*", each), (product, "+", more)]
        elif kind == 1:
            less = rng.randint(1, product)
            text = rng.choice(
                [
                    "{n} has {x} {b} of {y} {t}. {n} gives {z} {t} to {m}. How many {t} are left?",
                    "{n} buys {x} {b} with {y} {t} each and [loses|eats|sells] {z}. How many {t} are left?",
                ]
            )
            plan = [(small, "*", each), (product, "-", less)]
        else:
            less = rng.randint(1, min(30, base + gain))
            text = rng.choice(
                [
                    "{n} has {x} {t}. {n} [finds|gets|buys] {y} more and [loses|sells] {z}. How many {t} does {n} have[| now]?",
                    "{n} had {x} {t}, got {y} from {m} and gave away {z}. How many {t} are left?",
                ]
            )
            plan = [(base, "+", gain), (base + gain, "-", less)]
        return expand(rng, text, x=plan[0][0], y=plan[0][2], z=plan[1][2], **slots), plan
    if rng.random() < 0.5:
        count, size = rng.randint(2, 6), rng.randint(2, 6)
        text = (
            "{n} has {x} {b} with {y} {t} each and {z} {o} with {w} {t} each. "
            "How many {t} are there in total?"
        )
        plan = [(small, "*", each), (count, "*", size), (product, "+", count * size)]
        return expand(rng, text, x=small, y=each, z=count, w=size, **slots), plan
    less, extra = rng.randint(1, min(30, base + gain)), rng.randint(2, 20)
    text = (
        "{n} starts with {x} {t}, gets {y} from {m}, gives away {z} and then finds {w} more. "
        "How many {t} does {n} have?"
    )
    plan = [(base, "+", gain), (base + gain, "-", less), (base + gain - less, "+", extra)]
    return expand(rng, text, x=base, y=gain, z=less, w=extra, **slots), plan


def arithmetic(
    rng: random.Random,
    split: Split = TRAIN,
    *,
    reasoned: bool | None = None,
    worded: bool | None = None,
    steps: int | None = None,
    shots: int | None = None,
    kind: str | None = None,
    plain_labels: bool = False,
) -> Item:
    """An arithmetic question, answered directly or after ``Reasoning``."""
    reasoned = rng.random() < 0.65 if reasoned is None else reasoned
    question = Field(
        "question"
        if plain_labels or rng.random() < 0.8
        else rng.choice(("problem", "task", "query"))
    )
    name = "answer" if plain_labels else rng.choice(ANSWER_NAMES)
    kind = kind or rng.choice(("int", "int", "float", "float", "str"))
    note = (
        "" if plain_labels or rng.random() < 0.9 else rng.choice(("the result", "just the number"))
    )
    outputs = [Field("reasoning")] if reasoned else []
    outputs.append(Field(name, kind, note))
    instructions = expand(rng, rng.choice(INSTRUCTIONS)) if rng.random() < 0.65 else ""
    if not instructions and not plain_labels and rng.random() < 0.25:
        instructions = default_instructions([question], outputs)

    def example() -> tuple[Record, Record]:
        while True:
            story = rng.random() < 0.5 if worded is None else worded
            usual = (1, 1, 2, 2, 3) if story and reasoned else (1, 1, 1, 1, 2)
            count = steps or rng.choice(usual)
            text, plan = word_problem(rng, split, count) if story else plain_problem(rng, count)
            if held_out(repr(plan)) == split.names:
                break
        result: Record = {name: apply(plan[-1])}
        if reasoned:
            result = {"reasoning": ". ".join(explain(s) for s in plan) + ".", **result}
        return {question.name: text}, result

    return Item(
        "arithmetic", [question], outputs, instructions, demonstrations(rng, example, shots)
    )
