#!/usr/bin/env python3
"""What a package is made of, as SPDX 2.3 in JSON: the library, and what it is built on, in the versions found here.

    packaging/sbom.py build/release > dspy-cpp.spdx.json

Versions are those of the build's own CMake cache and pkg-config; one that cannot be found out is NOASSERTION, never a guess.  The
same checkout and build give the same text: its time is that of the last commit, or of SOURCE_DATE_EPOCH.
"""

import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# name, pkg-config's name or a header that tells the version, licence, how it is contained.
PARTS = [
    ("Boost", ("header", "/usr/include/boost/version.hpp", r'BOOST_LIB_VERSION "([\d_]+)"'), "BSL-1.0", "STATIC_LINK"),
    ("SQLite", ("pc", "sqlite3"), "blessing", "DYNAMIC_LINK"),
    ("tomlplusplus", ("pc", "tomlplusplus"), "MIT", "STATIC_LINK"),
    ("spdlog", ("pc", "spdlog"), "MIT", "DYNAMIC_LINK"),
    ("curl", ("pc", "libcurl"), "curl", "DYNAMIC_LINK"),
    ("OpenSSL", ("pc", "libssl"), "Apache-2.0", "DYNAMIC_LINK"),
    ("libpq", ("pc", "libpq"), "PostgreSQL", "DYNAMIC_LINK"),
    ("libseccomp", ("pc", "libseccomp"), "LGPL-2.1-only", "DYNAMIC_LINK"),
    ("gumbo", ("pc", "gumbo"), "Apache-2.0", "DYNAMIC_LINK"),
    ("libzip", ("pc", "libzip"), "BSD-3-Clause", "DYNAMIC_LINK"),
    ("pugixml", ("pc", "pugixml"), "MIT", "DYNAMIC_LINK"),
    ("llama.cpp", ("pc", "llama"), "MIT", "RUNTIME_DEPENDENCY_OF"),
    ("CLI11", ("pc", "CLI11"), "BSD-3-Clause", "STATIC_LINK"),
]


def output(*command):
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return found.stdout.strip() if found.returncode == 0 else ""


def version_of(source):
    if source[0] == "pc":
        return output("pkg-config", "--modversion", source[1])
    path = pathlib.Path(source[1])
    found = re.search(source[2], path.read_text(errors="replace")) if path.exists() else None
    return found.group(1).replace("_", ".") if found else ""


def time_of():
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or output("git", "log", "-1", "--format=%ct") or "0"
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release")
    cache = build / "CMakeCache.txt"
    if not cache.exists():
        sys.exit(f"sbom: {build} is not a build folder: it has no CMakeCache.txt; configure one first")
    version = re.search(r"^CMAKE_PROJECT_VERSION:STATIC=(.*)$", cache.read_text(), re.M).group(1)
    model = ROOT / "models/dspy-tiny.gguf"
    packages = [
        {
            "SPDXID": "SPDXRef-dspy-cpp",
            "name": "dspy-cpp",
            "versionInfo": version,
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False,
            "licenseConcluded": "Apache-2.0",
            "licenseDeclared": "Apache-2.0",
            "copyrightText": "NOASSERTION",
            "primaryPackagePurpose": "LIBRARY",
        },
        {
            "SPDXID": "SPDXRef-dspy-tiny",
            "name": "dspy-tiny.gguf",
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False,
            "licenseConcluded": "Apache-2.0",
            "licenseDeclared": "Apache-2.0",
            "copyrightText": "NOASSERTION",
            "checksums": [{"algorithm": "SHA256", "checksumValue": hashlib.sha256(model.read_bytes()).hexdigest()}],
            "primaryPackagePurpose": "OTHER",
        },
    ]
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-dspy-cpp"), ("SPDXRef-dspy-cpp", "CONTAINS", "SPDXRef-dspy-tiny")]
    for name, source, licence, how in PARTS:
        ident = "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)
        found = version_of(source)
        packages.append(
            {
                "SPDXID": ident,
                "name": name,
                **({"versionInfo": found} if found else {}),
                "downloadLocation": "NOASSERTION",
                "filesAnalyzed": False,
                "licenseConcluded": "NOASSERTION",
                "licenseDeclared": licence,
                "copyrightText": "NOASSERTION",
            }
        )
        if how == "RUNTIME_DEPENDENCY_OF":
            relations.append((ident, how, "SPDXRef-dspy-cpp"))
        else:
            relations.append(("SPDXRef-dspy-cpp", how, ident))
    body = json.dumps([packages, relations], sort_keys=True)
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"dspy-cpp-{version}",
        "documentNamespace": f"urn:sha256:{hashlib.sha256(body.encode()).hexdigest()}",
        "creationInfo": {"created": time_of(), "creators": ["Tool: packaging/sbom.py"]},
        "packages": packages,
        "relationships": [
            {"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b} for a, kind, b in relations
        ],
    }
    json.dump(document, sys.stdout, indent=2)
    print()


main()
