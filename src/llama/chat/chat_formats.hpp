#pragma once

#include <array>
#include <span>
#include <string_view>

// The chat formats of known families of models, as data.

namespace dspy::llama {

/// How one family writes a chat.  In the texts, `{bos}` and `{eos}` stand for the vocabulary's own; control tokens
/// stand between `‹` … `›`.
struct ChatFormat {
  struct Around {
    std::string_view before;
    std::string_view after;
  };

  std::string_view name;
  std::array<std::string_view, 2> marks;  ///< All must occur in the Jinja source.
  Around system;                          ///< With an empty `before` and `after`: joins the first user message.
  Around user;
  Around assistant;
  std::string_view reply;
  std::string_view turn_end;
  bool trims = false;
  std::string_view start{};
  Around tool{};  ///< Results of tools; empty: as the user's.
};

/// All families.
std::span<const ChatFormat> chat_formats() noexcept;
/// `System: …`, `User: …`, `Assistant: …`: for models that name no format.
const ChatFormat& plain_chat_format() noexcept;
/// The family that a model's Jinja source is of; null for none.
const ChatFormat* chat_format_of(std::string_view jinja) noexcept;

}  // namespace dspy::llama
