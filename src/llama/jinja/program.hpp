#pragma once

#include "llama/jinja/values/text.hpp"
#include "llama/jinja/values/value.hpp"
#include "llama/jinja/values/work.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Jinja as chat templates use it: what `transformers` runs them with (jinja2 in a sandbox, `trim_blocks`,
// `lstrip_blocks`, `break` and `continue`, `raise_exception`, `strftime_now`, a plain `tojson`), written anew so that
// what a conversation says can be distinguished from what the template says, and so that no template can hang or fill a
// process.

namespace dspy::llama::jinja {

/// A template, read.  A value; thread-safe.
class Program {
 public:
  using Variables = std::vector<std::pair<std::string, Value>>;

  /// Throws `Error` (`config_error`) with line and column.
  explicit Program(std::string_view source);

  /// Throws `Error`: `invalid_parameter` where the template refuses (`raise_exception`), `config_error` where it cannot
  /// go on or passes a limit.
  Text render(Variables variables, const Work::Now& now, Limits limits = {}) const;

 private:
  struct Tree;
  std::shared_ptr<const Tree> tree_;
};

}  // namespace dspy::llama::jinja
