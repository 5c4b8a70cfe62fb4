#pragma once

#include "dspy/lm/request.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama::mask {

/// Says which output a reply is writing, from the headings between its values.  Only for replies under the mask of the
/// same contract: there nothing else can look like the next heading.
class FieldTracker {
 public:
  explicit FieldTracker(const OutputContract& contract);

  /// Takes the reply's next text.  Returns the output to whose value it belongs, or that it begins.
  std::optional<std::size_t> push(std::string_view text);
  /// The output whose value comes next or goes on.
  std::optional<std::size_t> field() const noexcept;
  /// How many bytes had been taken when the value of each output came next, as far as they have: when a heading ends
  /// within a text, before that text.
  std::span<const std::size_t> starts() const noexcept {
    return std::span(starts_).first(std::min(starts_.size(), names_.size()));
  }
  /// The names of the outputs, in the order of the signature; none where the contract has no signature.
  const std::vector<std::string>& names() const noexcept { return names_; }

 private:
  std::vector<std::string> names_;
  std::vector<std::string> headings_;  ///< Of each output; and of what comes after the last, if anything does.
  std::vector<std::string> empties_;   ///< What may come in place of a heading and its value, if anything may.
  bool may_think_;
  std::size_t next_ = 0;   ///< The heading to come.
  std::size_t taken_ = 0;  ///< In bytes.
  std::vector<std::size_t> starts_;
  std::string open_;  ///< Text in which it may have begun.
};

}  // namespace dspy::llama::mask
