#!/usr/bin/env python3
"""The documentation as a site that needs no server: guide, examples with their output, reference, search.

    ./dev site            into build/site; open build/site/index.html

Fails for a link that leads nowhere.
"""

import html
import json
import pathlib
import re
import shutil
import sys

import markdown

import references

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "build/site"
HERE = pathlib.Path(__file__).resolve().parent
FOLDERS = ("adapters", "agents", "base", "bulk", "config", "evaluate", "flow", "http", "llama", "lm", "modules", "optimize",
           "programs", "providers", "registry", "retrieve", "server", "signature", "storage", "telemetry")  # fmt: skip


class Page:
    def __init__(self, path, group, title, text, source=None):
        self.path, self.group, self.title, self.text, self.source = path, group, title, text, source
        self.html, self.anchors = "", set()


def title_of(text, otherwise):
    found = re.search(r"^# (.+)$", text, re.M)
    return re.sub(r"[`*]", "", found.group(1)) if found else otherwise


def pages():
    for group, folder in (("Guide", "docs/guide"), ("Formats", "docs/formats"), ("Decisions", "docs/decisions")):
        for source in sorted((ROOT / folder).glob("*.md")):
            text = source.read_text(encoding="utf-8")
            yield Page(f"{folder.removeprefix('docs/')}/{source.stem}.html", group, title_of(text, source.stem), text, source)
    for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/performance.md", "docs/traps.md",
                 "docs/litellm.md"):  # fmt: skip
        source = ROOT / name
        text = source.read_text(encoding="utf-8")
        path = "index.html" if name == "README.md" else f"{pathlib.Path(name).stem.lower()}.html"
        yield Page(path, "Overview", title_of(text, source.stem), text, source)
    for source in sorted((ROOT / "examples").glob("*.cpp")):
        text = f"# {source.stem}\n\n```cpp\n{source.read_text(encoding='utf-8')}```\n"
        output = source.with_suffix(".output")
        if output.exists():
            text += f"\nIt prints:\n\n```text\n{output.read_text(encoding='utf-8')}```\n"
        yield Page(f"examples/{source.stem}.html", "Examples", source.stem, text, source)
    for folder in FOLDERS:
        text = references.cpp_reference(ROOT, folder) if (ROOT / "include/dspy" / folder).exists() else ""
        if text:
            yield Page(f"reference/{folder}.html", "Reference of C++", folder, f"# {folder}\n\n{text}")
    for name, text in (("python", references.python_reference(ROOT)), ("c", references.c_reference(ROOT))):
        if text:
            yield Page(f"reference/{name}.html", "Reference", name.title(), f"# {name.title()}\n\n{text}")


def rendered(page):
    convert = markdown.Markdown(
        extensions=["tables", "fenced_code", "codehilite", "toc", "sane_lists"],
        extension_configs={"codehilite": {"guess_lang": False, "css_class": "code"}, "toc": {"permalink": False}},
    )
    page.html = convert.convert(page.text)
    page.anchors = set(re.findall(r'\bid="([^"]+)"', page.html))


def linked(page, by_source, problems):
    """Links between Markdown files as links between pages; others within the repository lead to nothing here."""

    def change(found):
        target = html.unescape(found.group(1))
        if re.match(r"[a-z]+:", target):
            return found.group(0)
        name, _, anchor = target.partition("#")
        other = page
        if name:
            if page.source is None:
                problems.append(f"{page.path}: `{target}` in a docstring")
                return found.group(0)
            source = (page.source.parent / name).resolve()
            other = by_source.get(source)
            if other is None:
                if not source.exists():
                    problems.append(f"{page.source.relative_to(ROOT)}: the link `{target}` leads nowhere")
                return 'href="#" title="in the repository: ' + html.escape(name) + '"'
        if anchor and anchor not in other.anchors:
            problems.append(f"{(page.source or page.path)}: `{other.path}` has no heading `#{anchor}`")
        there = pathlib.PurePosixPath("../" * page.path.count("/") + other.path)
        return f'href="{there}{"#" + anchor if anchor else ""}"'

    page.html = re.sub(r'href="([^"]*)"', change, page.html)


def navigation(all_pages, page):
    up = "../" * page.path.count("/")
    out, group = [], None
    for each in all_pages:
        if each.group != group:
            out.append(("</ul></details>" if group else "") + f"<details{' open' if each.group == page.group else ''}>"
                       f"<summary>{each.group}</summary><ul>")  # fmt: skip
            group = each.group
        here = ' aria-current="page"' if each is page else ""
        out.append(f'<li><a href="{up}{each.path}"{here}>{html.escape(each.title)}</a></li>')
    return "".join(out) + "</ul></details>"


def search_index(all_pages):
    """Headings with the words below them, for search without a server."""
    out = []
    for page in all_pages:
        parts = re.split(r'(<h[1-3] id="[^"]+">.*?</h[1-3]>)', page.html, flags=re.S)
        for head, body in zip(parts[1::2], parts[2::2]):
            anchor = re.search(r'id="([^"]+)"', head).group(1)
            words = html.unescape(re.sub(r"<[^>]+>", " ", body))
            out.append(
                [f"{page.path}#{anchor}", page.title, html.unescape(re.sub(r"<[^>]+>", "", head)).strip(),
                 re.sub(r"\s+", " ", words).strip()[:600]]
            )  # fmt: skip
    return out


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    all_pages = list(pages())
    order = ["Overview", "Guide", "Examples", "Reference of C++", "Reference", "Formats", "Decisions"]
    all_pages.sort(key=lambda page: order.index(page.group))
    by_source = {page.source.resolve(): page for page in all_pages if page.source}
    for page in all_pages:
        rendered(page)
    problems = []
    for page in all_pages:
        linked(page, by_source, problems)
    shell = (HERE / "page.html").read_text(encoding="utf-8")
    for page in all_pages:
        target = OUT / page.path
        target.parent.mkdir(parents=True, exist_ok=True)
        values = {"title": html.escape(page.title), "up": "../" * page.path.count("/"), "body": page.html,
                  "navigation": navigation(all_pages, page)}  # fmt: skip
        target.write_text(re.sub(r"\{\{(\w+)\}\}", lambda name: values[name.group(1)], shell), encoding="utf-8")
    from pygments.formatters import HtmlFormatter

    style = (HERE / "style.css").read_text(encoding="utf-8") + HtmlFormatter(style="default").get_style_defs(".code")
    (OUT / "style.css").write_text(style, encoding="utf-8")
    index = json.dumps(search_index(all_pages), ensure_ascii=False, separators=(",", ":"))
    (OUT / "search.js").write_text(f"const INDEX={index};\n" + (HERE / "search.js").read_text(encoding="utf-8"))
    print(f"site: {len(all_pages)} pages in {OUT.relative_to(ROOT)}, {len(problems)} problems")
    for problem in problems:
        print(f"  {problem}")
    sys.exit(1 if problems else 0)


main()
