// Any reply: no crash, and what was read is read again, the same and without liberties, once the adapter has written
// it.

#include "dspy/adapters/field_adapter.hpp"
#include "dspy/base/text.hpp"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace dspy;

void check_rereading(const Signature& signature, const JsonObject& outputs) {
  // Empty strings are absent fields, and strings lose white space around them, so both may differ.
  for (const auto& output : outputs) {
    if (const auto* const text = output.value().if_string()) {
      const auto content = view(*text);
      if (content.empty() || text::trim(content) != content) return;
    }
  }
  const std::vector<Example> demos = {Example(JsonObject(outputs), signature)};
  const JsonObject inputs;
  const auto chat = FieldAdapter().format({.signature = signature, .demos = demos, .inputs = inputs});
  if (chat.size() != 3) return;  // without any output there is no turn
  const auto again = FieldAdapter().parse(signature, chat[1].content);
  if (!again || again->outputs != outputs || !again->flags.empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto many = Signature::parse(
      "-> reasoning, count: int, score: float, ok: bool, kind: Literal['a', 'bc'], tags: list[str], "
      "sizes: dict[str, int], order_id: Optional[int]");
  static const auto single = Signature::parse("question -> answer");
  static const auto number = Signature::parse("-> number: float");
  static const auto list = Signature::parse("-> items: list[list[float]]");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto* const signature : {&many, &single, &number, &list}) {
    const auto reading = FieldAdapter().parse(*signature, text);
    if (reading) {
      if (reading->outputs.size() != signature->outputs.size()) std::abort();
      check_rereading(*signature, reading->outputs);
    } else if ((reading.error().missing.empty() && reading.error().invalid.empty()) ||
               text::invalid_utf8(reading.error().message())) {
      std::abort();
    }
  }
  return 0;
}
