#include "dspy/adapters/xml_adapter.hpp"
#include "replies.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const dspy::XmlAdapter adapter;
  return dspy::fuzz::read_reply(adapter, data, size);
}
