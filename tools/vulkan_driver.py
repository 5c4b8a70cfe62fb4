#!/usr/bin/env python3
"""Puts a Vulkan driver that computes on the processor, and ggml's Vulkan backend, into a folder of the build.

    tools/vulkan_driver.py build/release/vulkan                 what `ctest -L vulkan` runs first
    tools/vulkan_driver.py build/release/vulkan -- COMMAND...   runs a command with them

Nothing is installed on the machine: the packages are unpacked, so that other programs do not meet a driver they did not
ask for.  Takes what is there already, and what the system has.  Needs Debian's packages and the network the first time;
exits with 77, which CTest counts as skipped, without.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

PACKAGES = ["libggml0-backend-vulkan", "libvulkan1", "mesa-vulkan-drivers"]
SKIPPED = 77


def unpack(folder: pathlib.Path) -> bool:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return False
    archives = folder / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["apt-get", "download", "-qq", *PACKAGES], cwd=archives).returncode != 0:
        return False
    for archive in archives.glob("*.deb"):
        if subprocess.run(["dpkg-deb", "-x", archive, folder / "root"]).returncode != 0:
            return False
    return True


def settings(folder: pathlib.Path) -> dict[str, str] | None:
    """The environment in which ggml finds the driver; None where it is not there."""
    root = folder / "root"
    backend = next(root.rglob("libggml-vulkan.so"), None)
    driver = next(root.rglob("libvulkan_lvp.so"), None)
    loader = next(root.rglob("libvulkan.so.1"), None)
    if backend is None or driver is None or loader is None:
        return None
    if "not found" in subprocess.run(["ldd", driver], capture_output=True, text=True).stdout:
        return None
    about = folder / "lvp.json"
    about.write_text(json.dumps({"file_format_version": "1.0.0",
                                 "ICD": {"api_version": "1.3.238", "library_path": str(driver.resolve())}}))
    libraries = [str(loader.parent.resolve())] + [path for path in [os.environ.get("LD_LIBRARY_PATH")] if path]
    return {"GGML_BACKEND_PATH": str(backend.resolve()), "GGML_VK_VISIBLE_DEVICES": "0", "VK_ICD_FILENAMES": str(about.resolve()),
            "VK_DRIVER_FILES": str(about.resolve()), "LD_LIBRARY_PATH": ":".join(libraries)}


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    folder = pathlib.Path(sys.argv[1])
    found = settings(folder)
    if found is None and unpack(folder):
        found = settings(folder)
    if found is None:
        print("skipped: there is no Vulkan driver; it needs Debian's packages " + ", ".join(PACKAGES) + ", libLLVM and the network")
        return SKIPPED
    if "--" in sys.argv:
        command = sys.argv[sys.argv.index("--") + 1:]
        os.execvpe(command[0], command, os.environ | found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
