"""Programs and models over HTTP, from this process."""

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest

import dspy_cpp as dspy


def post(server, path, body, **headers):
    request = urllib.request.Request(
        server.url + path, json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
    )
    with urllib.request.urlopen(request, timeout=20) as reply:
        return json.loads(reply.read())


def program():
    return dspy.Predict("question -> answer: int", lm=dspy.ScriptedLM("Answer: 4"))


def test_a_predictor_is_served_and_stops():
    server = dspy.serve(program(), name="sums")
    assert server.address.startswith("127.0.0.1:")
    made = post(server, "/v1/programs/sums", {"inputs": {"question": "2+2?"}})
    assert made["outputs"] == {"answer": 4}
    listed = json.loads(urllib.request.urlopen(server.url + "/v1/models", timeout=20).read())
    assert "sums" in [one["id"] for one in listed["data"]]
    assert server.stop() is True
    assert server.stop() is True
    with pytest.raises(OSError):
        post(server, "/v1/programs/sums", {"inputs": {"question": "2+2?"}})


def test_a_program_of_python_is_served_from_many_threads():
    class Twice(dspy.Module):
        def __init__(self):
            self.ask = program()

        def forward(self, question):
            return {"answer": 2 * self.ask(question=question).answer}

    with dspy.serve(programs={"twice": (Twice(), "question -> answer: int")}) as server:
        answers = []

        def ask():
            for _ in range(10):
                answers.append(post(server, "/v1/programs/twice", {"inputs": {"question": "?"}})["outputs"]["answer"])

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [8] * 40


def test_models_are_served_as_openai_has_them():
    with dspy.serve(models={"echo": dspy.FunctionLM(lambda request: request["messages"][-1]["content"])}) as server:
        made = post(server, "/v1/chat/completions", {"model": "echo", "messages": [{"role": "user", "content": "hello"}]})
    assert made["choices"][0]["message"]["content"] == "hello"


def test_a_key_is_asked_for():
    with dspy.serve(program(), key="a-key-of-sixteen-and-more") as server:
        body = {"inputs": {"question": "?"}}
        for headers in ({}, {"Authorization": "Bearer wrong-key-of-sixteen"}):
            with pytest.raises(urllib.error.HTTPError) as refused:
                post(server, "/v1/programs/program", body, **headers)
            assert refused.value.code == 401
        right = {"Authorization": "Bearer a-key-of-sixteen-and-more"}
        assert post(server, "/v1/programs/program", body, **right)["outputs"] == {"answer": 4}


def test_what_cannot_be_served_is_refused():
    class Own(dspy.Module):
        pass

    with pytest.raises(dspy.ConfigError, match="say its `signature`"):
        dspy.serve(Own())
    with pytest.raises(dspy.ConfigError, match="nothing to serve"):
        dspy.serve()
    with pytest.raises(dspy.ConfigError, match="other machines"):
        dspy.serve(program(), address="0.0.0.0:0")
    with pytest.raises(dspy.ConfigError, match="at least 16"):
        dspy.serve(program(), key="short")
    with dspy.serve(program()) as server, pytest.raises(dspy.Error):
        dspy.serve(program(), address=server.address)


def test_the_interpreter_ends_while_a_server_works():
    code = """
import threading, time, urllib.request, json, dspy_cpp as dspy
class Slow(dspy.Module):
    def forward(self, question):
        time.sleep(0.05)
        return {"answer": question}
server = dspy.serve(programs={"slow": (Slow(), "question -> answer")})
def ask():
    while True:
        try:
            body = json.dumps({"inputs": {"question": "?"}}).encode()
            urllib.request.urlopen(server.url + "/v1/programs/slow", body, timeout=5).read()
        except OSError:
            return
for _ in range(8):
    threading.Thread(target=ask, daemon=True).start()
time.sleep(0.5)
print("bye", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "bye\n"), done.stderr
