#pragma once

#include "dspy/lm/message.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama {

/// A part of a prompt.  Only `control` parts may become control tokens; what a message says is
/// never one of them, whatever it looks like.
struct PromptPart {
  std::string text{};
  bool control = false;

  bool operator==(const PromptPart&) const = default;
};

/// How a model wants a conversation written down.  Chat formats come in a few dozen families; a
/// model file carries one as a Jinja program, by which its family is recognised here, and not run.
/// A value; thread-safe.
class ChatTemplate {
 public:
  /// What the tokenizer knows: whether a text is exactly one token, and the texts of two tokens.
  struct Vocabulary {
    std::function<bool(std::string_view)> is_token{};
    std::string bos{};
    std::string eos{};
  };

  /// The family that `jinja` belongs to.  Where there is none: `chatml` if its tokens exist,
  /// else `plain` (`Role: text` lines), and `recognised()` is false.
  static ChatTemplate recognise(std::string_view jinja, const Vocabulary& vocabulary);

  /// The names `name()` can have.
  static std::vector<std::string> names();

  std::string_view name() const noexcept { return name_; }
  bool recognised() const noexcept { return recognised_; }

  /// The prompt after which the model writes the assistant's next message.
  std::vector<PromptPart> render(const Chat& chat) const;

  /// The token that ends an assistant's message, where the format has one.
  const std::string& turn_end() const noexcept { return turn_end_; }
  /// Text that a model writes when it runs on into a turn that is not its own, where no token
  /// ends turns.
  const std::vector<std::string>& stops() const noexcept { return stops_; }

 private:
  struct Turn {
    std::vector<PromptPart> before{};
    std::vector<PromptPart> after{};
  };
  enum class System { own_turn, joins_user };

  ChatTemplate() = default;

  std::string name_;
  bool recognised_ = true;
  bool trims_ = false;
  System system_style_ = System::own_turn;
  std::vector<PromptPart> start_;
  Turn system_;
  Turn user_;
  Turn assistant_;
  Turn tool_;
  std::vector<PromptPart> reply_;
  std::string turn_end_;
  std::vector<std::string> stops_;
};

}  // namespace dspy::llama
