// Messages, requests and replies from JSON that somebody else wrote: read or refused, and what was read is written and
// read again as the same.

#include "dspy/lm/exchange_json.hpp"

#include "dspy/base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

template <class Read>
void check(const dspy::JsonObject& written, Read read) {
  const auto value = dspy::attempt([&] { return read(written); });
  if (!value) return;
  if (!(read(to_json(*value)) == *value)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = dspy::parse_json(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!json || !json->is_object()) return 0;
  check(json->get_object(), dspy::message_from_json);
  check(json->get_object(), dspy::part_from_json);
  check(json->get_object(), dspy::request_from_json);
  check(json->get_object(), dspy::reply_from_json);
  return 0;
}
