#pragma once

#include "dspy/http/headers.hpp"

#include <string>

namespace dspy::models {

/// Where a reply leads.
struct Redirect {
  std::string url = {};
  bool leaves_origin = false;  ///< Keys stay behind.
};

/// Where `location` leads, seen from `from`, the address that was asked.  Throws `Error` (`unavailable`) where that is
/// nowhere, or from TLS to a connection without it.
Redirect redirect_of(const std::string& from, const http::Headers& headers);
bool is_redirect(int status) noexcept;

}  // namespace dspy::models
