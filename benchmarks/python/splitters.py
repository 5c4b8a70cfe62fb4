#!/usr/bin/env python3
"""Cutting Markdown beside the splitters of LangChain, LlamaIndex and Haystack: the guide's text, in one process each.

    python3 -m venv build/splitters
    build/splitters/bin/pip install langchain-text-splitters llama-index-core haystack-ai
    build/splitters/bin/python benchmarks/python/splitters.py [--megabytes N] [--ours build/release/bin/bench-documents]

Pieces of 1,280 characters (320 tokens of four), 128 of them repeated.  A token is four characters for everybody, so that
no tokenizer is measured.  Processor time; the best of three.  What is told of the pieces: how many there are, how many
are not slices of the text (their place cannot be shown), how many are longer than was asked for, and how many characters
that are not white space are in none.
"""

import argparse
import json
import pathlib
import subprocess
import time

LIMIT, OVERLAP = 1_280, 128


def text_of(megabytes):
    once = "\n".join(path.read_text() for path in sorted(pathlib.Path("docs").rglob("*.md"))) + "\n"
    return (once * (int(megabytes * 1e6 / len(once)) + 1))[: int(megabytes * 1e6)]


def langchain_recursive():
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter.from_language(
        "markdown", chunk_size=LIMIT, chunk_overlap=OVERLAP, add_start_index=True
    )
    return lambda text: [(piece.page_content, piece.metadata["start_index"]) for piece in splitter.create_documents([text])]


def langchain_headers():
    from langchain_text_splitters import MarkdownHeaderTextSplitter

    splitter = MarkdownHeaderTextSplitter([("#" * level, f"h{level}") for level in range(1, 7)], strip_headers=False)
    return lambda text: [(piece.page_content, None) for piece in splitter.split_text(text)]


def llama_sentences():
    from llama_index.core import Document
    from llama_index.core.node_parser import SentenceSplitter

    splitter = SentenceSplitter(
        chunk_size=LIMIT // 4, chunk_overlap=OVERLAP // 4, tokenizer=lambda text: range((len(text) + 3) // 4)
    )
    return lambda text: [
        (node.text, node.start_char_idx) for node in splitter.get_nodes_from_documents([Document(text=text)])
    ]


def llama_markdown():
    from llama_index.core import Document
    from llama_index.core.node_parser import MarkdownNodeParser

    parser = MarkdownNodeParser()
    return lambda text: [
        (node.text, node.start_char_idx) for node in parser.get_nodes_from_documents([Document(text=text)])
    ]


def haystack_recursive():
    from haystack import Document
    from haystack.components.preprocessors import RecursiveDocumentSplitter

    splitter = RecursiveDocumentSplitter(
        split_length=LIMIT, split_overlap=OVERLAP, split_unit="char", separators=["\n\n", "\n", " "]
    )
    return lambda text: [
        (piece.content, piece.meta["split_idx_start"]) for piece in splitter.run([Document(content=text)])["documents"]
    ]


OTHERS = {
    "LangChain RecursiveCharacterTextSplitter (Markdown)": langchain_recursive,
    "LangChain MarkdownHeaderTextSplitter": langchain_headers,
    "LlamaIndex SentenceSplitter": llama_sentences,
    "LlamaIndex MarkdownNodeParser": llama_markdown,
    "Haystack RecursiveDocumentSplitter": haystack_recursive,
}


def faults_of(text, pieces):
    """Pieces without a place that is right, pieces that are too long, and characters in none of the placed ones."""
    misplaced = too_long = 0
    covered = bytearray(len(text))
    for piece, begin in pieces:
        too_long += len(piece) > LIMIT
        if begin is None or begin < 0 or text[begin : begin + len(piece)] != piece:
            misplaced += 1
        else:
            covered[begin : begin + len(piece)] = b"\1" * len(piece)
    lost = sum(1 for sign, is_there in zip(text, covered) if not is_there and not sign.isspace())
    return misplaced, too_long, lost


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=1)
    parser.add_argument("--ours", default="build/release/bin/bench-documents")
    arguments = parser.parse_args()
    text = text_of(arguments.megabytes)
    size = len(text.encode()) / 1e6
    best = 0
    for name, make in OTHERS.items():
        split, times = make(), []
        for _ in range(3):
            start = time.process_time()
            pieces = split(text)
            times.append(time.process_time() - start)
        misplaced, too_long, lost = faults_of(text, pieces)
        best = max(best, size / min(times))
        print(
            f"{name}: {size / min(times):.2f} MB/s, {len(pieces)} pieces, {misplaced} without their place, "
            f"{too_long} too long, {lost if misplaced < len(pieces) else 'unknown'} characters lost",
            flush=True,
        )
    command = [arguments.ours, "--benchmark_filter=cut", "--benchmark_format=json"]
    for each in json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["benchmarks"]:
        rate = each["bytes_per_second"] / 1e6
        print(f"ours, {each['name'].split('/')[-1]}: {rate:.0f} MB/s, {rate / best:.1f} times the fastest of them")


if __name__ == "__main__":
    main()
