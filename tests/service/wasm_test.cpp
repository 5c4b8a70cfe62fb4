// Python in WebAssembly, where Node and Pyodide are installed (tests/CMakeLists.txt says how).

#include "dspy/agents/sandbox/wasm_interpreter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "support/escapes.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

using dspy::Execution;
using dspy::WasmOptions;
using std::chrono::milliseconds;

namespace {

constexpr const char* before = R"(
import errno, os, sys
def attempt(work):
    try:
        return "done: " + repr(work())
    except BaseException as error:
        number = getattr(error, "errno", None)
        return type(error).__name__ + (":" + errno.errorcode.get(number, str(number)) if number else "")
frame = sys._getframe()
while "host" not in frame.f_globals:
    frame = frame.f_back
host = frame.f_globals["host"]
)";

dspy::HostFunction doubled() {
  return {.name = "doubled", .parameters = {"x"}, .call = [](dspy::JsonObject arguments) -> dspy::Async<dspy::Json> {
            if (arguments.at("x") == dspy::Json(0)) throw dspy::Error(dspy::Errc::bad_input, "nothing to double");
            co_return 2 * arguments.at("x").to_number<int>();
          }};
}

double seconds_to_start(const WasmOptions& options) {
  dspy::WasmInterpreter python({}, options);
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(python("1").end == Execution::End::finished);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

TEST_CASE("code keeps its variables, and its results are as those of Python in a process") {
  dspy::WasmInterpreter python;
  auto first = python("x = 20\nprint('hello', x)\nx + 1");
  CHECK(first.end == Execution::End::finished);
  CHECK(first.output == "hello 20\n");
  CHECK(first.value == dspy::Json(21));
  CHECK(python("[x, {'a': y}, None, 1.5, 'é']", {{"y", true}}).value ==
        dspy::Json({20, {{"a", true}}, nullptr, 1.5, "é"}));
  CHECK(python("2**70").no_value == "an integer of more than 64 bits; make it a str");
  const auto raised = python("print('before')\n1 / 0");
  REQUIRE(raised.error);
  CHECK(raised.error->kind == "ZeroDivisionError");
  CHECK(raised.error->traceback.contains("1 / 0"));
  CHECK(raised.output == "before\n");
  CHECK(python("import sys; sys.exit(3)").error->kind == "SystemExit");
  CHECK(python("x").value == dspy::Json(20));
  CHECK(python.protection().starts_with("WebAssembly (Pyodide "));
  MESSAGE(python.protection());
}

TEST_CASE("code calls functions of ours as its own, and ends with named values") {
  dspy::WasmInterpreter python({doubled()});
  const auto out = python("sum(doubled(i) for i in range(1, 5)) + doubled(x=1)");
  CHECK(out.value == dspy::Json(22));
  CHECK(out.calls == 5);
  CHECK(python("try:\n  doubled(0)\nexcept Exception as e:\n  m = f'{type(e).__name__}: {e}'\nm").value ==
        dspy::Json("ToolError: nothing to double"));
  const auto submitted = wait(python.execute({.code = "SUBMIT('yes', 0.5)", .submit_fields = {"answer", "score"}}));
  CHECK(submitted.end == Execution::End::submitted);
  CHECK(submitted.submitted == dspy::JsonObject{{"answer", "yes"}, {"score", 0.5}});
}

TEST_CASE("code that takes too long is interrupted and keeps its state; if it does not stop, it is ended") {
  dspy::WasmInterpreter python({}, {.grace = milliseconds(300)});
  const auto run = [&](std::string code) {
    return wait(python.execute({.code = std::move(code), .time_limit = milliseconds(300)}));
  };
  const auto out = run("n = 7\nwhile True: pass");
  CHECK(out.end == Execution::End::timed_out);
  CHECK_FALSE(out.state_lost);
  CHECK(python("n").value == dspy::Json(7));
  const auto uninterruptible = run("sum(range(10**11))");
  CHECK(uninterruptible.end == Execution::End::timed_out);
  CHECK(uninterruptible.state_lost);
  CHECK(python("n").error->kind == "NameError");
}

TEST_CASE("output and memory are bounded") {
  dspy::WasmInterpreter python({}, {.memory_bytes = std::uint64_t{128} << 20, .output_letters = 20});
  const auto out = python("print('a' * 15 + 'b' * 15, end='')");
  CHECK(out.left_out == 10);
  CHECK(out.output == "aaaaaaaaaa\n… 10 letters left out …\nbbbbbbbbbb");
  CHECK(python("x = bytearray(200 << 20)").error->kind == "MemoryError");
  CHECK(python("len(bytearray(50 << 20))").value == dspy::Json(50 << 20));
}

TEST_CASE("interpreters that begin with one image have numbers of their own") {
  dspy::WasmInterpreter first, second;
  const auto* const code = "import os, random; [random.random(), os.urandom(8).hex()]";
  const auto one = first(code).value, two = second(code).value;
  REQUIRE((one && two));
  CHECK(one->at(0) != two->at(0));
  CHECK(one->at(1) != two->at(1));
}

TEST_CASE("attempts to get out of WebAssembly are refused or bounded, also without bubblewrap") {
  const auto all = dspy::test::escapes("tests/cases/sandbox/wasm_escapes.txt");
  REQUIRE(all.size() >= 70);
  for (const auto around : {WasmOptions::Around::bubblewrap_where_installed, WasmOptions::Around::nothing})
    dspy::test::check_escapes(all, before, [&] {
      return std::make_shared<dspy::WasmInterpreter>(std::vector<dspy::HostFunction>(),
                                                     WasmOptions{.around = around, .grace = milliseconds(300)});
    });
}

TEST_CASE("an image makes later starts faster") {
  const auto folder = std::filesystem::temp_directory_path() / "dspy-wasm-image-test";
  std::filesystem::remove_all(folder);
  const WasmOptions options{.image_folder = folder};
  const auto cold = seconds_to_start(options), warm = seconds_to_start(options);
  MESSAGE("without an image " << cold << " s, with one " << warm << " s");
  CHECK(warm < cold);
  std::filesystem::remove_all(folder);
}
