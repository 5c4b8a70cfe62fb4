#pragma once

#include "dspy/llama/chat_template.hpp"
#include "dspy/lm/message.hpp"
#include "llama/jinja/program.hpp"
#include "llama/jinja/values/text.hpp"

#include <bitset>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama {

/// Finds the names of control tokens in what a template wrote itself.  A value; thread-safe.
class ControlNames {
 public:
  explicit ControlNames(std::vector<std::string> names);

  /// `text` cut at control tokens; what was given to the template is never one of them.
  std::vector<PromptPart> cut(const jinja::Text& text) const;

 private:
  /// The longest name at the start of `text`; empty if there is none.
  std::string_view at(std::string_view text) const noexcept;

  std::vector<std::string> names_;  ///< By first byte, longer ones first.
  std::bitset<256> first_;
};

/// A model's own chat template at work.  A value; thread-safe.
class JinjaChat {
 public:
  /// Reads `source` and tries it.  Throws `Error` where it cannot be read, or does not take the simplest conversation.
  JinjaChat(std::string_view source, const ChatTemplate::Vocabulary& vocabulary);

  std::vector<PromptPart> render(const Chat& chat, const ChatOptions& options) const;
  const ChatAbilities& abilities() const noexcept { return abilities_; }
  /// The control token after an assistant's message; empty if there is none.
  const std::string& turn_end() const noexcept { return turn_end_; }

 private:
  jinja::Text write(const Chat& chat, const ChatOptions& options) const;
  void find_abilities();

  jinja::Program program_;
  ControlNames control_;
  std::string bos_;
  std::string eos_;
  bool knows_developer_ = false;
  bool wants_short_ids_ = false;
  ChatAbilities abilities_;
  std::string turn_end_;
};

}  // namespace dspy::llama
