#include "mock_provider/answer.hpp"

#include "mock_provider/schema_value.hpp"

#include <algorithm>
#include <format>

namespace dspy::mock {
namespace {

void call_tool(Answer& out, const Question& question, const Wishes& wishes) {
  const auto name = wishes.tool                       ? *wishes.tool
                    : question.must_call_this.empty() ? question.tools.front().name
                                                      : question.must_call_this;
  const auto tool = std::ranges::find(question.tools, name, &Tool::name);
  const auto arguments = wishes.arguments.value_or(tool == question.tools.end() ? std::string("{}")
                                                                                : to_text(value_for(tool->parameters)));
  out.calls.push_back({.id = std::format("call_{}", question.number), .name = name, .arguments = arguments});
  out.finish = "tool_calls";
}

/// The first `tokens` of it, as they are counted here.
std::string cut(std::string_view text, std::size_t tokens) {
  auto size = std::min(text.size(), tokens * 4);
  while (size > 0 && size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return std::string(text.substr(0, size));
}

/// Without a wish: what the user said; or, where that ends in a label, as prompts for labelled lines do, such a line.
std::string own_words(std::string_view last_user) {
  const auto end = last_user.find_last_not_of(" \n");
  if (end == std::string_view::npos || last_user[end] != ':') return std::string(last_user);
  const auto begin = last_user.rfind('\n', end);
  const auto label = last_user.substr(begin == std::string_view::npos ? 0 : begin + 1, end + 1);
  return std::format("{} mock", label.substr(0, label.find(':') + 1));
}

}  // namespace

std::int64_t count_tokens(std::string_view text) noexcept {
  return static_cast<std::int64_t>((text.size() + 3) / 4);
}

std::vector<std::string> deltas(std::string_view text, std::size_t bytes) {
  std::vector<std::string> out;
  while (!text.empty()) {
    auto size = std::min(text.size(), std::max<std::size_t>(bytes, 1));
    while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) ++size;
    out.emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return out;
}

Answer answer(const Question& question, const Wishes& wishes) {
  Answer out{.reasoning = wishes.reasoning.value_or("")};
  const bool calls =
      wishes.tool || (!question.tools.empty() && (question.must_call || !question.must_call_this.empty()));
  if (calls) call_tool(out, question, wishes);
  if (wishes.reply) {
    out.text = *wishes.reply;
  } else if (!calls) {
    out.text = question.schema ? to_text(value_for(*question.schema)) : own_words(question.last_user);
  }
  if (question.most_tokens && count_tokens(out.text) > static_cast<std::int64_t>(*question.most_tokens)) {
    out.text = cut(out.text, *question.most_tokens);
    out.finish = "length";
  }
  if (wishes.finish) out.finish = *wishes.finish;

  out.reasoning_tokens = count_tokens(out.reasoning);
  out.output_tokens = count_tokens(out.text) + out.reasoning_tokens;
  for (const auto& call : out.calls) out.output_tokens += count_tokens(call.name + call.arguments);
  out.input_tokens = count_tokens(question.text);
  if (wishes.wrong_usage) {
    out.input_tokens *= 10;
    out.output_tokens *= 10;
  }
  if (wishes.bad_utf8) out.text.insert(0, bad_byte_mark);
  return out;
}

}  // namespace dspy::mock
