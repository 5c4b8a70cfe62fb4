"""Training for a given number of minutes on the CPU, with checkpoints and a running evaluation."""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cells import cells
from data import LENGTHS, TOKENS, encode, loss_targets, micro_batches
from model import Config, TinyModel, muon_direction
from tokenizer import Tokenizer, build_tokenizer

torch._dynamo.config.recompile_limit = 64
MUON_RATE, ADAM_RATE, WEIGHT_DECAY = 0.02, 0.004, 0.02
WARM_UP, DECAY_SHARE = 60, 0.45
MICRO_BATCHES = 2
"""Micro-batches in a step; each is computed by a thread of its own."""


def learning_scale(step: int, progress: float) -> float:
    """Warm-up, constant, then linear to zero over the last part of the run."""
    return min(1.0, (step + 1) / WARM_UP) * min(1.0, max(0.0, (1 - progress) / DECAY_SHARE))


def weighted_loss(
    hidden: Tensor, embedding: Tensor, labels: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Weighted sum of the cross-entropy, and its sum over the answer tokens."""
    scores = F.linear(hidden, embedding.to(hidden.dtype)).float()
    loss = torch.logsumexp(scores, -1) - scores.gather(1, labels[:, None])[:, 0]
    return (loss * weight).sum(), (loss.detach() * (weight == 1.0)).sum()


class Optimizer:
    """Muon for the matrices of the blocks, Adam for the embedding and the norms."""

    def __init__(self, model: TinyModel) -> None:
        self._model = model
        self._momentum = {n: torch.zeros_like(getattr(model, n)) for n in model.MATRICES}
        others = [p for n, p in model.named_parameters() if n not in model.MATRICES]
        self._adam = torch.optim.Adam(others, lr=ADAM_RATE, betas=(0.9, 0.98), eps=1e-10)

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """Apply the gradients and clear them."""
        width = self._model.config.width
        for name in self._model.MATRICES:
            matrix = getattr(self._model, name)
            # queries, keys and values (and gate and up) are separate matrices side by side
            split = {
                "wqkv": (-1, matrix.size(1) // 3, width),
                "w_in": (-1, matrix.size(1) // 2, width),
            }
            shape = split.get(name, matrix.shape)
            update = muon_direction(matrix.grad.view(shape), self._momentum[name].view(shape))
            matrix.mul_(1 - MUON_RATE * scale * WEIGHT_DECAY)
            matrix.add_(update.reshape(matrix.shape), alpha=-MUON_RATE * scale)
        for group in self._adam.param_groups:
            group["lr"] = ADAM_RATE * scale
        self._adam.step()
        for parameter in self._model.parameters():
            parameter.grad = None


class Monitor:
    """Exact match on some held-out cells, by teacher forcing (equal to greedy decoding)."""

    def __init__(self, tokens: Tokenizer, count: int = 40) -> None:
        self._cells = {}
        for cell in cells():
            if cell.monitor:
                rows = [encode(item, tokens) for item in cell.items(count, seed=99)]
                self._cells[cell.name] = [(ids, len(w) - 1 - w[::-1].index(1)) for ids, w in rows]
        self._pad = tokens.end_of_text

    @torch.no_grad()
    def run(self, model: TinyModel) -> dict[str, float]:
        """Accuracy per cell; ``start`` is the last token that is not part of the answer."""
        result = {}
        for name, rows in self._cells.items():
            longest = max(len(ids) for ids, _ in rows) - 1
            length = next(n for n in LENGTHS if longest <= n)
            size, right = TOKENS // length, 0
            for first in range(0, len(rows), size):
                part = rows[first : first + size]
                x = torch.full((size, length), self._pad)
                for i, (ids, _) in enumerate(part):
                    x[i, : len(ids)] = torch.tensor(ids[:length])
                hidden = model(x).view(size, length, -1)
                for i, (ids, start) in enumerate(part):
                    guess = model.logits(hidden[i, start : len(ids) - 1]).argmax(-1)
                    right += guess.tolist() == ids[start + 1 :]
            result[name] = round(right / len(rows), 2)
        return result


def save(path: Path, model: TinyModel, step: int, seen: int, seconds: float) -> None:
    """Write a checkpoint."""
    state = {"weights": model.state_dict(), "config": asdict(model.config)}
    torch.save(state | {"step": step, "tokens": seen, "seconds": seconds}, path)


def start_thread() -> None:
    """Settings that belong to a thread: one core each, no denormal numbers."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch._dynamo.config.recompile_limit = 64  # settings of the compiler are per thread


def train(
    minutes: float,
    folder: Path,
    threads: int,
    seed: int,
    every: float,
    start: Path | None = None,
    begin: float = 0.0,
    peak: float = 1.0,
) -> Path:
    """Train for ``minutes`` and return the final checkpoint.

    With ``start``, go on from a checkpoint. The corpus is mixed as from ``begin`` (0 to 1) of a
    whole run to its end, and ``peak`` scales the learning rates.

    The threads meet once a step, not in every operation: on a busy machine that is what keeps
    them from waiting for each other.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    vocabulary = folder / "tokenizer.json"
    if not vocabulary.exists():
        build_tokenizer().save(vocabulary)
    tokens = Tokenizer.load(vocabulary)
    model = TinyModel(Config(vocabulary=len(tokens.vocabulary)), seed)
    print(f"parameters {sum(p.numel() for p in model.parameters()) / 1e6:.2f}M", flush=True)
    if start:
        model.load_state_dict(torch.load(start)["weights"])
    model.compile_pieces()
    loss_of = torch.compile(weighted_loss, dynamic=False)
    optimizer, monitor = Optimizer(model), Monitor(tokens)
    rng = np.random.default_rng(seed)
    log = (folder / "train.log").open("a")

    def say(text: str) -> None:
        print(text, flush=True)
        print(text, file=log, flush=True)

    def work(batch: tuple[np.ndarray, np.ndarray, tuple]) -> tuple:
        """Gradients, loss and number of answer tokens of one micro-batch."""
        ids, _, (where, labels, weight, count) = batch
        hidden = model(torch.from_numpy(ids[:, :-1])).index_select(0, where)
        loss, answer_loss = loss_of(hidden, model.embedding, labels, weight)
        scaled = loss / (weight.sum() * MICRO_BATCHES)
        return torch.autograd.grad(scaled, parameters), float(answer_loss), count

    parameters = list(model.parameters())
    pool = ThreadPoolExecutor(threads, initializer=start_thread)
    started = time.time()

    def progress() -> float:
        return min(1.0, (time.time() - started) / (60 * minutes))

    step = seen = answers = mark_tokens = 0
    total, mark, checkpoint = 0.0, started, started
    stream = micro_batches(tokens, seed, lambda: begin + (1 - begin) * progress())
    while (at := progress()) < 1:
        batches = []
        for _ in range(MICRO_BATCHES):
            ids, roles = next(stream)
            seen += int((roles > 0).sum())
            batches.append((ids, roles, loss_targets(ids, roles, rng)))
        for gradients, answer_loss, count in pool.map(work, batches):
            total, answers = total + answer_loss, answers + count
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
        optimizer.step(peak * learning_scale(step, at))
        step += 1
        if step % 50 == 0:
            now = time.time()
            speed = (seen - mark_tokens) / (now - mark)
            say(
                f"step {step} minute {(now - started) / 60:.1f} loss {total / answers:.4f} "
                f"scale {learning_scale(step, at):.2f} tokens {seen / 1e6:.2f}M speed {speed:.0f}/s"
            )
            total, answers, mark, mark_tokens = 0.0, 0, now, seen
        if time.time() - checkpoint > 60 * every and at < 0.97:
            save(folder / "latest.pt", model, step, seen, time.time() - started)
            say(f"EVAL {step} {json.dumps(monitor.run(model))}")
            checkpoint = mark = time.time()
            mark_tokens = seen
    save(folder / "final.pt", model, step, seen, time.time() - started)
    say(f"FINAL {step} tokens {seen / 1e6:.2f}M {json.dumps(monitor.run(model))}")
    return folder / "final.pt"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=85)
    parser.add_argument("--folder", type=Path, required=True, help="checkpoints, log, tokenizer")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoint-minutes", type=float, default=8)
    parser.add_argument("--start", type=Path, help="go on from this checkpoint")
    parser.add_argument("--begin", type=float, default=0.0, help="where in the mixture's schedule")
    parser.add_argument("--peak", type=float, default=1.0, help="scale of the learning rates")
    a = parser.parse_args()
    train(a.minutes, a.folder, a.threads, a.seed, a.checkpoint_minutes, a.start, a.begin, a.peak)


if __name__ == "__main__":
    main()
