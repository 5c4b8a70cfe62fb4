#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/http/transport.hpp"
#include "models/hub.hpp"

#include <string>
#include <string_view>

namespace dspy::models {

std::string origin_of(const std::string& url);

/// One request and the redirects that follow it, as from a repository's former name.  A key goes to the origin of `url`
/// only.  `mirror` is the variable that names another address.  Throws `Error`: what the transport throws;
/// `unavailable` says what to do offline.
Async<http::Response> answer_of(Hub hub, std::string url, std::string accept, Secret token, std::string mirror);

/// What a licence calls itself: its first line, and its version where the next line says that.
std::string license_name(std::string_view text);
/// The same of the text at `url`; where that cannot be had, words that say where to look.
Async<std::string> license_at(Hub hub, std::string url, std::string digest);

}  // namespace dspy::models
