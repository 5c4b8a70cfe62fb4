#include "dspy/agents/sandbox/python_interpreter.hpp"
#include "support/escapes.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::string_view before = R"(
import errno, os, ctypes
libc = ctypes.CDLL(None, use_errno=True)
def attempt(work):
    try:
        return "done: " + repr(work())
    except BaseException as error:
        number = getattr(error, "errno", None)
        return type(error).__name__ + (":" + errno.errorcode.get(number, str(number)) if number else "")
def call(number, *arguments):
    ctypes.set_errno(0)
    return "done" if libc.syscall(number, *arguments) >= 0 else errno.errorcode[ctypes.get_errno()]
)";

}  // namespace

TEST_CASE("attempts to get out of the sandbox are refused or bounded") {
  if (const auto problem = dspy::sandbox_problem()) {
    MESSAGE("skipped: " << *problem);
    return;
  }
  const auto all = dspy::test::escapes("tests/cases/sandbox/escapes.txt");
  REQUIRE(all.size() >= 60);
  dspy::test::check_escapes(all, std::string(before), [] {
    return std::make_shared<dspy::PythonInterpreter>(std::vector<dspy::HostFunction>(),
                                                     dspy::PythonOptions{.grace = std::chrono::milliseconds(300)});
  });
}

TEST_CASE("a file of ours can be shown to code, to read and not to write") {
  if (dspy::sandbox_problem()) return;
  const std::string path = "/tmp/dspy-shown-" + std::to_string(getpid());
  std::ofstream(path) << "shown";
  dspy::PythonInterpreter python({}, {.readable = {path}});
  CHECK(python("open('" + path + "').read()").value == dspy::Json("shown"));
  CHECK(python("open('" + path + "', 'w')").error.has_value());
  unlink(path.c_str());
}
