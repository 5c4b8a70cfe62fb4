#include "providers/anthropic/anthropic.hpp"
#include "providers/json_tools.hpp"
#include "providers/state.hpp"

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::providers::anthropic {
namespace {

FinishReason finish_of(std::string_view word) {
  using enum FinishReason;
  static constexpr auto known = std::to_array<std::pair<std::string_view, FinishReason>>({
      {"end_turn", stop},
      {"stop_sequence", stop},
      {"pause_turn", stop},
      {"max_tokens", length},
      {"model_context_window_exceeded", length},
      {"tool_use", tool_calls},
      {"refusal", content_filter},
  });
  for (const auto& [name, reason] : known)
    if (word == name) return reason;
  return error;
}

std::size_t position_at(const JsonObject& object, std::string_view name) {
  return static_cast<std::size_t>(count_at(object, name).value_or(0));
}

CitationPart citation_of(const JsonObject& citation) {
  const auto title = text_at(citation, "title");
  CitationPart out{.url = std::string(text_at(citation, "url")),
                   .title = std::string(title.empty() ? text_at(citation, "document_title") : title),
                   .text = std::string(text_at(citation, "cited_text"))};
  if (text_at(citation, "type") != "char_location") return out;
  auto& place = out.place.emplace();
  place.cited_text = out.text;
  place.document_index = position_at(citation, "document_index");
  if (!out.title.empty()) place.document_title = out.title;
  place.start_char_index = position_at(citation, "start_char_index");
  place.end_char_index = position_at(citation, "end_char_index");
  return out;
}

class BlockReader {
 public:
  BlockReader(const Usage& usage, const Dialect& dialect) : usage_(usage), dialect_(dialect) {}

  void block(const JsonObject& block) {
    const auto type = text_at(block, "type");
    if (type == "text") {
      text(block);
    } else if (type == "thinking") {
      const auto signature = text_at(block, "signature");
      message.parts.emplace_back(ReasoningPart{std::string(text_at(block, "thinking"))},
                                 signature.empty() ? Json() : make_state(dialect_, {{"signature", Json(signature)}}));
    } else if (type == "redacted_thinking") {
      message.parts.emplace_back(ReasoningPart{}, make_state(dialect_, {{"redacted", Json(text_at(block, "data"))}}));
    } else if (type == "tool_use") {
      message.parts.emplace_back(tool_call(std::string(text_at(block, "id")), std::string(text_at(block, "name")),
                                           member_at(block, "input"), usage_, dialect_));
    } else {
      unread.push_back(block);  // what the provider's own tools did
    }
  }

  Message message{Role::assistant, std::vector<Part>()};
  JsonArray unread;

 private:
  void text(const JsonObject& block) {
    if (const auto text = text_at(block, "text"); !text.empty())
      message.parts.emplace_back(TextPart{std::string(text)});
    const auto* const citations = array_at(block, "citations");
    if (citations == nullptr) return;
    for (const auto& each : *citations)
      if (const auto* const citation = each.if_object()) message.parts.emplace_back(citation_of(*citation));
  }

  const Usage& usage_;
  const Dialect& dialect_;
};

}  // namespace

/// What was read from the cache, and what was written to it, are not in `input_tokens`.
Usage read_usage(const JsonObject& usage) {
  Usage out{.requests = 1};
  const auto plain = count_at(usage, "input_tokens");
  out.cache_read_tokens = count_at(usage, "cache_read_input_tokens");
  out.cache_write_tokens = count_at(usage, "cache_creation_input_tokens");
  if (plain) out.prompt_tokens = *plain + out.cache_read_tokens.value_or(0) + out.cache_write_tokens.value_or(0);
  out.completion_tokens = count_at(usage, "output_tokens");
  if (const auto* const details = object_at(usage, "output_tokens_details"))
    out.reasoning_tokens = count_at(*details, "thinking_tokens");
  return out;
}

Reply read(const JsonObject& body, const Dialect& dialect) {
  throw_error_in(body, dialect);
  Reply reply;
  reply.id = text_at(body, "id");
  reply.model = text_at(body, "model");
  reply.usage.requests = 1;
  if (const auto* const usage = object_at(body, "usage")) reply.usage = read_usage(*usage);
  const auto* const content = array_at(body, "content");
  if (content == nullptr) no_answer(body, reply.usage, dialect);
  BlockReader reader(reply.usage, dialect);
  for (const auto& each : *content)
    if (const auto* const block = each.if_object()) reader.block(*block);
  // Blocks that have no part here go back with all the others, as they were.
  if (!reader.unread.empty()) reader.message.continuation = make_state(dialect, {{"content", *content}});
  const auto reason = text_at(body, "stop_reason");
  auto& completion = reply.completions.emplace_back(to_completion(std::move(reader.message)));
  completion.finish = finish_of(reason);
  auto rest = without(body, {"id", "type", "role", "model", "content", "stop_reason"});
  if (reason != "end_turn" && reason != "tool_use" && reason != "max_tokens") rest["stop_reason"] = reason;
  if (!reader.unread.empty()) rest["content"] = std::move(reader.unread);
  if (!rest.empty()) reply.provider_data = std::move(rest);
  return reply;
}

}  // namespace dspy::providers::anthropic

namespace dspy::providers {

const Protocol anthropic_protocol = {.write = anthropic::write, .read = anthropic::read, .reduce = anthropic::reduce};

}  // namespace dspy::providers
