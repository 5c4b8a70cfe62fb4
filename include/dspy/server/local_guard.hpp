#pragma once

#include "dspy/server/http.hpp"
#include "dspy/server/routes.hpp"

namespace dspy::server {

/// Whether a browser sent the request for a page of another origin: its `Origin` is not the request's `Host`.
bool is_foreign(const HttpRequest& request);

/// For a server without keys on this machine: everybody who can reach it may do everything, but for pages of other
/// sites in a browser on it.  Requests that such a page sends are refused (`HttpError`, 403), and so are those under a
/// host name that is not this machine's own, which a site may have pointed here (DNS rebinding).
Authenticator local_guard();

}  // namespace dspy::server
