#include "providers/openai/repeated_chunk.hpp"

#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "providers/json_tools.hpp"

#include <algorithm>

namespace dspy::providers::openai {
namespace {

constexpr std::string_view name = R"("content":)";

/// Whether a text is its own JSON between quotes.
bool is_plain(std::string_view text) noexcept {
  bool is_ascii = true;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || c == '"' || c == '\\') return false;
    is_ascii &= byte < 0x80;
  }
  return is_ascii || !text::invalid_utf8(text);
}

/// Without the padding that OpenAI ends chunks with, and the brace behind it, if there is one.
std::string_view without_padding(std::string_view data) noexcept {
  constexpr std::string_view member = R"(,"obfuscation":")", end = R"("})";
  if (!data.ends_with(end)) return data;
  const auto at = data.rfind(member);
  if (at == std::string_view::npos || at + member.size() + end.size() > data.size()) return data;
  const auto begin = at + member.size();
  return is_plain(data.substr(begin, data.size() - end.size() - begin)) ? data.substr(0, at) : data;
}

/// `choices[0].delta.content` of a text, which need not be JSON.
std::optional<std::string> content_of(std::string_view data) {
  const auto chunk = parse_json(data);
  const auto* const choices = chunk && chunk->is_object() ? array_at(chunk->get_object(), "choices") : nullptr;
  const auto* const choice = choices != nullptr && choices->size() == 1 ? choices->front().if_object() : nullptr;
  const auto* const delta = choice != nullptr ? object_at(*choice, "delta") : nullptr;
  if (delta == nullptr) return {};
  return std::string(text_at(*delta, "content"));
}

}  // namespace

void RepeatedChunk::learn(std::string_view data, std::string_view text) {
  before_.clear();
  if (text.empty() || tries_ == most_tries || !is_plain(text)) return;
  ++tries_;
  const auto whole = data.size();
  data = without_padding(data);
  const auto at = data.find(name);
  if (at == std::string_view::npos || data.find(name, at + 1) != std::string_view::npos) return;
  const auto quote = data.find_first_not_of(' ', at + name.size());
  if (quote == std::string_view::npos || data[quote] != '"') return;
  const auto begin = quote + 1;
  if (data.substr(begin, text.size()) != text || data.substr(begin + text.size(), 1) != "\"") return;
  std::string before(data.substr(0, begin)), after(data.substr(begin + text.size()));
  // Another text in this place is another content, and nothing else.
  constexpr std::string_view other = "another text";
  const std::string_view end = data.size() == whole ? "" : "}";
  if (content_of(before + std::string(other) + after + std::string(end)) != other) return;
  before_ = std::move(before);
  after_ = std::move(after);
}

std::optional<std::string_view> RepeatedChunk::text_of(std::string_view data) const noexcept {
  if (before_.empty() || !data.starts_with(before_)) return {};
  data = without_padding(data);
  if (data.size() < before_.size() + after_.size() || !data.starts_with(before_) || !data.ends_with(after_)) return {};
  const auto text = data.substr(before_.size(), data.size() - before_.size() - after_.size());
  if (!is_plain(text)) return {};
  return text;
}

}  // namespace dspy::providers::openai
