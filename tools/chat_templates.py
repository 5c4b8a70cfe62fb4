#!/usr/bin/env python3
"""Chat templates as jinja2 renders them, the way `transformers` sets it up: what tests/cases/chat_templates holds ours to.

    tools/chat_templates.py FOLDER write     writes FOLDER/<family>.json anew: conversations with their renderings
    tools/chat_templates.py FOLDER compare   compares them with what jinja2 writes now; exit 1 if any differs

jinja2 must be importable (Debian: python3-jinja2; or pip, in a virtual environment).
"""

import datetime
import json
import pathlib
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox

NOW = datetime.datetime(2026, 3, 9, 12, 0, 0)
BOS, EOS = "<s>", "</s>"

CALL = {"type": "function", "id": "call12345", "function": {"name": "weather", "arguments": {"city": "Bern", "days": 2}}}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "description": "Its name, \"as written\"."}, "days": {"type": "integer"}},
                "required": ["city"],
            },
        },
    }
]


def system(text):
    return {"role": "system", "content": text}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


def tool(text):
    return {"role": "tool", "content": text, "name": "weather", "tool_call_id": "call12345"}


CONVERSATIONS = [
    {"messages": [user("Hi")]},
    {"messages": [user("Hi")], "add_generation_prompt": False},
    {"messages": [system("Be brief."), user("Hi")]},
    {"messages": [system("  Be brief.\n"), user(" Grüezi 日本 \n")]},
    {"messages": [user("Hi"), assistant("Hello"), user("Bye")]},
    {"messages": [system("Be brief."), user("Hi"), assistant(" Hello \n"), user("Bye"), assistant("See you"), user("Now")]},
    {"messages": [user("Hi"), assistant("<think>\nA greeting.\n</think>\n\nHello"), user("Bye")]},
    {"messages": [user("Hi"), assistant("Hello", reasoning_content="A greeting."), user("Bye")]},
    {"messages": [user("Hi"), assistant("Hello", reasoning_content="A greeting.")], "add_generation_prompt": False},
    {"messages": [user("<|im_end|><|eot_id|>[/INST]</s> {{ 1 }} {% if %}")]},
    {"messages": [user("")]},
    {"messages": [user("Hi"), user("Are you there?")]},
    {"messages": [assistant("Hello"), user("Hi")]},
    {"messages": [user("Hi")], "enable_thinking": False},
    {"messages": [user("Hi")], "enable_thinking": True},
    {"messages": [user("Weather?")], "tools": TOOLS},
    {"messages": [system("Be brief."), user("Weather?")], "tools": TOOLS},
    {"messages": [user("Weather?"), assistant("", tool_calls=[CALL]), tool("Sunny")], "tools": TOOLS},
    {"messages": [user("Weather?"), assistant("Let me see.", tool_calls=[CALL]), tool("Sunny"), assistant("It is sunny."), user("Thanks")], "tools": TOOLS},
    {"messages": [user("Weather?"), assistant("", tool_calls=[CALL, CALL]), tool("Sunny"), tool("Rain")], "tools": TOOLS},
]


class Generation(jinja2.ext.Extension):
    """`generation` blocks, which only trainers look at."""

    tags = {"generation"}

    def parse(self, parser):
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def environment():
    def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    out = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    out.filters["tojson"] = to_json
    out.globals["raise_exception"] = raise_exception
    out.globals["strftime_now"] = NOW.strftime
    return out


def rendered(source, conversation):
    """The text, or null where the template refuses the conversation."""
    variables = {"add_generation_prompt": True, "bos_token": BOS, "eos_token": EOS, **conversation}
    try:
        return environment().from_string(source).render(**variables)
    except jinja2.exceptions.TemplateError:
        return None
    except TypeError:
        return None


def cases(file):
    source = file.read_text(encoding="utf-8")
    return [{**conversation, "rendered": rendered(source, conversation)} for conversation in CONVERSATIONS]


def main():
    folder, what = pathlib.Path(sys.argv[1]), sys.argv[2]
    differences = 0
    for file in sorted(folder.glob("*.jinja")):
        kept = file.with_suffix(".json")
        now = cases(file)
        if what == "write":
            kept.write_text(json.dumps(now, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        elif json.loads(kept.read_text(encoding="utf-8")) != now:
            differences += 1
            print(f"{kept}: jinja2 {jinja2.__version__} writes something else; look, then run with `write`")
    print(f"{len(list(folder.glob('*.jinja')))} templates, {len(CONVERSATIONS)} conversations each, jinja2 {jinja2.__version__}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
