#include "dspy/agents/sandbox/python_interpreter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using dspy::Execution;

namespace {

/// True where code can be sandboxed.  Else the test says why it does not run.
bool can_sandbox() {
  static const auto problem = dspy::sandbox_problem();
  if (problem) MESSAGE("skipped: " << *problem);
  return !problem;
}

dspy::HostFunction doubled() {
  return {.name = "doubled", .parameters = {"x"}, .call = [](dspy::JsonObject arguments) -> dspy::Async<dspy::Json> {
            co_return 2 * arguments.at("x").to_number<int>();
          }};
}

}  // namespace

TEST_CASE("code keeps its variables from one execution to the next, and its last expression is the value") {
  if (!can_sandbox()) return;
  dspy::PythonInterpreter python;
  auto first = python("x = 20\nprint('hello', x)\nx + 1");
  CHECK(first.end == Execution::End::finished);
  CHECK(first.output == "hello 20\n");
  CHECK(first.value == dspy::Json(21));
  CHECK(first.repr == "21");
  auto second = python("[x, {'a': y}, None, 1.5, 'é']", {{"y", true}});
  CHECK(second.value == dspy::Json({20, {{"a", true}}, nullptr, 1.5, "é"}));
  CHECK_FALSE(python("z = 3").value.has_value());
  CHECK(python.protection().starts_with("bubblewrap, seccomp"));
}

TEST_CASE("a value that is not JSON is shown as Python writes it, with the reason") {
  if (!can_sandbox()) return;
  dspy::PythonInterpreter python;
  auto out = python("object");
  CHECK_FALSE(out.value.has_value());
  CHECK(out.repr == "<class 'object'>");
  CHECK(out.no_value.find("no JSON form") != std::string::npos);
  CHECK(python("2**70").no_value == "an integer of more than 64 bits; make it a str");
  CHECK(python("float('nan')").no_value == "a float that is not finite");
  CHECK(python("'\\ud800'").value == dspy::Json("?"));
  CHECK(python("{1: 2, '1': 3}").no_value == "a dict with two keys that are written alike, '1'");
}

TEST_CASE("what code raises comes back with its kind, and the state stays") {
  if (!can_sandbox()) return;
  dspy::PythonInterpreter python;
  auto out = python("a = 1\nprint('before')\n1 / 0");
  REQUIRE(out.error);
  CHECK(out.end == Execution::End::raised);
  CHECK(out.error->kind == "ZeroDivisionError");
  CHECK(out.error->message == "division by zero");
  CHECK(out.error->traceback.find("1 / 0") != std::string::npos);
  CHECK(out.output == "before\n");
  CHECK(python("a").value == dspy::Json(1));
  CHECK(python("def f(:").error->kind == "SyntaxError");
  CHECK(python("import sys; sys.exit(3)").error->kind == "SystemExit");
}

TEST_CASE("code calls functions of ours, and what they throw is raised inside") {
  if (!can_sandbox()) return;
  dspy::HostFunction fails{.name = "fails", .call = [](dspy::JsonObject) -> dspy::Async<dspy::Json> {
                             throw dspy::Error(dspy::Errc::bad_input, "no such city");
                             co_return nullptr;
                           }};
  dspy::PythonInterpreter python({doubled(), fails});
  auto out = python("sum(doubled(i) for i in range(5)) + doubled(x=1)");
  CHECK(out.value == dspy::Json(22));
  CHECK(out.calls == 6);
  auto failed = python("try:\n  fails()\nexcept Exception as e:\n  m = f'{type(e).__name__}: {e}'\nm");
  CHECK(failed.value == dspy::Json("ToolError: no such city"));
  CHECK(python("doubled(1, 2)").error->kind == "TypeError");
  CHECK(python("doubled(y=2)").error->message == "doubled() has no parameter 'y'; it has x");
}

TEST_CASE("SUBMIT ends the execution with named values") {
  if (!can_sandbox()) return;
  dspy::PythonInterpreter python;
  const auto submit = [&](std::string code) {
    return wait(python.execute({.code = std::move(code), .submit_fields = {"answer", "score"}}));
  };
  auto out = submit("SUBMIT('yes', 0.5)\nprint('never')");
  CHECK(out.end == Execution::End::submitted);
  CHECK(out.submitted == dspy::JsonObject{{"answer", "yes"}, {"score", 0.5}});
  CHECK(out.output.empty());
  CHECK(submit("SUBMIT(score=1, answer='a')").submitted->at("score") == dspy::Json(1));
  CHECK(submit("SUBMIT({'answer': 1, 'score': 2})").submitted->at("answer") == dspy::Json(1));
  CHECK(submit("SUBMIT(1, 2, 3)").error->kind == "TypeError");
  CHECK(submit("try:\n  SUBMIT(1, 2)\nexcept BaseException:\n  pass").end == Execution::End::submitted);
}

