#pragma once

#include "dspy/agents/sandbox/interpreter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::test {

/// An attempt to get out of a sandbox, and what may come of it; tests/cases/sandbox/escapes.txt says how it is written.
struct Escape {
  std::string name;
  std::vector<std::string> ends, values;
  std::string code;
};

inline std::vector<std::string> blank_parted(std::string_view text) {
  std::vector<std::string> out;
  for (const auto word : std::views::split(text, ' '))
    if (!word.empty()) out.emplace_back(std::string_view(word));
  return out;
}

inline std::vector<Escape> escapes(const std::string& path) {
  std::ifstream file(path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  std::vector<Escape> out;
  for (auto at = text.find("\n=== "); at != std::string::npos;) {
    const auto next = text.find("\n=== ", at + 1);
    const auto block = std::string_view(text).substr(at + 5, next == std::string::npos ? next : next - at - 4);
    const auto line = block.find('\n');
    const auto head = block.substr(0, line);
    const auto first = head.find(" | "), second = head.rfind(" | ");
    out.push_back({.name = std::string(head.substr(0, first)),
                   .ends = blank_parted(head.substr(first + 3, second - first - 3)),
                   .values = blank_parted(head.substr(second + 3)),
                   .code = std::string(block.substr(line + 1))});
    at = next;
  }
  return out;
}

inline bool is_among(const std::vector<std::string>& expected, std::string_view value) {
  return std::ranges::any_of(expected, [&](const std::string& each) {
    return each.ends_with('*') ? value.starts_with(std::string_view(each).substr(0, each.size() - 1)) : value == each;
  });
}

/// What the attempt came to.  An interpreter that lies is ended, which is an error of the call.
inline Execution tried(Interpreter& python, const std::string& code) {
  try {
    return wait(python.execute({.code = code, .time_limit = std::chrono::milliseconds(1'500)}));
  } catch (const Error& error) {
    REQUIRE(error.code() == Errc::backend_error);
    return {.end = Execution::End::crashed, .problem = error.what()};
  }
}

/// Each attempt in an interpreter of its own, after `before`; the next piece of code is not harmed, and no file is
/// left.
inline void check_escapes(const std::vector<Escape>& all, const std::string& before,
                          const std::function<std::shared_ptr<Interpreter>()>& make) {
  for (const auto& escape : all) {
    CAPTURE(escape.name);
    const auto python = make();
    REQUIRE((*python)(before).end == Execution::End::finished);
    const auto out = tried(*python, escape.code);
    CAPTURE(out.repr);
    CAPTURE(out.problem);
    // On a busy machine the deadline may be what bounds it.
    const bool is_late = out.end == Execution::End::timed_out;
    CHECK((is_late || is_among(escape.ends, to_string(out.end))));
    const auto value = out.value && out.value->is_string() ? std::string(view(out.value->get_string())) : "";
    const bool has_value = out.end == Execution::End::finished && !is_among(escape.values, "");
    if (has_value) CHECK(is_among(escape.values, value));
    CHECK(out.output.size() <= std::size_t{300} << 10);
    CHECK((*python)("1 + 1").value == Json(2));
  }
  struct stat ignored{};
  for (const auto* const path : {"/owned", "/tmp/owned", "/usr/bin/owned", "/dev/shm/owned"})
    CHECK(stat(path, &ignored) != 0);
}

}  // namespace dspy::test
