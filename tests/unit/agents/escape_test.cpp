#include "dspy/agents/sandbox/python_interpreter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

using dspy::Execution;

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

struct Attempt {
  std::string name;
  std::vector<std::string> ends, values;
  std::string code;
};

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  for (const auto word : std::views::split(text, ' '))
    if (!word.empty()) out.emplace_back(std::string_view(word));
  return out;
}

std::vector<Attempt> attempts() {
  std::ifstream file("tests/cases/sandbox/escapes.txt");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  std::vector<Attempt> out;
  for (auto at = text.find("\n=== "); at != std::string::npos;) {
    const auto next = text.find("\n=== ", at + 1);
    const auto block = std::string_view(text).substr(at + 5, next == std::string::npos ? next : next - at - 4);
    const auto line = block.find('\n');
    const auto head = block.substr(0, line);
    const auto first = head.find(" | "), second = head.rfind(" | ");
    out.push_back({.name = std::string(head.substr(0, first)),
                   .ends = words(head.substr(first + 3, second - first - 3)),
                   .values = words(head.substr(second + 3)),
                   .code = std::string(block.substr(line + 1))});
    at = next;
  }
  return out;
}

bool is_among(const std::vector<std::string>& expected, std::string_view value) {
  return std::ranges::any_of(expected, [&](const std::string& each) {
    return each.ends_with('*') ? value.starts_with(std::string_view(each).substr(0, each.size() - 1)) : value == each;
  });
}

/// What the attempt came to.  An interpreter that lies is ended, which is an error of the call.
Execution tried(dspy::PythonInterpreter& python, const std::string& code) {
  try {
    return wait(python.execute({.code = code, .time_limit = std::chrono::milliseconds(1'500)}));
  } catch (const dspy::Error& error) {
    REQUIRE(error.code() == dspy::Errc::backend_error);
    return {.end = Execution::End::crashed, .problem = error.what()};
  }
}

}  // namespace

TEST_CASE("attempts to get out of the sandbox are refused or bounded") {
  if (const auto problem = dspy::sandbox_problem()) {
    MESSAGE("skipped: " << *problem);
    return;
  }
  const auto all = attempts();
  REQUIRE(all.size() >= 60);
  for (const auto& attempt : all) {
    CAPTURE(attempt.name);
    dspy::PythonInterpreter python({}, {.grace = std::chrono::milliseconds(300)});
    REQUIRE(python(std::string(before)).end == Execution::End::finished);
    const auto out = tried(python, attempt.code);
    CAPTURE(out.repr);
    CAPTURE(out.problem);
    // On a busy machine the deadline may be what bounds it.
    const bool is_late = out.end == dspy::Execution::End::timed_out;
    CHECK((is_late || is_among(attempt.ends, to_string(out.end))));
    const auto value = out.value && out.value->is_string() ? std::string(dspy::view(out.value->get_string())) : "";
    if (!is_late && !is_among(attempt.values, "")) CHECK(is_among(attempt.values, value));
    CHECK(out.output.size() <= std::size_t{300} << 10);
    CHECK(python("1 + 1").value == dspy::Json(2));  // the next piece of code is not harmed
  }
  struct stat ignored{};
  for (const auto* const path : {"/owned", "/tmp/owned", "/usr/bin/owned", "/dev/shm/owned"})
    CHECK(stat(path, &ignored) != 0);
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
