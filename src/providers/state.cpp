#include "providers/state.hpp"

#include "dspy/base/error.hpp"
#include "providers/errors.hpp"
#include "providers/json_tools.hpp"

#include <format>
#include <utility>

namespace dspy::providers {

const JsonObject* state_of(const Json& continuation, const Dialect& dialect) {
  const auto* const state = continuation.if_object();
  return state != nullptr && text_at(*state, "provider") == dialect.name ? state : nullptr;
}

Json make_state(const Dialect& dialect, JsonObject members) {
  JsonObject out{{"provider", dialect.name}};
  for (auto& [name, value] : members) out.emplace(name, std::move(value));
  return out;
}

std::string made_id(std::string_view reply, std::size_t completion, std::size_t call) {
  return reply.empty() ? std::format("call_{}_{}", completion, call)
                       : std::format("call_{}_{}_{}", reply, completion, call);
}

ToolCallPart tool_call(std::string id, std::string name, const Json* arguments, const Usage& usage,
                       const Dialect& dialect) {
  ToolCallPart out{.id = std::move(id), .name = std::move(name)};
  if (arguments == nullptr) return out;
  if (const auto* const object = arguments->if_object()) {
    out.input = *object;
    return out;
  }
  const auto text = arguments->is_string() ? std::string(view(arguments->get_string())) : to_text(*arguments);
  if (auto input = arguments_of(text)) {
    out.input = *std::move(input);
    return out;
  }
  throw Error(
      Errc::parse_error,
      std::format("the model called the tool `{}` with arguments that are no JSON object; ask again, or give it "
                  "more `max_tokens`",
                  out.name),
      {.provider = std::string(dialect.name), .usage = usage, .raw = text});
}

void throw_error_in(const JsonObject& body, const Dialect& dialect) {
  const auto* const error = member_at(body, "error");
  if (error != nullptr) throw reply_error(dialect, {}, *error);
}

void no_answer(const JsonObject& body, const Usage& usage, const Dialect& dialect) {
  throw Error(Errc::unavailable, std::format("{} sent a reply without an answer; ask again", dialect.title),
              {.provider = std::string(dialect.name), .usage = usage, .raw = to_text(body).substr(0, 4096)});
}

}  // namespace dspy::providers
