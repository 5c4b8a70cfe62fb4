"""Our metrics beside trec_eval's (pytrec_eval), sacrebleu's and rouge_score's, on generated rankings and texts.

Exits with 77 (skipped) where the packages are not installed:

    python3 -m venv build/metrics && build/metrics/bin/pip install pytrec-eval-terrier sacrebleu rouge_score
    ctest --test-dir build/release -L service

With a number as second argument so many items are compared, and times are printed (docs/guide/retrieval_metrics.md).
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

try:
    import pytrec_eval
    import sacrebleu
    from rouge_score import rouge_scorer
except ImportError as missing:
    print(f"skipped: {missing}; install the packages as this file says")
    sys.exit(77)

PROBE = sys.argv[1]
ITEMS = int(sys.argv[2]) if len(sys.argv) > 2 else 300

MEASURES = ["map", "recip_rank", "Rprec", "bpref", "ndcg", "P_5", "P_10", "recall_5", "recall_10", "success_1", "success_5",
            "ndcg_cut_5", "ndcg_cut_10", "map_cut_10", "set_F"]  # fmt: skip
ASKED = {"map", "recip_rank", "Rprec", "bpref", "ndcg", "P", "recall", "success", "ndcg_cut", "map_cut", "set_F"}

WORDS = ("the a of and to in is was were running ran runs dies dying skies news innings quickly possibly geology's don't it's "
         "U.S. 3.50 1,000 10-20 e-mail (brackets) \"quoted\" semi;colon naïve Ärger straße 日本語 — … $5 50% a.b "
         "& <tag> &amp; relational conditional happily generalizations hopping controlling agreed feed").split(" ")  # fmt: skip


def probe(*arguments):
    return json.loads(subprocess.run([PROBE, *map(str, arguments)], check=True, capture_output=True, text=True).stdout)


def sentence(rng, shortest=0):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(shortest, 25)))


def changed(rng, text):
    words = text.split(" ")
    for _ in range(rng.randint(0, 6)):
        kind, at = rng.randint(0, 3), rng.randrange(len(words) + 1)
        if kind == 0:
            words.insert(at, rng.choice(WORDS))
        elif kind == 1 and len(words) > 1:
            del words[at % len(words)]
        elif kind == 2:
            words[at % len(words)] = rng.choice(WORDS)
        else:  # a phrase moves
            begin = at % len(words)
            phrase = words[begin : begin + 3]
            del words[begin : begin + 3]
            to = rng.randrange(len(words) + 1)
            words[to:to] = phrase
    text = " ".join(words)
    return text.replace(" of ", "\n", 1) if rng.random() < 0.2 else text


def close(ours, theirs, what, tolerance=1e-9):
    assert abs(ours - theirs) <= tolerance * max(1.0, abs(theirs)), f"{what}: {ours} is not {theirs}"


def compare_rankings(folder, rng):
    qrels, run = {}, {}
    for topic in range(ITEMS):
        pool = [f"d{i}" for i in range(60)]
        judged, found = rng.sample(pool, rng.randint(1, 40)), rng.sample(pool, rng.randint(1, 50))
        qrels[f"q{topic}"] = {d: rng.choice([0, 0, 0, 1, 1, 2, 3]) for d in judged}
        run[f"q{topic}"] = {d: float(rng.choice([rng.random(), round(rng.random(), 1)])) for d in found}
    (folder / "qrels").write_text("".join(f"{q} 0 {d} {r}\n" for q, row in qrels.items() for d, r in row.items()))
    (folder / "run").write_text("".join(f"{q} Q0 {d} 0 {s!r} x\n" for q, row in run.items() for d, s in row.items()))
    ours = probe("rank", folder / "qrels", folder / "run", *MEASURES)
    start = time.perf_counter()
    theirs = pytrec_eval.RelevanceEvaluator(qrels, ASKED).evaluate(run)
    seconds = time.perf_counter() - start
    for topic, row in theirs.items():
        for measure in MEASURES:
            close(ours["topics"][topic][measure], row[measure], f"{measure} of {topic}")
    return {"pytrec_eval": (seconds, ours["seconds"]["rank"])}


def compare_texts(folder, rng):
    gold = [[sentence(rng, 1), sentence(rng, 1)] for _ in range(ITEMS)]
    made = [changed(rng, row[0]) if rng.random() < 0.95 else sentence(rng) for row in gold]
    (folder / "texts").write_text(json.dumps({"hypotheses": made, "references": gold}))
    ours = probe("text", folder / "texts")
    columns = [list(column) for column in zip(*gold)]
    times = {}

    def timed(name, work):
        start = time.perf_counter()
        result = work()
        times[f"sacrebleu {name}" if name != "rouge" else "rouge_score"] = (time.perf_counter() - start, ours["seconds"][name])
        return result

    close(ours["bleu"], timed("bleu", lambda: sacrebleu.corpus_bleu(made, columns)).score, "BLEU")
    close(ours["chrf"], timed("chrf", lambda: sacrebleu.corpus_chrf(made, columns)).score, "chrF2")
    close(ours["chrfpp"], sacrebleu.corpus_chrf(made, columns, word_order=2).score, "chrF2++")
    close(ours["ter"], timed("ter", lambda: sacrebleu.corpus_ter(made, columns)).score, "TER")
    for i, (text, row) in enumerate(zip(made, gold)):
        close(ours["sentences"][i], sacrebleu.sentence_bleu(text, row).score, f"BLEU of sentence {i}: {text!r} {row!r}")
    names = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    scorer = rouge_scorer.RougeScorer(names, use_stemmer=True)
    scores = timed("rouge", lambda: [scorer.score(row[0], text) for text, row in zip(made, gold)])
    for i, score in enumerate(scores):
        for name, mine in zip(names, ours["rouge"][i]):
            for one, other in zip(mine, score[name]):
                close(one, other, f"{name} of {i}: {made[i]!r} {gold[i][0]!r}")
    return times


with tempfile.TemporaryDirectory() as name:
    times = compare_rankings(pathlib.Path(name), random.Random(1)) | compare_texts(pathlib.Path(name), random.Random(2))
print(f"{ITEMS} rankings and texts: all equal")
if len(sys.argv) > 2:
    for package, (theirs, ours) in times.items():
        print(f"{package:16} {theirs:8.3f} s  ours {ours:8.3f} s  {theirs / ours:6.1f} times as fast")
