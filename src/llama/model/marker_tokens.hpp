#pragma once

#include "dspy/llama/tool_contract.hpp"
#include "llama/model/runtime.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama {

/// The control tokens that a model writes around the calls of its tools.  Others stand for no text; these stand for
/// their names, so that masks can ask for them and calls can be read.  Immutable.
class MarkerTokens {
 public:
  MarkerTokens() = default;
  MarkerTokens(const RuntimeModel& model, const ToolFormat& format);

  /// Null for any other token.
  const std::string* find(Token token) const noexcept;
  /// The tokens of a text in a reply: markers as what they are, and what `plain` makes of all that is between them.
  std::vector<Token> tokenize(std::string_view text,
                              const std::function<std::vector<Token>(std::string_view)>& plain) const;

 private:
  struct Marker {
    std::string text = {};
    Token token = -1;
  };
  std::vector<Marker> markers_;
};

}  // namespace dspy::llama
