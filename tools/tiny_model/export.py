"""A checkpoint to a GGUF file that llama.cpp reads as ``qwen3``, in F16 or Q8_0."""

from __future__ import annotations

import argparse
from pathlib import Path

import gguf
import numpy as np
import torch

from corpus.base import IM_END, IM_START
from tokenizer import SPECIAL, Tokenizer

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    f"{{{{ '{IM_START}' + message['role'] + '\n' + message['content'] + '{IM_END}' + '\n' }}}}"
    "{% endfor %}"
    f"{{% if add_generation_prompt %}}{{{{ '{IM_START}assistant\n' }}}}{{% endif %}}"
)
TYPES = {
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}


def _tensors(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """GGUF names and matrices; the fused projections are taken apart again."""
    out = {
        "token_embd.weight": weights["embedding"],
        "output_norm.weight": weights["output_norm"],
    }
    for i in range(len(weights["wqkv"])):
        q, k, v = np.split(weights["wqkv"][i], 3)
        gate, up = np.split(weights["w_in"][i], 2)
        block = {
            "attn_norm": weights["attention_norm"][i],
            "attn_q": q,
            "attn_k": k,
            "attn_v": v,
            "attn_q_norm": weights["q_norm"][i],
            "attn_k_norm": weights["k_norm"][i],
            "attn_output": weights["wo"][i],
            "ffn_norm": weights["ffn_norm"][i],
            "ffn_gate": gate,
            "ffn_up": up,
            "ffn_down": weights["w_out"][i],
        }
        out |= {f"blk.{i}.{name}.weight": matrix for name, matrix in block.items()}
    return out


def export(
    checkpoint: Path,
    tokenizer: Path,
    target: Path,
    kind: str,
    other: Path | None = None,
    share: float = 0.0,
) -> int:
    """Write the file and return its size in bytes.

    With ``other``, an earlier checkpoint of the same run, the weights are a mean of the two, in
    which the other counts ``share``: that takes back some of what a later part of the training
    made worse, and keeps what it taught.
    """
    state = torch.load(checkpoint, map_location="cpu")
    weights = {name: w.float().numpy() for name, w in state["weights"].items()}
    if other:
        for name, w in torch.load(other, map_location="cpu")["weights"].items():
            weights[name] = (1 - share) * weights[name] + share * w.float().numpy()
    c, tokens = state["config"], Tokenizer.load(tokenizer)
    matrix_type, file_type = TYPES[kind]

    w = gguf.GGUFWriter(target, "qwen3")
    w.add_name("dspy-tiny")
    w.add_author("dspy-cpp")
    w.add_license("Apache-2.0")
    w.add_description("A demonstration model for dspy-cpp, trained from scratch on synthetic text.")
    # What dspy takes where a call says nothing: the likeliest token, and no penalty for repeating
    # what was read.
    w.add_float32("general.sampling.temp", 0.0)
    w.add_float32("general.sampling.penalty_repeat", 1.0)
    w.add_file_type(file_type)
    w.add_context_length(c["context"])
    w.add_embedding_length(c["width"])
    w.add_block_count(c["layers"])
    w.add_feed_forward_length(c["hidden"])
    w.add_head_count(c["heads"])
    w.add_head_count_kv(c["heads"])
    w.add_key_length(c["head_width"])
    w.add_value_length(c["head_width"])
    w.add_rope_freq_base(c["rope_base"])
    w.add_layer_norm_rms_eps(1e-6)

    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(tokens.vocabulary)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    w.add_token_types([control if t in SPECIAL else normal for t in tokens.vocabulary])
    w.add_token_merges([" ".join(pair) for pair in tokens.merges])
    w.add_bos_token_id(tokens.end_of_text)
    w.add_eos_token_id(tokens.im_end)
    w.add_eot_token_id(tokens.im_end)
    w.add_pad_token_id(tokens.end_of_text)
    w.add_add_bos_token(False)
    w.add_chat_template(CHAT_TEMPLATE)

    for name, matrix in _tensors(weights).items():
        if matrix.ndim == 1:
            w.add_tensor(name, np.ascontiguousarray(matrix, np.float32))
        else:
            packed = gguf.quants.quantize(np.ascontiguousarray(matrix, np.float32), matrix_type)
            w.add_tensor(name, packed, raw_dtype=matrix_type)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return target.stat().st_size


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--type", choices=TYPES, default="f16")
    parser.add_argument("--other", type=Path, help="an earlier checkpoint, for a mean of the two")
    parser.add_argument("--share", type=float, default=0.0, help="weight of --other in the mean")
    a = parser.parse_args()
    size = export(a.checkpoint, a.tokenizer, a.out, a.type, a.other, a.share)
    print(f"{a.out}: {size} bytes")


if __name__ == "__main__":
    main()
