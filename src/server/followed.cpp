#include "server/followed.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/server/http.hpp"

#include <chrono>
#include <format>
#include <functional>
#include <stop_token>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

Async<void> send_until_stopped(std::function<Async<void>(BodyWriter& writer)> stream, BodyWriter& writer,
                               std::stop_source has_ended) {
  co_await stream(writer);
  has_ended.request_stop();
}

Async<void> stop_with_key(StillAdmitted still, std::stop_source stream, std::stop_token has_ended) {
  if (co_await key_is_taken_back(std::move(still), std::move(has_ended))) stream.request_stop();
}

}  // namespace

Async<bool> key_is_taken_back(StillAdmitted still, std::stop_token has_ended) {
  using namespace std::chrono_literals;
  try {
    while (still()) co_await dspy::sleep(1s, has_ended);
  } catch (const Error& error) {
    if (error.code() == Errc::cancelled) co_return false;
    log(LogLevel::warning, "server", std::format("a stream ends, as its key cannot be looked up: {}", error.what()));
  }
  co_return true;
}

Followed::Followed(HttpRequest& request) : joined_(join(request.stop, own_.get_token())) {
  request.stop = joined_.token;
}

void Followed::end_with_key(HttpResponse& response, StillAdmitted still) const {
  response.stream = [stream = std::move(response.stream), still = std::move(still), own = own_,
                     joined = joined_](BodyWriter& writer) {
    const std::stop_source has_ended;
    std::vector<Async<void>> both;
    both.push_back(send_until_stopped(stream, writer, has_ended));
    both.push_back(stop_with_key(still, own, has_ended.get_token()));
    return when_all(std::move(both));
  };
}

}  // namespace dspy::server
