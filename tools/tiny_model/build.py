"""Everything in one command: tokenizer, training, export, and (if dspy is built) the measurement.

python3 tools/tiny_model/build.py --minutes 110 --out models/dspy-tiny.gguf
"""

from __future__ import annotations

import argparse
import ctypes.util
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def environment(folder: Path) -> dict[str, str]:
    """Settings torch reads when it starts: one thread per operation, vector maths, a cache."""
    settings = {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "kernels"),
    }
    sleef = ctypes.util.find_library("sleef")
    if sleef:  # without it the compiler of Debian's torch falls back to scalar code
        settings["LD_PRELOAD"] = sleef
    return os.environ | settings


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=110)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=HERE / "work", help="checkpoints and logs")
    parser.add_argument("--type", choices=("f16", "q8_0"), default="q8_0")
    parser.add_argument("--out", type=Path, default=Path("models/dspy-tiny.gguf"))
    parser.add_argument("--program", type=Path, default=Path("build/release/bin/dspy"))
    a = parser.parse_args()
    a.folder.mkdir(parents=True, exist_ok=True)

    def run(script: str, *options: object, **extra: object) -> None:
        command = [sys.executable, str(HERE / script), *map(str, options)]
        subprocess.run(command, check=True, **extra)

    run("train.py", "--minutes", a.minutes, "--folder", a.folder, "--threads", a.threads,
        "--seed", a.seed, env=environment(a.folder))  # fmt: skip
    run("export.py", "--checkpoint", a.folder / "final.pt", "--tokenizer",
        a.folder / "tokenizer.json", "--out", a.out, "--type", a.type)  # fmt: skip
    if a.program.exists():
        run("evaluate.py", "--model", a.out, "--program", a.program, "--out",
            a.out.with_suffix(".evaluation.json"))  # fmt: skip


if __name__ == "__main__":
    main()
