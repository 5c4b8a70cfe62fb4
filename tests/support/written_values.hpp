#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "signatures.hpp"
#include "values.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// Random values of random types, written by an adapter as a demonstration shows them.

namespace dspy::test {

/// A value that a section can hold: text without white space around it, and not empty where it must be there.
inline Json section_value(ValueMaker& values, const Type& type) {
  while (true) {
    auto value = values.make(type);
    if (!value.is_string() || type.kind == Type::Kind::literal || type.kind == Type::Kind::bytes) return value;
    const Json trimmed(text::trim(view(value.get_string())));
    if (trimmed.get_string().empty() && !type.is_optional()) continue;
    if (fit(type, trimmed)) return trimmed;
  }
}

inline JsonObject random_outputs(ValueMaker& values, const Signature& signature) {
  JsonObject out;
  for (const auto& field : signature.outputs) out[field.name] = section_value(values, field.type);
  return out;
}

/// The assistant turn of a demonstration; nothing if the values cannot be shown.
inline std::expected<std::string, Error> written(const Adapter& adapter, const Signature& signature,
                                                 const JsonObject& outputs) {
  auto data = outputs;
  data["question"] = "?";
  const std::vector<Example> demos = {Example(std::move(data), signature)};
  const JsonObject inputs = {{"question", "!"}};
  auto chat = attempt([&] { return adapter.format({.signature = signature, .demos = demos, .inputs = inputs}); });
  if (!chat) return std::unexpected(chat.error());
  return (*chat)[chat->size() - 2].text();
}

/// The repairs that a value may take to be read as it was meant: words for null stand in quotes where they are text.
inline bool is_in_order(const Flag& flag) {
  return flag.repair == "decorated_value" || flag.repair == "null_word";
}

/// What is wrong with how a written reply is read; nothing if each value is what was written.
inline std::string fault_of(const Adapter& adapter, const Signature& signature, const JsonObject& outputs,
                            std::string_view reply) {
  const auto reading = adapter.parse(signature, reply);
  if (!reading) return reading.error().complaint();
  std::string out;
  for (const auto& flag : reading->flags) {
    if (!is_in_order(flag)) out += flag.field + ": " + flag.repair + "; ";
  }
  for (const auto& member : outputs) {
    const auto& read = reading->outputs.at(member.key());
    // White space around a section's text is not part of it, also where it is part of a choice.
    const auto* const text = read.if_string();
    if (text != nullptr && member.value() == Json(text::trim(view(*text)))) continue;
    if (to_text(read) != to_text(member.value())) out += std::string(member.key()) + " is read as " + to_text(read);
  }
  return out;
}

/// Writes and reads values of `count` signatures.
inline void check_written_values(const Adapter& adapter, std::uint64_t first_seed, std::uint64_t count) {
  std::size_t refused = 0;
  std::size_t shown = 0;
  for (auto seed = first_seed; seed < first_seed + count; ++seed) {
    CAPTURE(seed);
    SignatureMaker maker(seed);
    const auto signature = maker.make();
    ValueMaker values(maker.random());
    for (int round = 0; round < 3; ++round) {
      const auto outputs = random_outputs(values, signature);
      const auto reply = written(adapter, signature, outputs);
      if (!reply) {
        ++refused;
        CHECK(reply.error().code() == Errc::bad_input);
        CHECK(std::string_view(reply.error().what()).contains("cannot be shown as text"));
        continue;
      }
      ++shown;
      const auto fault = fault_of(adapter, signature, outputs, *reply);
      if (fault.empty()) continue;
      CAPTURE(to_notation(signature));
      CAPTURE(to_text(outputs));
      CAPTURE(*reply);
      CHECK(fault == "");
    }
  }
  // Such as the number 42 beside the text '42'.
  CHECK(refused * 100 <= shown);
}

}  // namespace dspy::test