TEST_CASE("code that takes too long is interrupted and keeps its state; if it does not stop, it is ended") {
  if (!can_sandbox()) return;
  dspy::PythonInterpreter python({}, {.grace = std::chrono::milliseconds(200)});
  const auto run = [&](std::string code) {
    return wait(python.execute({.code = std::move(code), .time_limit = std::chrono::milliseconds(200)}));
  };
  auto out = run("n = 7\nwhile True: pass");
  CHECK(out.end == Execution::End::timed_out);
  CHECK_FALSE(out.state_lost);
  CHECK(python("n").value == dspy::Json(7));
  auto stubborn = run("import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass");
  CHECK(stubborn.end == Execution::End::timed_out);
  CHECK(stubborn.state_lost);
  CHECK(python("n").error->kind == "NameError");
}

TEST_CASE("a stop from another thread ends code") {
  if (!can_sandbox()) return;
  dspy::PythonInterpreter python;
  std::stop_source stop;
  const std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop.request_stop();
  });
  try {
    wait(python.execute({.code = "while True: pass", .stop = stop.get_token()}));
    FAIL("it ended by itself");
  } catch (const dspy::Error& error) {
    CHECK(error.code() == dspy::Errc::cancelled);
  }
  CHECK(python("1").value == dspy::Json(1));
}

TEST_CASE("of long output the beginning and the end are kept") {
  if (!can_sandbox()) return;
  dspy::PythonInterpreter python({}, {.output_letters = 20});
  auto out = python("print('a' * 15 + 'b' * 15, end='')");
  CHECK(out.left_out == 10);
  CHECK(out.output == "aaaaaaaaaa\n… 10 letters left out …\nbbbbbbbbbb");
}

TEST_CASE("without bubblewrap code is refused, unless it was allowed in so many words") {
  const auto* const path = std::getenv("PATH");
  const std::string before = path;
  setenv("PATH", "/nowhere", 1);
  dspy::PythonInterpreter strict, loose({}, {.allow_unsandboxed = true});
  try {
    strict("1");
    FAIL("it ran");
  } catch (const dspy::Error& error) {
    CHECK(error.code() == dspy::Errc::unsupported);
    CHECK(std::string(error.what()).find("allow_unsandboxed") != std::string::npos);
  }
  CHECK(loose("1 + 1").value == dspy::Json(2));
  CHECK(loose.protection() == "none: allow_unsandboxed was set");
  setenv("PATH", before.c_str(), 1);
}

TEST_CASE("names that Python cannot say are refused") {
  CHECK_THROWS_AS(dspy::PythonInterpreter({{.name = "a.b", .call = doubled().call}}), dspy::Error);
  CHECK_THROWS_AS(dspy::PythonInterpreter({doubled(), doubled()}), dspy::Error);
}

TEST_CASE("interpreters that are kept ready are new ones, with their own functions and nobody's variables") {
  if (!can_sandbox()) return;
  const auto make = dspy::python_interpreters({}, 2);
  const auto first = make({doubled()}), second = make({});
  CHECK((*first)("x = doubled(4)\nx").value == dspy::Json(8));
  const auto other = (*second)("x");
  REQUIRE(other.error);
  CHECK(other.error->kind == "NameError");
  CHECK((*second)("doubled(1)").error->kind == "NameError");
  CHECK(first->protection().starts_with("bubblewrap, seccomp"));
  // More at once than are kept.
  std::vector<std::shared_ptr<dspy::Interpreter>> many;
  for (int i = 0; i < 4; ++i) many.push_back(make({}));
  for (int i = 0; i < 4; ++i) CHECK((*many[static_cast<std::size_t>(i)])(std::to_string(i)).value == dspy::Json(i));
  CHECK_THROWS_AS(make({{.name = "not a name"}}), dspy::Error);
}

TEST_CASE("an interpreter that could not be kept ready fails the one who asks for it, with the reason") {
  if (!can_sandbox()) return;
  const auto lost = dspy::python_interpreters({.python = "/usr/bin/no-such-python"}, 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  CHECK_THROWS_AS((*lost({}))("1"), dspy::Error);
  CHECK_THROWS_AS(dspy::python_interpreters({}, 65), dspy::Error);
}
