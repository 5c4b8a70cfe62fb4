// Any reply in any pieces: the stream's texts join to what is read of the whole reply.  The first byte tells the
// pieces.

#include "adapters/reader.hpp"
#include "dspy/adapters/field_adapter.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>

namespace {

using namespace dspy;

void check(const std::shared_ptr<const Signature>& signature, std::string_view text, std::size_t longest) {
  std::map<std::string, std::string, std::less<>> texts;
  const FieldSink sink = [&](const FieldEvent& event) {
    auto& joined = texts[std::string(event.field)];
    if (event.restart) joined.clear();
    joined += event.text;
  };
  const ReplyReader reader(*signature, text);
  const auto stream = FieldAdapter().open_stream(signature);
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto many = std::make_shared<const Signature>(
      Signature::parse("question -> reasoning, count: int, tags: list[str], order_id: Optional[str]"));
  static const auto single = std::make_shared<const Signature>(Signature::parse("question -> answer"));
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const auto& signature : {many, single}) check(signature, text, 1U + data[0] % 32U);
  return 0;
}
