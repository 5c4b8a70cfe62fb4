#pragma once

#include "dspy/http/transport.hpp"
#include "dspy/providers/dialect.hpp"
#include "dspy/providers/provider_lm.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace dspy::providers {

class SocketPool;

/// Where requests go, and what goes with each.
struct Endpoint {
  const Dialect* dialect = nullptr;
  std::string base_url = {};  ///< Without a slash at its end.
  std::string query = {};     ///< Behind every path, such as Azure's version; with its `?`.
  http::Headers headers = {};
  std::vector<http::Credential> credentials = {};
  http::Timeouts timeouts = {};
  bool sends_trace_context = false;
  std::shared_ptr<http::Transport> transport = {};
  std::shared_ptr<SocketPool> sockets = {};  ///< Where requests go over WebSockets; else null.
  /// Tells accounts apart, and nothing else about them: 16 hexadecimal digits of a digest.
  std::string account = {};

  http::Request request(std::string_view path, std::string body, bool stream) const;
  /// Puts a mark in the place of each key.
  void redact(std::string& text) const { redact(text, 1); }
  /// The same of what a model says, where a short word such as `none`, as local servers take for a key, is only a word.
  void redact_reply(std::string& text) const { redact(text, 16); }
  void redact(http::Headers& told) const;
  void redact(std::string& text, std::size_t shortest) const;
};

/// From the options, then the environment, then the dialect.  Throws `Error` (`config_error`, or
/// `authentication_failed` if a required key is missing).
Endpoint make_endpoint(const Dialect& dialect, const RemoteOptions& options);

/// `base_url` as it will be used.  Throws `Error` (`config_error`).
std::string base_url_of(const Dialect& dialect, std::string_view given);

/// The first of the variables that is set and not empty; its name, or null.
const char* set_variable(const Dialect::Names& names) noexcept;

}  // namespace dspy::providers
