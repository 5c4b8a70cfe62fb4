"""Spans of `dspy ask` at a receiver that reads them by the official protobuf definitions and their JSON mapping.

Exits with 77 (skipped) where the packages are not installed:

    python3 -m venv build/otlp && build/otlp/bin/pip install opentelemetry-proto
    ctest --test-dir build/release -R service.otlp
"""

import base64
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading

try:
    from google.protobuf import json_format
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
except ImportError as missing:
    print(f"skipped: {missing}; install the packages as this file says")
    sys.exit(77)

DSPY = os.environ["DSPY_BINARY"]
CANARY = "sk-canary-7f3a9b1c5d"
TAKEN = []


def decoded(body):
    """OTLP's one exception to the mapping: ids are hexadecimal, where protobuf's JSON has bytes in base64."""
    raw = json.loads(body)
    for resource in raw["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return json_format.ParseDict(raw, ExportTraceServiceRequest())  # an unknown member is an error


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        TAKEN.append((self.path, self.headers["Content-Type"], body))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments):
        pass


def attributes(span):
    return {each.key: each.value for each in span.attributes}


def main():
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(
        [DSPY, "mock", "--port", "0", "--quiet", "--wish", "reply=Answer: blue"], stdout=subprocess.PIPE
    ) as mock:
        try:
            url = mock.stdout.readline().decode().strip()
            environment = dict(
                os.environ,
                HOME=folder,
                DSPY_CONFIG="",
                OPENAI_API_KEY=CANARY,
                OTEL_SERVICE_NAME="sky",
                OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{receiver.server_port}",
            )
            asked = subprocess.run(
                [DSPY, "ask", "-m", f"openai/m?base_url={url}/v1", "Which colour?"],
                env=environment, cwd=folder, capture_output=True, timeout=60, check=False,
            )
            failed = subprocess.run(
                [DSPY, "ask", "-m", "openai/m?base_url=http://127.0.0.1:9/v1", "Which colour?"],
                env=environment, cwd=folder, capture_output=True, timeout=60, check=False,
            )
        finally:
            mock.terminate()
    assert asked.returncode == 0, asked.stderr
    assert failed.returncode == 1, failed.stderr
    assert len(TAKEN) == 2, TAKEN
    spans = []
    for path, kind, body in TAKEN:
        assert (path, kind) == ("/v1/traces", "application/json"), (path, kind)
        assert CANARY.encode() not in body
        request = decoded(body)
        resource = request.resource_spans[0]
        assert attributes(resource.resource)["service.name"].string_value == "sky"
        spans.append(list(resource.scope_spans[0].spans))
    (attempt, call), (lost, lost_call) = spans
    assert len(attempt.trace_id) == 16 and len(attempt.span_id) == 8
    assert attempt.trace_id == call.trace_id and attempt.parent_span_id == call.span_id
    assert attempt.kind == Span.SPAN_KIND_CLIENT and call.kind == Span.SPAN_KIND_INTERNAL
    assert call.start_time_unix_nano <= attempt.start_time_unix_nano <= attempt.end_time_unix_nano
    found = attributes(attempt)
    assert found["gen_ai.operation.name"].string_value == "chat"
    assert found["gen_ai.usage.input_tokens"].int_value > 0
    assert [each.string_value for each in found["gen_ai.response.finish_reasons"].array_value.values] == ["stop"]
    assert lost.status.code == Status.STATUS_CODE_ERROR and lost_call.status.code == Status.STATUS_CODE_ERROR
    assert attributes(lost)["error.type"].string_value == "unavailable"
    print("4 spans read by the official definitions")


main()
