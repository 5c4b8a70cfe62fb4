"""Steps of a tool-using agent: thought, tool and argument, given the trajectory so far."""

from __future__ import annotations

import random

from . import words
from .arithmetic import apply
from .attributes import PERSON, THING
from .base import TRAIN, Field, Item, Split, expand

TOOL_NAMES = [("calculator", "lookup", "finish")] * 7 + [
    ("calc", "search", "finish"),
    ("calculator", "search", "finish"),
    ("calculate", "find", "answer"),
    ("math", "lookup", "done"),
]
INSTRUCTIONS = [
    "[Answer the question with|Use the] tools. Tools: {c} (evaluates arithmetic), {l} (finds facts about a name), {f} (gives the final answer).",
    "You can use the tools {c}, {l} and {f}. [Give|Choose|Write] the next step.",
    "[Choose|Pick] the next tool: {l} for facts, {c} for arithmetic, {f} when the answer is known.",
    "Think, then call one tool: {c}, {l} or {f}.",
]
EMPTY = ["none", "none", "(empty)", ""]


def tool_step(
    rng: random.Random,
    split: Split = TRAIN,
    *,
    kind: str | None = None,
    stage: int | None = None,
    plain_labels: bool = False,
) -> Item:
    """One step of an agent that has a calculator, a look-up and a way to finish."""
    kind = kind or rng.choice(("calculate", "look", "price"))
    calc, look, finish = TOOL_NAMES[0] if plain_labels else rng.choice(TOOL_NAMES)
    known = "I know the answer."
    if kind == "calculate":
        a, sign, b = rng.randint(2, 999), rng.choice("+-*"), rng.randint(2, 99)
        if sign == "-" and b > a:
            a, b = b, a
        expression, value = f"{a} {sign} {b}", apply((a, sign, b))
        if rng.random() < 0.35:
            c = rng.randint(2, 99)
            expression, value = f"{expression} + {c}", value + c
        question = expand(rng, "[What is|Compute|How much is|Calculate] {e}", e=expression)
        question += "." if question.startswith("C") else "?"
        steps = [
            ("I need to compute it.", calc, expression, str(value)),
            (known, finish, str(value), ""),
        ]
    elif kind == "look":
        who, asked = words.person(rng, split), rng.choice(list(PERSON))
        stated = [asked, *rng.sample([a for a in PERSON if a != asked], rng.randint(0, 2))]
        rng.shuffle(stated)
        values = {a: PERSON[a].value(rng, split) for a in stated}
        found = " ".join(PERSON[a].state(rng, split, who, values[a]) for a in stated)
        question = PERSON[asked].ask(rng, split, who)
        steps = [
            (f"I need facts about {who}.", look, who, found),
            (known, finish, values[asked], ""),
        ]
    else:
        item, price, count = rng.choice(words.ITEMS), rng.randint(2, 99), rng.randint(2, 99)
        found = THING["price"].state(rng, split, item, str(price))
        question = expand(
            rng,
            "[How much do {k} units of the {i} cost?|What is the price of {k} units of the {i}?"
            "|How many dollars are {k} units of the {i}?|What do {k} of the {i} cost?]",
            k=count,
            i=item,
        )
        total = str(price * count)
        steps = [
            (f"I need facts about {item}.", look, item, found),
            ("I need to compute it.", calc, f"{count} * {price}", total),
            (known, finish, total, ""),
        ]
    at = rng.randrange(len(steps)) if stage is None else min(stage, len(steps) - 1)
    done = "\n".join(
        f"Thought: {t}\nTool: {n}\nArgs: {a}\nObservation: {o}" for t, n, a, o in steps[:at]
    )
    if done and not plain_labels and rng.random() < 0.4:
        done = "\n" + done
    thought, tool, args, _ = steps[at]
    names = (calc, look, finish)
    instructions = expand(rng, rng.choice(INSTRUCTIONS), c=calc, l=look, f=finish)
    if names == TOOL_NAMES[0] and not plain_labels and rng.random() < 0.15:
        instructions = ""
    empty = "none" if plain_labels else rng.choice(EMPTY)
    given = {"question": question, "trajectory": done or empty}
    return Item(
        "tools",
        [Field("question"), Field("trajectory")],
        [Field("thought"), Field("tool"), Field("args")],
        instructions,
        [(given, {"thought": thought, "tool": tool, "args": args})],
    )
