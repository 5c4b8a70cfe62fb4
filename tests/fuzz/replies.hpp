#pragma once

// What holds of any reply to any adapter.

#include "adapters/reading/reader.hpp"
#include "dspy/adapters/adapter.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace dspy::fuzz {

/// Empty strings are absent fields, and strings lose white space around them, so both may differ
/// once they are written and read again.
inline bool reads_back(const JsonObject& outputs) {
  return std::ranges::all_of(outputs, [](const auto& output) {
    const auto* const text = output.value().if_string();
    return text == nullptr || (!text->empty() && text::trim(view(*text)) == view(*text));
  });
}

/// What was read is read again, the same and without repairs, once the adapter has written it.
inline void check_rereading(const Adapter& adapter, const Signature& signature, const JsonObject& outputs) {
  if (!reads_back(outputs)) return;
  auto data = outputs;
  for (const auto& field : signature.inputs) data[field.name] = "?";
  const std::vector<Example> demos = {Example(std::move(data), signature)};
  const JsonObject inputs;
  const auto chat = adapter.format({.signature = signature, .demos = demos, .inputs = inputs});
  const auto turn = std::ranges::find(chat, Role::assistant, &Message::role);
  if (turn == chat.end()) return;  // a turn without any output is not shown
  const auto again = adapter.parse(signature, turn->text());
  if (!again || again->outputs != outputs || !again->flags.empty()) std::abort();
}

inline void check_reading(const Adapter& adapter, const Signature& signature, std::string_view text) {
  const auto reading = adapter.parse(signature, text);
  if (reading) {
    if (reading->outputs.size() != signature.outputs.size()) std::abort();
    check_rereading(adapter, signature, reading->outputs);
  } else if ((reading.error().missing.empty() && reading.error().invalid.empty()) ||
             text::invalid_utf8(reading.error().message())) {
    std::abort();
  }
}

/// In any pieces, the stream's texts join to what is read of the whole reply.
inline void check_stream(const Adapter& adapter, const std::shared_ptr<const Signature>& signature,
                         std::string_view text, std::size_t longest) {
  std::map<std::string, std::string, std::less<>> texts;
  const FieldSink sink = [&](const FieldEvent& event) {
    auto& joined = texts[std::string(event.field)];
    if (event.restart) joined.clear();
    joined += event.text;
  };
  const auto exchange = adapter.prepare(signature);
  const auto contract = exchange->contract();
  const ReplyForm form(signature, contract.form, contract.literal_text ? XmlText::literal : XmlText::entities);
  const ReplyReader reader(form, text);
  const auto stream = exchange->open_stream();
  for (std::size_t round = 0; !text.empty(); ++round) {
    const auto size = std::min(1 + round * 7 % longest, text.size());
    stream->push(text.substr(0, size), sink);
    text.remove_prefix(size);
  }
  stream->finish(sink);
  for (std::size_t i = 0; i < signature->outputs.size(); ++i) {
    if (texts[signature->outputs[i].name] != reader.raw_text(i).value_or("")) std::abort();
  }
}

/// Reads a reply for several signatures, whole and in pieces.  The first byte tells the pieces.
inline int read_reply(const Adapter& adapter, const std::uint8_t* data, std::size_t size) {
  static const auto signatures = [] {
    std::vector<std::shared_ptr<const Signature>> out;
    for (const std::string_view notation :
         {"-> reasoning, count: int, score: float, ok: bool, kind: Literal['a', 'bc'], tags: list[str], "
          "sizes: dict[str, int], order_id: Optional[int]",
          "question -> answer", "-> number: float", "question -> items: list[list[int]], note: Optional[str]",
          "question -> order: Order{id: int, lines: list[Line{sku: str, n: int}], tags: list[str]}, either: "
          "Optional[Person{name: str} | int]"})
      out.push_back(std::make_shared<const Signature>(Signature::parse(notation)));
    return out;
  }();
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const auto& signature : signatures) {
    check_reading(adapter, *signature, text);
    check_stream(adapter, signature, text, 1 + data[0] % 16);
  }
  return 0;
}

}  // namespace dspy::fuzz
