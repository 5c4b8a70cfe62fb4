#include "dspy/lm/estimate.hpp"

#include "dspy/base/json.hpp"

#include <algorithm>

namespace dspy {
namespace {

struct Size {
  std::uint64_t bytes = 0;
  std::uint64_t media = 0;
};

std::uint64_t json_bytes(const Json& value) {
  return to_text(value).size();
}

/// The size of an output's schema without its description, if the provider is sent one.
constexpr std::uint64_t bytes_per_output = 256;

Size size_of(const std::vector<Part>& parts);

Size size_of(const Part& part) {
  if (const auto* const text = part.get<TextPart>()) return {.bytes = text->text.size()};
  if (const auto* const thinking = part.get<ReasoningPart>()) return {.bytes = thinking->text.size()};
  if (const auto* const refusal = part.get<RefusalPart>()) return {.bytes = refusal->text.size()};
  if (const auto* const call = part.get<ToolCallPart>())
    return {.bytes = call->id.size() + call->name.size() + json_bytes(call->input)};
  if (const auto* const result = part.get<ToolResultPart>()) {
    auto size = size_of(result->content);
    size.bytes += result->id.size() + result->name.size();
    return size;
  }
  if (const auto* const data = part.get<DataPart>()) return {.bytes = json_bytes(data->value)};
  if (const auto* const citation = part.get<CitationPart>())
    return {.bytes = citation->text.size() + citation->title.size()};
  return {.media = 1};
}

Size size_of(const std::vector<Part>& parts) {
  Size all;
  for (const auto& part : parts) {
    const auto size = size_of(part);
    all.bytes += size.bytes;
    all.media += size.media;
  }
  return all;
}

Size size_of(const Request& request) {
  Size all;
  for (const auto& message : request.messages) {
    const auto size = size_of(message.parts);
    all.bytes += size.bytes;
    all.media += size.media;
  }
  for (const auto& tool : request.tools)
    all.bytes += tool.name.size() + tool.description.size() + to_text(Json(tool.parameters)).size();
  all.bytes += request.contract.grammar.size() + request.prefill.text.size() + request.prefill.reasoning.size();
  if (request.contract.signature) {
    for (const auto& output : request.contract.signature->outputs)
      all.bytes += bytes_per_output + output.name.size() + output.description.size();
  }
  return all;
}

/// For the marks that chat templates write around a message.
constexpr std::uint64_t tokens_per_message = 8;

}  // namespace

std::uint64_t text_bytes(const Request& request) {
  return size_of(request).bytes;
}

std::uint64_t likely_prompt_tokens(const Request& request) {
  const auto size = size_of(request);
  return size.bytes / 4 + 1 + request.messages.size() * tokens_per_message / 2 + size.media * 1'600;
}

std::uint64_t most_prompt_tokens(const Request& request) {
  const auto size = size_of(request);
  return size.bytes + (request.messages.size() + 1) * 2 * tokens_per_message + size.media * 16'000;
}

std::uint64_t most_completion_tokens(const Request& request, std::uint64_t assumed) {
  const auto each =
      request.sampling.max_tokens ? static_cast<std::uint64_t>(std::max(*request.sampling.max_tokens, 0)) : assumed;
  return each * static_cast<std::uint64_t>(std::max(request.n, 1));
}

}  // namespace dspy
