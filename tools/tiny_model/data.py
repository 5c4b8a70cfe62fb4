"""Documents to token batches: fresh documents all the time, rows of similar length together."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from corpus.base import IM_START, Item, RawText, messages
from corpus.mixture import documents
from tokenizer import Tokenizer

LENGTHS = (72, 96, 128, 192, 256, 384, 576, 768)
TOKENS = 4608
"""Padded tokens in every micro-batch; divisible by each length."""
LOSS_POSITIONS = TOKENS * 3 // 8
CONTEXT_WEIGHT = 0.1

PAD, CONTEXT, ANSWER = 0, 1, 2


def encode(document: Item | RawText, tokens: Tokenizer) -> tuple[list[int], list[int]]:
    """Token ids and, per token, whether it is context or an answer to learn."""
    ids: list[int] = []
    roles: list[int] = []
    if isinstance(document, RawText):
        for text, learn in document.parts:
            part = tokens.encode(text)
            ids += part
            roles += [ANSWER if learn else CONTEXT] * len(part)
        return ids + [tokens.end_of_text], roles + [CONTEXT]
    learn = iter(document.learn or [True] * len(document.examples))
    for role, content in messages(document):
        head = tokens.encode(f"{IM_START}{role}\n")
        body = [*tokens.encode(content), tokens.im_end]
        end = tokens.encode("\n")
        ids += head + body + end
        kind = ANSWER if role == "assistant" and next(learn) else CONTEXT
        roles += [CONTEXT] * len(head) + [kind] * len(body) + [CONTEXT] * len(end)
    return ids[:-1], roles[:-1]


def micro_batches(
    tokens: Tokenizer, seed: int, progress: Callable[[], float], chunk: int = 6000
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Endless (ids, roles) of shape (rows, length + 1) with rows * length == TOKENS."""
    rng, shuffle = random.Random(seed), np.random.default_rng(seed)
    waiting: dict[int, list[tuple[list[int], list[int]]]] = {n: [] for n in LENGTHS}
    while True:
        for document in documents(rng, progress(), chunk):
            ids, roles = encode(document, tokens)
            if len(ids) - 1 <= LENGTHS[-1]:
                waiting[next(n for n in LENGTHS if len(ids) - 1 <= n)].append((ids, roles))
        ready = []
        for length, rows in waiting.items():
            count = TOKENS // length
            while len(rows) >= count:
                x = np.full((count, length + 1), tokens.end_of_text, np.int64)
                w = np.full((count, length + 1), PAD, np.int8)
                for i in range(count):
                    ids, roles = rows.pop()
                    x[i, : len(ids)] = ids
                    w[i, : len(ids)] = roles
                ready.append((x, w))
        for i in shuffle.permutation(len(ready)):
            yield ready[i]


def loss_targets(
    ids: np.ndarray, roles: np.ndarray, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, int]:
    """Positions, labels and weights for the loss, always LOSS_POSITIONS of them."""
    flat = roles[:, 1:].reshape(-1)
    answers, context = np.nonzero(flat == ANSWER)[0], np.nonzero(flat == CONTEXT)[0]
    if len(answers) > LOSS_POSITIONS:
        answers = rng.choice(answers, LOSS_POSITIONS, replace=False)
    room = min(LOSS_POSITIONS - len(answers), len(context))
    context = rng.choice(context, room, replace=False)
    where = np.zeros(LOSS_POSITIONS, np.int64)
    weight = np.zeros(LOSS_POSITIONS, np.float32)
    n = len(answers)
    where[:n], weight[:n] = answers, 1.0
    where[n : n + room], weight[n : n + room] = context, CONTEXT_WEIGHT
    labels = ids[:, 1:].reshape(-1)[where]
    return torch.from_numpy(where), torch.from_numpy(labels), torch.from_numpy(weight), n
