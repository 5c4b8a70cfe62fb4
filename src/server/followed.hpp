#pragma once

#include "dspy/base/async.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/server/http.hpp"

#include <functional>
#include <stop_token>

namespace dspy::server {

using StillAdmitted = std::function<bool()>;

/// A stream that a client follows until one of both ends it, or the client's key is taken back.
class Followed {
 public:
  /// The request is stopped by this, too.
  explicit Followed(HttpRequest& request);

  /// The response's stream is stopped as soon as `still`, which is asked every second, says no.
  void end_with_key(HttpResponse& response, StillAdmitted still) const;

 private:
  std::stop_source own_;
  JoinedStop joined_;
};

/// Waits for `still` to say no, and returns true; false when `has_ended` is asked first.
Async<bool> key_is_taken_back(StillAdmitted still, std::stop_token has_ended);

}  // namespace dspy::server
