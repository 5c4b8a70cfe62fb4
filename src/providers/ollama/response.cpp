#include "providers/json_tools.hpp"
#include "providers/ollama/ollama.hpp"
#include "providers/openai/openai.hpp"
#include "providers/state.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace dspy::providers::ollama {
namespace {

FinishReason finish_of(std::string_view word, bool calls) {
  if (word == "length") return FinishReason::length;
  if (word == "stop" || word.empty()) return calls ? FinishReason::tool_calls : FinishReason::stop;
  return FinishReason::error;  // `load` and `unload` answer nothing
}

Usage read_usage(const JsonObject& body) {
  Usage out{.requests = 1};
  out.prompt_tokens = count_at(body, "prompt_eval_count");
  out.completion_tokens = count_at(body, "eval_count");
  return out;
}

bool read_calls(Message& message, const JsonObject& given, const Usage& usage, const Dialect& dialect) {
  const auto* const calls = array_at(given, "tool_calls");
  if (calls == nullptr) return false;
  std::size_t number = 0;
  for (const auto& each : *calls) {
    const auto* const call = each.if_object();
    const auto* const function = call != nullptr ? object_at(*call, "function") : nullptr;
    if (function == nullptr) continue;
    std::string id(text_at(*call, "id"));
    if (id.empty()) id = made_id({}, 0, number);
    ++number;
    message.parts.emplace_back(tool_call(std::move(id), std::string(text_at(*function, "name")),
                                         member_at(*function, "arguments"), usage, dialect));
  }
  return number != 0;
}

}  // namespace

Reply read(const JsonObject& body, const Dialect& dialect) {
  throw_error_in(body, dialect);
  Reply reply;
  reply.model = text_at(body, "model");
  reply.usage = read_usage(body);
  const auto* const given = object_at(body, "message");
  if (given == nullptr) no_answer(body, reply.usage, dialect);
  Message message(Role::assistant, std::vector<Part>());
  if (const auto text = text_at(*given, "thinking"); !text.empty())
    message.parts.emplace_back(ReasoningPart{std::string(text)});
  if (const auto text = text_at(*given, "content"); !text.empty())
    message.parts.emplace_back(TextPart{std::string(text)});
  const bool calls = read_calls(message, *given, reply.usage, dialect);
  auto& completion = reply.completions.emplace_back(to_completion(std::move(message)));
  completion.finish = finish_of(text_at(body, "done_reason"), calls);
  if (const auto* const tokens = array_at(body, "logprobs")) openai::set_logprobs(completion, *tokens);
  auto rest = without(body, {"model", "message", "done", "done_reason", "prompt_eval_count", "eval_count", "logprobs"});
  auto unread = without(*given, {"role", "content", "thinking", "tool_calls"});
  if (!unread.empty()) rest["message"] = std::move(unread);
  if (!rest.empty()) reply.provider_data = std::move(rest);
  return reply;
}

}  // namespace dspy::providers::ollama

namespace dspy::providers {

const Protocol ollama_protocol = {.framing = Framing::lines,
                                  .write = ollama::write,
                                  .read = ollama::read,
                                  .reduce = ollama::reduce};

}  // namespace dspy::providers
