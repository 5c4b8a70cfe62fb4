#include "server/keys/key_text.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/base/text.hpp"
#include "dspy/http/headers.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <format>
#include <optional>
#include <string>
#include <string_view>

namespace dspy::server {
namespace {

constexpr std::string_view start = "dspy_";
constexpr std::size_t id_digits = 12;
constexpr std::size_t secret_digits = 64;

std::string draw_digits(std::size_t count) {
  std::array<unsigned char, 32> bytes{};
  if (::getentropy(bytes.data(), bytes.size()) != 0)
    throw Error(Errc::backend_error, "the system provides no random bytes, so no key can be created");
  std::string out;
  for (std::size_t i = 0; i < count / 2; ++i) out += std::format("{:02x}", bytes.at(i));
  bytes.fill(0);
  return out;
}

bool is_hexadecimal(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

DrawnKey draw_key() {
  DrawnKey out{.id = draw_digits(id_digits)};
  const Secret secret(draw_digits(secret_digits));
  out.hash = sha256(secret.reveal());
  out.whole = Secret(std::format("{}{}_{}", start, out.id, secret.reveal()));
  return out;
}

std::optional<KeyParts> key_parts(std::string_view presented) {
  if (presented.size() != start.size() + id_digits + 1 + secret_digits || !presented.starts_with(start))
    return std::nullopt;
  const KeyParts out{.id = presented.substr(start.size(), id_digits),
                     .secret = presented.substr(start.size() + id_digits + 1)};
  const bool fits = presented[start.size() + id_digits] == '_' && is_hexadecimal(out.id) && is_hexadecimal(out.secret);
  return fits ? std::optional(out) : std::nullopt;
}

bool is_secret_of(std::string_view secret, std::string_view hash) {
  static const std::string nobody(secret_digits, '0');
  const bool is_equal = Secret(sha256(secret)) == Secret(std::string(hash.empty() ? nobody : hash));
  return is_equal && !hash.empty();
}

std::string presented_key(const http::Headers& headers) {
  constexpr std::string_view scheme = "bearer ";
  if (const auto value = headers.find("authorization")) {
    if (value->size() > scheme.size() && text::equals_ignoring_case(value->substr(0, scheme.size()), scheme))
      return std::string(text::trim(value->substr(scheme.size())));
    return {};
  }
  const auto value = headers.find("x-api-key");
  return value ? std::string(text::trim(*value)) : std::string();
}

bool is_tenant(std::string_view name) {
  constexpr std::size_t longest = 64;
  return name.size() <= longest && std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

bool matches(std::string_view pattern, std::string_view text) {
  // Goes back to the last `*`, as no earlier one can do better.
  std::size_t p = 0;
  std::size_t t = 0;
  std::optional<std::size_t> star;
  std::size_t mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star) {
      p = *star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace dspy::server
