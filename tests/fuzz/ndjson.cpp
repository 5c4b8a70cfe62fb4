// Lines, cut as the first byte says: the same values as in one piece.

#include "dspy/http/ndjson.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

constexpr std::size_t most = 512;

std::string read(std::string_view text, std::size_t piece) {
  dspy::http::Ndjson values(most);
  std::string out;
  const auto keep = [&](std::string_view value) {
    if (value.empty() || value.size() > most || value.contains('\n')) std::abort();
    out += value;
    out += '\n';
  };
  try {
    for (std::size_t at = 0; at < text.size(); at += piece) {
      values.feed(std::string(text.substr(at, piece)));
      while (const auto value = values.next()) keep(*value);
    }
    if (const auto value = values.finish()) keep(*value);
  } catch (const dspy::Error&) {
    return "refused";
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const auto text = input.substr(1);
  const auto whole = read(text, std::max<std::size_t>(text.size(), 1));
  if (read(text, 1) != whole) std::abort();
  if (read(text, static_cast<unsigned char>(input[0]) % 16 + 1U) != whole) std::abort();
  return 0;
}
