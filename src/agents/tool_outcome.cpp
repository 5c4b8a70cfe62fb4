#include "dspy/agents/tool_outcome.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/lm/exchange_json.hpp"

#include <algorithm>
#include <format>
#include <string>
#include <string_view>

namespace dspy {
namespace {

/// The longest start of `text` of at most `bytes` that is whole characters.
std::string_view start_of(std::string_view text, std::size_t bytes) {
  while (bytes > 0 && bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) --bytes;
  return text.substr(0, bytes);
}

std::string_view end_of(std::string_view text, std::size_t bytes) {
  auto from = text.size() - std::min(bytes, text.size());
  while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0U) == 0x80U) ++from;
  return text.substr(from);
}

}  // namespace

std::string observation(const ToolOutcome& outcome) {
  if (outcome.value.is_string()) return std::string(view(outcome.value.get_string()));
  return to_text(outcome.value);
}

ToolOutcome capped(ToolOutcome outcome, std::size_t max_bytes) {
  const bool is_text = outcome.value.is_string();
  if (!is_text && !outcome.value.is_structured()) return outcome;
  const auto written = is_text ? std::string() : to_text(outcome.value);
  const auto text = is_text ? view(outcome.value.get_string()) : std::string_view(written);
  if (text.size() <= max_bytes) {
    // What is not UTF-8 could not be written into a prompt or a journal.
    if (is_text && text::invalid_utf8(text)) {
      text::Utf8Buffer clean;
      auto whole = clean.push(text);
      whole += clean.finish();
      outcome.value = Json(whole);
    }
    return outcome;
  }
  const auto head = start_of(text, max_bytes - max_bytes / 3), tail = end_of(text, max_bytes / 3);
  outcome.left_out = text.size() - head.size() - tail.size();
  text::Utf8Buffer clean;
  auto cut = clean.push(head);
  cut += clean.finish();
  cut += std::format("\n[… {} bytes left out …]\n", outcome.left_out);
  cut += clean.push(tail);
  cut += clean.finish();
  outcome.value = Json(cut);
  return outcome;
}

ToolOutcome tool_outcome_from_json(const Json& written) {
  const auto* const object = written.if_object();
  const auto* const value = object != nullptr ? object->if_contains("value") : nullptr;
  if (value == nullptr) throw Error(Errc::config_error, "a tool's outcome is an object with a `value`");
  ToolOutcome outcome{.value = *value};
  if (const auto* const flag = object->if_contains("is_error")) {
    if (!flag->is_bool()) throw Error(Errc::config_error, "a tool outcome's `is_error` is true or false");
    outcome.is_error = flag->get_bool();
  }
  if (const auto* const name = object->if_contains("hands_to")) {
    if (!name->is_string()) throw Error(Errc::config_error, "a tool outcome's `hands_to` is an agent's name");
    outcome.hands_to = std::string(view(name->get_string()));
  }
  if (const auto* const count = object->if_contains("left_out")) {
    boost::system::error_code code;
    outcome.left_out = count->to_number<std::size_t>(code);
    if (code) throw Error(Errc::config_error, "a tool outcome's `left_out` is a whole number from 0");
  }
  if (const auto* const message = object->if_contains("message")) {
    if (!message->is_object()) throw Error(Errc::config_error, "a tool outcome's `message` is an object");
    outcome.parts = message_from_json(message->get_object()).parts;
  }
  return outcome;
}

}  // namespace dspy
