#pragma once

#include "dspy/base/json.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::app {

/// What a trace file says, for somebody who did not write the program.
class TraceReport {
 public:
  struct Options {
    bool content = false;
    bool only_failed = false;
  };

  explicit TraceReport(Options options) : options_(options) {}

  /// One line of the file.  Throws `Error` (`bad_input`) that names the line if it is not a span.
  void add(std::string_view line, std::size_t number);
  std::string text() const;
  bool is_empty() const noexcept { return spans_.empty(); }

 private:
  void write(std::string& out, std::uint64_t id, int depth) const;

  Options options_;
  std::map<std::uint64_t, JsonObject> spans_;
  std::map<std::uint64_t, std::vector<std::uint64_t>> children_;
  std::vector<std::uint64_t> order_;  ///< As they ended.
};

}  // namespace dspy::app
