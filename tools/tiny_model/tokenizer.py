"""A byte-level BPE tokenizer, trained here and written into the GGUF file.

It follows GPT-2's alphabet and splitting rule, so llama.cpp reads it with ``tokenizer.ggml.pre =
gpt-2``.  No merge contains a digit: numbers are read digit by digit.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from pathlib import Path

import regex

from corpus import words
from corpus.base import END_OF_TEXT, IM_END, IM_START, RawText, messages
from corpus.mixture import documents

SPECIAL = [END_OF_TEXT, IM_START, IM_END]
_WORDS = regex.compile(
    r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
)
_SPLIT = regex.compile("(" + "|".join(map(regex.escape, SPECIAL)) + ")")


def _byte_alphabet() -> dict[int, str]:
    """GPT-2's printable stand-in for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {b: chr(b) for b in printable}
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + len(table) - len(printable))
    return table


_TO_TEXT = _byte_alphabet()
_TO_BYTE = {c: b for b, c in _TO_TEXT.items()}


class Tokenizer:
    """Encodes and decodes with a fixed list of merges."""

    def __init__(self, vocabulary: list[str], merges: list[tuple[str, str]]) -> None:
        self.vocabulary = vocabulary
        self.merges = merges
        self._id = {token: i for i, token in enumerate(vocabulary)}
        self._rank = {pair: i for i, pair in enumerate(merges)}
        self._cache: dict[str, list[int]] = {}
        self.end_of_text, self.im_start, self.im_end = (self._id[t] for t in SPECIAL)

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Read what :meth:`save` wrote."""
        data = json.loads(path.read_text())
        return cls(data["vocabulary"], [tuple(m) for m in data["merges"]])

    def save(self, path: Path) -> None:
        """Write vocabulary and merges as JSON."""
        path.write_text(json.dumps({"vocabulary": self.vocabulary, "merges": self.merges}))

    def _word(self, word: str) -> list[int]:
        known = self._cache.get(word)
        if known is not None:
            return known
        parts = [_TO_TEXT[b] for b in word.encode()]
        while len(parts) > 1:
            ranks = [self._rank.get(pair, 1 << 30) for pair in zip(parts, parts[1:], strict=False)]
            best = min(range(len(ranks)), key=ranks.__getitem__)
            if ranks[best] == 1 << 30:
                break
            parts[best : best + 2] = [parts[best] + parts[best + 1]]
        ids = [self._id[p] for p in parts]
        if len(self._cache) < 500_000:
            self._cache[word] = ids
        return ids

    def encode(self, text: str) -> list[int]:
        """Token ids of a text; the three control tokens are recognised."""
        ids: list[int] = []
        for piece in _SPLIT.split(text):
            if piece in SPECIAL:
                ids.append(self._id[piece])
            else:
                for word in _WORDS.findall(piece):
                    ids += self._word(word)
        return ids

    def decode(self, ids: list[int]) -> str:
        """The text of some token ids."""
        raw = b"".join(
            t.encode() if t in SPECIAL else bytes(_TO_BYTE[c] for c in t)
            for t in (self.vocabulary[i] for i in ids)
        )
        return raw.decode("utf-8", "replace")


def train_bpe(counts: Counter[str], size: int) -> Tokenizer:
    """Merge the most frequent pair until the vocabulary has ``size`` tokens."""
    pieces = [[_TO_TEXT[b] for b in word.encode()] for word in counts]
    weights = list(counts.values())
    pairs: Counter[tuple[str, str]] = Counter()
    where: dict[tuple[str, str], set[int]] = defaultdict(set)

    def count(i: int, sign: int) -> None:
        for pair in zip(pieces[i], pieces[i][1:], strict=False):
            pairs[pair] += sign * weights[i]
            if sign > 0:
                where[pair].add(i)

    def allowed(pair: tuple[str, str]) -> bool:
        return not any(c in "0123456789" for token in pair for c in token)

    for i in range(len(pieces)):
        count(i, 1)
    vocabulary = [_TO_TEXT[b] for b in sorted(_TO_TEXT)]
    merges: list[tuple[str, str]] = []
    while len(vocabulary) + len(SPECIAL) < size:
        _, best = max((n, pair) for pair, n in pairs.items() if allowed(pair))
        merges.append(best)
        vocabulary.append("".join(best))
        for i in list(where[best]):
            count(i, -1)
            old, new, j = pieces[i], [], 0
            while j < len(old):
                if j + 1 < len(old) and (old[j], old[j + 1]) == best:
                    new.append(old[j] + old[j + 1])
                    j += 2
                else:
                    new.append(old[j])
                    j += 1
            pieces[i] = new
            count(i, 1)
        pairs.pop(best, None)
        where.pop(best, None)
    return Tokenizer(vocabulary + SPECIAL, merges)


def build_tokenizer(size: int = 2560, seed: int = 7, count: int = 30_000) -> Tokenizer:
    """Train on a sample of the corpus; listed words get extra weight so that each is one token."""
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    for document in documents(rng, 0.6, count):
        if isinstance(document, RawText):
            texts = [part for part, _ in document.parts]
        else:
            texts = [content for _, content in messages(document)]
        for text in texts:
            counts.update(_WORDS.findall(text))
    counts = Counter({word: n for word, n in counts.items() if n > 1})
    listed = (
        words.LABEL_WORDS + words.CATEGORY_WORDS + words.FIRST_NAMES + words.CITIES
        + words.CLOSED + words.ITEMS + words.DRINKS + words.INSTRUMENTS + words.SUBJECTS
        + words.DAYS + words.THINGS
    )  # fmt: skip
    for word in listed:
        counts[" " + word] += 250
    return train_bpe(counts, size)
