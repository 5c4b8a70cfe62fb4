#include "server/random_id.hpp"

#include "dspy/base/error.hpp"

#include <sys/random.h>
#include <sys/types.h>

#include <array>
#include <string>
#include <string_view>

namespace dspy::server {

std::string random_id() {
  std::array<unsigned char, 16> bytes = {};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw Error(Errc::io_error, "the system gives no random numbers");
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(32);
  for (const auto byte : bytes) {
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

}  // namespace dspy::server
