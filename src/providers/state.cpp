#include "providers/state.hpp"

#include "dspy/base/error.hpp"
#include "providers/errors.hpp"
#include "providers/json_tools.hpp"

#include <algorithm>
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

namespace {

void bind(Json& continuation, std::string_view account) {
  if (auto* const state = continuation.if_object()) (*state)["account"] = account;
}

bool is_foreign(const Json& continuation, const Dialect& dialect, std::string_view account) {
  const auto* const state = state_of(continuation, dialect);
  const auto* const owner = state != nullptr ? member_at(*state, "account") : nullptr;
  return owner != nullptr && (!owner->is_string() || view(owner->get_string()) != account);
}

}  // namespace

void bind_state(Reply& reply, std::string_view account) {
  for (auto& completion : reply.completions) {
    bind(completion.continuation, account);
    for (auto& part : completion.parts) bind(part.continuation, account);
  }
}

std::size_t drop_foreign_state(Chat& messages, const Dialect& dialect, std::string_view account) {
  std::size_t dropped = 0;
  const auto foreign = [&](const Json& continuation) { return is_foreign(continuation, dialect, account); };
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto& message = std::as_const(messages)[i];
    const bool is_any =
        foreign(message.continuation) || std::ranges::any_of(message.parts, foreign, &Part::continuation);
    if (!is_any) continue;
    auto& changed = messages[i];
    const auto drop = [&](Json& continuation) {
      if (!foreign(continuation)) return;
      continuation = nullptr;
      ++dropped;
    };
    drop(changed.continuation);
    for (auto& part : changed.parts) drop(part.continuation);
  }
  return dropped;
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
      std::format(
          "the model called the tool `{}` with arguments that are not a JSON object; try again, or raise `max_tokens`",
          out.name),
      {.provider = std::string(dialect.name), .usage = usage, .raw = text});
}

void throw_error_in(const JsonObject& body, const Dialect& dialect) {
  const auto* const error = member_at(body, "error");
  if (error != nullptr) throw reply_error(dialect, {}, *error);
}

void no_answer(const JsonObject& body, const Usage& usage, const Dialect& dialect) {
  throw Error(Errc::unavailable, std::format("{} sent a reply without an answer; try again", dialect.title),
              {.provider = std::string(dialect.name), .usage = usage, .raw = to_text(body).substr(0, 4096)});
}

}  // namespace dspy::providers
