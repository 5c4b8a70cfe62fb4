#pragma once

#include "dspy/base/secret.hpp"
#include "dspy/http/headers.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace dspy::server {

/// A key that was drawn: `dspy_<12 digits>_<64 digits>`, all hexadecimal.
struct DrawnKey {
  std::string id = {};
  std::string hash = {};  ///< SHA-256 of the secret part.
  Secret whole = {};
};

/// 256 bits from the system.  Throws `Error` (`backend_error`) if it has none.
DrawnKey draw_key();

struct KeyParts {
  std::string_view id = {};
  std::string_view secret = {};
};
/// Nothing for a text that is not a key.
std::optional<KeyParts> key_parts(std::string_view presented);
/// In time that depends on neither.  Nothing is the secret of an empty hash.
bool is_secret_of(std::string_view secret, std::string_view hash);

/// What a request shows: `Authorization: Bearer …`, else `x-api-key`; empty if nothing.
std::string presented_key(const http::Headers& headers);

/// Up to 64 letters, digits, `-` and `_`: it also names a folder.  Empty: the operator of the server.
bool is_tenant(std::string_view name);
/// Whether a text matches a pattern, in which `*` stands for any text.
bool matches(std::string_view pattern, std::string_view text);

}  // namespace dspy::server
