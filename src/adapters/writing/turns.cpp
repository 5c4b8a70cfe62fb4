#include "adapters/writing/turns.hpp"

#include "adapters/coercion/coerce.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy {
namespace {

bool has_any(const JsonObject& data, const std::vector<Field>& fields) {
  return std::ranges::any_of(fields, [&](const Field& field) { return value_of(data, field) != nullptr; });
}

bool has_required(const JsonObject& data, const std::vector<Field>& fields) {
  return std::ranges::all_of(
      fields, [&](const Field& field) { return !field.is_required() || value_of(data, field) != nullptr; });
}

}  // namespace

const Json* value_of(const JsonObject& data, const Field& field) {
  const auto* const value = data.if_contains(field.name);
  if (value == nullptr || (value->is_null() && !takes_null(field.type))) return nullptr;
  return value;
}

Coverage coverage_of(const JsonObject& data, const Signature& signature) {
  const bool asks = signature.inputs.empty() || has_any(data, signature.inputs);
  if (!asks || !has_any(data, signature.outputs)) return Coverage::nothing;
  const bool whole = has_required(data, signature.inputs) && has_required(data, signature.outputs);
  return whole ? Coverage::whole : Coverage::partial;
}

const Field* conversation_input(const Signature& signature) noexcept {
  const auto found = std::ranges::find_if(
      signature.inputs, [](const Field& field) { return field.type.required().kind == Type::Kind::history; });
  return found == signature.inputs.end() ? nullptr : &*found;
}

Asked take_turns(const JsonObject& inputs, const Field& conversation, std::span<const Example> history) {
  Asked out{.turns = {}, .inputs = inputs};
  const auto add = [&](JsonObject turn) {
    turn.stable_erase(conversation.name);
    out.turns.push_back(std::move(turn));
  };
  for (const auto& turn : history) add(turn.data);
  if (const auto* value = inputs.if_contains(conversation.name)) {
    const auto* const object = value->if_object();
    if (object != nullptr) value = object->if_contains("messages");
    const auto* const messages = value != nullptr ? value->if_array() : nullptr;
    if (messages != nullptr && !messages->empty() && !history.empty()) {
      throw Error(Errc::bad_input, std::format("there are earlier turns in the input `{}` and in the call's history; "
                                               "give them in one place",
                                               conversation.name));
    }
    if (messages != nullptr) {
      for (const auto& message : *messages) {
        if (const auto* const turn = message.if_object()) add(*turn);
      }
    }
  }
  out.inputs.stable_erase(conversation.name);
  return out;
}

Asked take_shown_turns(const JsonObject& inputs, const Signature& signature, std::span<const Example> history) {
  Asked out;
  if (const auto* const conversation = conversation_input(signature)) {
    out = take_turns(inputs, *conversation, history);
  } else {
    out.inputs = inputs;
    for (const auto& turn : history) out.turns.push_back(turn.data);
  }
  std::size_t number = 0;
  std::erase_if(out.turns, [&](const JsonObject& turn) {
    ++number;
    if (coverage_of(turn, signature) != Coverage::nothing) return false;
    if (log_enabled(LogLevel::warning)) {
      log(LogLevel::warning, "adapters",
          std::format("turn {} of the conversation is left out: it shows no {} of `{}`", number,
                      has_any(turn, signature.outputs) ? "input" : "output", to_notation(signature)));
    }
    return true;
  });
  return out;
}

std::vector<Demo> arrange_demos(std::span<const Example> demos, const Signature& signature) {
  std::vector<Demo> shown;
  shown.reserve(demos.size());
  for (std::size_t i = 0; i < demos.size(); ++i) {
    const auto coverage = coverage_of(demos[i].data, signature);
    if (coverage != Coverage::nothing) {
      shown.push_back({&demos[i].data, coverage});
    } else if (log_enabled(LogLevel::warning)) {
      log(LogLevel::warning, "adapters",
          std::format("demonstration {} is left out: it shows no {} of `{}`", i + 1,
                      has_any(demos[i].data, signature.outputs) ? "input" : "output", to_notation(signature)));
    }
  }
  std::ranges::stable_partition(shown, [](const Demo& demo) { return demo.coverage == Coverage::partial; });
  return shown;
}

std::size_t likely_size(const JsonObject& data, const std::vector<Field>& fields) {
  std::size_t size = 0;
  for (const auto& field : fields) {
    const auto* const value = data.if_contains(field.name);
    const auto* const text = value != nullptr ? value->if_string() : nullptr;
    size += field.label.size() + (text != nullptr ? text->size() : 64) + 16;
  }
  return size;
}

}  // namespace dspy
