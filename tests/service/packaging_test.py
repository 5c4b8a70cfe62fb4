#!/usr/bin/env python3
"""Looks over the files for other package collections with what reads them, where it is installed; says what it left out.

    python3 -m venv build/recipes && build/recipes/bin/pip install conan spdx-tools pyyaml

Exit code 77 (skipped) without Conan, the SPDX tools and PyYAML."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parents[2]
os.chdir(root)
try:
    import conan  # noqa: F401
    import yaml
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
except ImportError as missing:
    print(f"skipped: {missing}; the head of {__file__} says how to get it")
    sys.exit(77)

version = re.search(r"project\(dspy VERSION ([\d.]+)", pathlib.Path("CMakeLists.txt").read_text()).group(1)
# What the library is not configured or not whole without, by its name in each collection.
NEEDED = {
    "vcpkg": ["boost-asio", "boost-json", "boost-pfr", "curl", "openssl", "sqlite3", "tomlplusplus"],
    "conan": ["boost", "libcurl", "openssl", "sqlite3", "tomlplusplus"],
    "conda": ["libboost-devel", "libcurl", "openssl", "libsqlite", "tomlplusplus"],
    "homebrew": ["boost", "curl", "openssl@3", "sqlite", "tomlplusplus"],
}


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout


def vcpkg():
    port = pathlib.Path("packaging/vcpkg/ports/dspy-cpp")
    manifest = json.loads((port / "vcpkg.json").read_text())
    assert manifest["version"] == version
    names = [one if isinstance(one, str) else one["name"] for one in manifest["dependencies"]]
    assert set(NEEDED["vcpkg"]) <= set(names), names
    # The port is run by CMake, over functions that only write down what they are called with.
    calls = ["vcpkg_download_distfile", "vcpkg_extract_source_archive", "vcpkg_check_features", "vcpkg_cmake_configure",
             "vcpkg_cmake_install", "vcpkg_cmake_config_fixup", "vcpkg_fixup_pkgconfig", "vcpkg_copy_tools", "vcpkg_install_copyright"]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        script = "".join(f'function({name})\n  message(STATUS "{name} ${{ARGN}}")\nendfunction()\n' for name in calls)
        script += f'set(VERSION {version})\nset(FEATURES tools)\nset(CURRENT_PACKAGES_DIR "{folder}")\n'
        script += f'include("{(port / "portfile.cmake").resolve()}")\n'
        path = pathlib.Path(folder) / "port.cmake"
        path.write_text(script)
        told = run("cmake", "-P", str(path))
    for name in calls:
        assert name in told, f"the port does not call {name}"


def recipe_of_conan():
    command = shutil.which("conan", path=str(pathlib.Path(sys.executable).parent)) or shutil.which("conan")
    with tempfile.TemporaryDirectory() as home:
        told = json.loads(run(command, "inspect", "packaging/conan", "--format", "json", env={**os.environ, "CONAN_HOME": home}))
    assert told["version"] == version and told["name"] == "dspy-cpp", told
    text = pathlib.Path("packaging/conan/conanfile.py").read_text()
    for name in NEEDED["conan"]:
        assert f'requires("{name}/' in text, name


def conda():
    recipe = yaml.safe_load(pathlib.Path("packaging/conda/recipe.yaml").read_text())
    assert recipe["context"]["version"] == version, recipe["context"]
    hosts = [one.split()[0] for one in recipe["requirements"]["host"]]
    assert set(NEEDED["conda"]) <= set(hosts), hosts


def homebrew():
    path = pathlib.Path("packaging/homebrew/dspy-cpp.rb")
    for name in NEEDED["homebrew"]:
        assert f'depends_on "{name}"' in path.read_text(), name
    ruby = shutil.which("ruby")
    if ruby is None:
        return "Ruby is not there to read the formula"
    assert "Syntax OK" in run(ruby, "-wc", str(path))


def bill_of_materials():
    folder = next((each for each in ("build/package", "build/release") if (root / each / "CMakeCache.txt").exists()), None)
    if folder is None:
        return "no build folder is there to make a list of"
    with tempfile.TemporaryDirectory() as place:
        path = pathlib.Path(place) / "dspy-cpp.spdx.json"
        text = run(sys.executable, "packaging/sbom.py", folder)
        assert text == run(sys.executable, "packaging/sbom.py", folder), "the same build gives two lists"
        path.write_text(text)
        problems = validate_full_spdx_document(parse_file(str(path)))
    assert not problems, [one.validation_message for one in problems]
    names = {one["name"] for one in json.loads(text)["packages"]}
    assert {"OpenSSL", "libpq", "SQLite", "curl"} <= names, names


def container():
    linter = shutil.which("hadolint", path=str(pathlib.Path(sys.executable).parent)) or shutil.which("hadolint")
    if linter is None:
        return "hadolint is not there to read the container's file"
    # Versions of packages are those of the release that the image is made of; the shell's rules hold.
    run(linter, "--ignore", "DL3008", "packaging/container/Dockerfile")


for check in (vcpkg, recipe_of_conan, conda, homebrew, bill_of_materials, container):
    left_out = check()
    print(f"{check.__name__}: {left_out or 'well'}")
