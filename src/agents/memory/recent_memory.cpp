#include "dspy/agents/memory/memory.hpp"
#include "dspy/base/error.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace dspy {
namespace {

constexpr std::size_t tokens_of_a_message = 4, tokens_of_media = 1'600;

std::size_t part_tokens(const Part& part, const TokenCounter& counter) {
  if (const auto* const text = part.get<TextPart>()) return counter(text->text);
  if (const auto* const text = part.get<ReasoningPart>()) return counter(text->text);
  if (const auto* const text = part.get<RefusalPart>()) return counter(text->text);
  if (const auto* const text = part.get<CitationPart>()) return counter(text->text);
  if (const auto* const call = part.get<ToolCallPart>())
    return counter(call->name) + counter(to_text(Json(call->input)));
  if (const auto* const data = part.get<DataPart>()) return counter(to_text(data->value));
  if (const auto* const result = part.get<ToolResultPart>()) {
    auto out = counter(result->name);
    for (const auto& each : result->content) out += part_tokens(each, counter);
    return out;
  }
  return tokens_of_media;
}

bool has_calls(const Message& message) {
  return std::ranges::any_of(message.parts, [](const Part& part) { return part.get<ToolCallPart>() != nullptr; });
}

bool has_results(const Message& message) {
  return std::ranges::any_of(message.parts, [](const Part& part) { return part.get<ToolResultPart>() != nullptr; });
}

/// A user's own words, not a tool's result that goes by that role.
bool begins_turn(const Message& message) {
  return message.role == Role::user && !has_results(message);
}

}  // namespace

std::size_t likely_tokens(std::string_view text) {
  return (text.size() + 3) / 4;
}

std::size_t message_tokens(const Message& message, const TokenCounter& counter) {
  auto out = tokens_of_a_message;
  for (const auto& part : message.parts) out += part_tokens(part, counter);
  return out;
}

std::vector<std::span<const Message>> message_groups(std::span<const Message> messages) {
  std::vector<std::span<const Message>> out;
  for (std::size_t begin = 0; begin < messages.size();) {
    auto end = begin + 1;
    if (has_calls(messages[begin]))
      while (end < messages.size() && has_results(messages[end])) ++end;
    out.push_back(messages.subspan(begin, end - begin));
    begin = end;
  }
  return out;
}

RecentMemory::RecentMemory(RecentMemoryOptions options) : options_(std::move(options)) {
  if (options_.turns == 0)
    throw Error(Errc::invalid_parameter, "a memory of 0 turns forgets everything; keep 1 or more");
  if (!options_.counter) throw Error(Errc::invalid_parameter, "a memory needs a counter of tokens; leave the default");
}

std::vector<Message> RecentMemory::add(Message message) {
  sizes_.push_back(message_tokens(message, options_.counter));
  tokens_ += sizes_.back();
  messages_.push_back(std::move(message));
  return evict();
}

std::vector<Message> RecentMemory::evict() {
  std::vector<Message> out;
  auto turns = static_cast<std::size_t>(std::ranges::count_if(messages_, begins_turn));
  while (true) {
    const bool is_over = (options_.turns && turns > *options_.turns) || (options_.tokens && tokens_ > *options_.tokens);
    // The end of the oldest turn; anything before the first turn belongs to it.
    auto next = std::find_if(messages_.begin(), messages_.end(), begins_turn);
    if (next == messages_.begin()) next = std::find_if(std::next(next), messages_.end(), begins_turn);
    if (!is_over || next == messages_.end()) return out;
    const auto count = static_cast<std::size_t>(std::distance(messages_.begin(), next));
    for (std::size_t i = 0; i < count; ++i) {
      turns -= begins_turn(messages_.front()) ? 1 : 0;
      tokens_ -= sizes_.front();
      out.push_back(std::move(messages_.front()));
      messages_.pop_front();
      sizes_.pop_front();
    }
  }
}

void RecentMemory::clear() {
  messages_.clear();
  sizes_.clear();
  tokens_ = 0;
}

}  // namespace dspy
