// What an interpreter may send: frames cut anywhere give the same messages, and each is read or refused.

#include "agents/sandbox/protocol.hpp"
#include "dspy/base/error.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

constexpr std::size_t most_bytes = 4096;

std::string read(std::string_view bytes, std::size_t piece) {
  dspy::interpreter::FrameReader frames(most_bytes);
  std::string out;
  try {
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      frames.feed(bytes.substr(at, piece));
      while (const auto frame = frames.next()) {
        if (frame->size() > most_bytes) std::abort();
        out += *frame;
        out += '\0';
      }
    }
  } catch (const dspy::Error&) {
    out += "refused";
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto whole = read(input, std::max<std::size_t>(size, 1));
  if (read(input, 1) != whole || read(input, 7) != whole) std::abort();
  for (const std::uint64_t execution : {0U, 1U}) {
    try {
      dspy::interpreter::read_message(input, execution);
    } catch (const dspy::Error& error) {
      if (error.code() != dspy::Errc::backend_error) std::abort();
    }
  }
  return 0;
}
