// Any reply, whole or cut: no crash, and a stream that joins to the same text however it is cut.

#include "dspy/adapters/field_adapter.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>

namespace {

using Fields = std::map<std::string, std::string>;

Fields streamed(const std::shared_ptr<const dspy::Signature>& signature, std::string_view text, std::size_t piece) {
  Fields fields;
  const dspy::FieldSink sink = [&](const dspy::FieldEvent& event) { fields[std::string(event.field)] += event.text; };
  const auto stream = dspy::FieldAdapter().open_stream(signature);
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) stream->push(text.substr(0, piece), sink);
  stream->finish(sink);
  return fields;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto signature = std::make_shared<const dspy::Signature>(dspy::Signature::parse(
      "question -> reasoning, count: int, score: float, ok: bool, kind: Literal['a', 'bc'], tags: list[str], "
      "sizes: dict[str, int], note: Optional[str]"));
  static const auto single = std::make_shared<const dspy::Signature>(dspy::Signature::parse("question -> answer"));
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& each : {signature, single}) {
    const auto reading = dspy::FieldAdapter().parse(*each, text);
    if (!reading && reading.error().missing.empty() && reading.error().invalid.empty()) std::abort();
    const auto whole = streamed(each, text, text.size() + 1);
    if (streamed(each, text, 1) != whole || streamed(each, text, 3) != whole) std::abort();
  }
  return 0;
}
