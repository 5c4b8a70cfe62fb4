#pragma once

#include "dspy/base/json.hpp"
#include "dspy/lm/message.hpp"
#include "dspy/lm/tool.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
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

/// Options for writing a prompt, besides the conversation.
struct ChatOptions {
  std::vector<ToolDefinition> tools{};  ///< For templates with a place for tools (`ChatAbilities::tools`).
  bool begins_reply = true;             ///< The assistant's turn is opened (`add_generation_prompt`).
  std::optional<bool> thinks{};         ///< `enable_thinking`; unset: the template's default.
  JsonObject variables{};               ///< Others of the template's own, such as `reasoning_effort`.
  /// What the template takes for the time; unset: the clock's.
  std::optional<std::chrono::system_clock::time_point> now{};
};

/// What a model's own template can write, found by trying it.
struct ChatAbilities {
  bool system = false;           ///< Instructions; else they are put before the first user message.
  bool any_order = false;        ///< Turns of one role after the other; else they are made one.
  bool tools = false;            ///< Descriptions of tools.
  bool tool_calls = false;       ///< Tool calls and their results.
  bool reply_start = false;      ///< It opens the assistant's turn; else the family's words do, where it is known.
  bool thinking_switch = false;  ///< `ChatOptions::thinks` makes a difference.
};

class JinjaChat;

/// A model's format for conversations.  A model file contains it as a Jinja program, which is run unchanged.  If it is
/// missing, or cannot be run, the format of its apparent family is used, and `problem()` says so.  A value;
/// thread-safe.
class ChatTemplate {
 public:
  /// Facts from the tokenizer: whether a text is exactly one token, the texts of two tokens, and those of all control
  /// tokens.
  struct Vocabulary {
    std::function<bool(std::string_view)> is_token{};
    std::string bos{};
    std::string eos{};
    std::vector<std::string> control{};
  };

  /// The template `jinja`, and the family it belongs to.  Where neither it can be run nor there is a family: `chatml`
  /// if its tokens exist, else `plain` (`Role: text` lines), and `recognised()` is false.
  static ChatTemplate recognise(std::string_view jinja, const Vocabulary& vocabulary);

  /// The names `name()` can have.
  static std::vector<std::string> names();

  /// The family's; `jinja` for a template of no known family that can be run.
  std::string_view name() const noexcept { return name_; }
  bool recognised() const noexcept { return recognised_; }
  /// Whether the file's own program writes the prompts.
  bool runs() const noexcept { return jinja_ != nullptr; }
  /// Why it does not; empty if it does, or if there is none.
  const std::string& problem() const noexcept { return problem_; }
  /// Of a program that runs; all false for a family's format.
  ChatAbilities abilities() const noexcept;

  /// The prompt after which the model writes the assistant's next message.  Throws `Error`: `invalid_parameter` if the
  /// template refuses the conversation, with its message; `config_error`, with line and column, if it fails;
  /// `unsupported` for parts that it does not support.  A family's format supports only text, and of the options only
  /// `begins_reply`.
  std::vector<PromptPart> render(const Chat& chat, const ChatOptions& options = {}) const;

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
  std::vector<PromptPart> render_family(const Chat& chat, bool begins_reply) const;

  std::shared_ptr<const JinjaChat> jinja_;
  std::string problem_;
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
