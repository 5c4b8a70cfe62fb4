"""What `dspy serve` says of itself is valid OpenAPI 3.1, and what it answers is as it says.

Needs the packages openapi-spec-validator (and schemathesis, for the second part), for instance:
    python3 -m venv build/openapi && build/openapi/bin/pip install openapi-spec-validator schemathesis
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

try:
    from openapi_spec_validator import OpenAPIV31SpecValidator
except ImportError:
    print("openapi-spec-validator is not installed; see the head of this file")
    sys.exit(77)

DSPY = os.environ["DSPY_BINARY"]
MODEL = str(Path("models/dspy-tiny.gguf").resolve())
SOURCES = [
    "qa=question -> answer",
    "triage=ticket, history: list[str] -> category: Literal['billing', 'bug'], urgent: bool, score: Optional[float]",
]

with tempfile.TemporaryDirectory() as folder:
    server = subprocess.Popen(
        [DSPY, "serve", "--json", "--listen", "127.0.0.1:0", "--model", MODEL, "--jobs", folder + "/jobs.db", *SOURCES],
        stdout=subprocess.PIPE,
    )
    try:
        url = json.loads(server.stdout.readline())["listening"]
        with urllib.request.urlopen(url + "/openapi.json", timeout=30) as response:
            document = json.load(response)
        problems = list(OpenAPIV31SpecValidator(document).iter_errors())
        for problem in problems:
            print("invalid:", problem)
        print(f"{len(document['paths'])} paths, {len(problems)} problems")
        code = 1 if problems else 0
        tool = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
        if code == 0 and tool:
            # What asks a model is left out: that would measure the model's patience, not the server.
            tested = subprocess.run(
                [tool, "run", url + "/openapi.json", "--checks", "not_a_server_error,response_schema_conformance",
                 "--max-examples", "20", "--exclude-path-regex", "^/v1/programs/[^{]*$|:stream|:batch|events"],
                timeout=270, check=False, cwd=folder,  # where it keeps what it found
            )
            code = tested.returncode
    finally:
        server.terminate()
        server.wait(30)
sys.exit(code)
