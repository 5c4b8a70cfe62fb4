// Bytes from the server of a remote cache, in pieces: values or an error, and the same whatever the pieces.

#include "storage/resp.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

std::vector<dspy::storage::RespValue> read(std::string_view bytes, std::size_t piece) {
  dspy::storage::RespReader reader;
  std::vector<dspy::storage::RespValue> out;
  try {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
      reader.feed(bytes.substr(0, piece));
      while (auto value = reader.next()) out.push_back(*std::move(value));
    }
  } catch (const dspy::Error&) {  // what was read before stays read
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (read(bytes, size + 1) != read(bytes, 3)) std::abort();
  return 0;
}
