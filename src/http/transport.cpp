#include "dspy/http/transport.hpp"

#include "dspy/base/error.hpp"

#include <format>
#include <utility>

namespace dspy::http {

Async<Upgraded> Transport::connect(Request /*request*/, SocketLimits /*limits*/) {
  throw Error(Errc::unsupported, "this transport opens no WebSockets; use `curl_transport`, or ask over HTTP",
              {.feature = "websocket"});
}

Async<Response> send(std::shared_ptr<Transport> transport, Request request, std::size_t most_bytes) {
  auto streamed = co_await transport->open(std::move(request));
  Response response{.status = streamed.status, .headers = std::move(streamed.headers)};
  while (auto piece = co_await streamed.body->next()) {
    if (piece->size() > most_bytes - response.body.size()) {
      throw Error(Errc::stream_broken,
                  std::format("the reply (HTTP status {}) has more than {} bytes, which is as much as was allowed for",
                              response.status, most_bytes),
                  {.status = response.status});
    }
    if (response.body.empty()) {
      response.body = *std::move(piece);
    } else {
      response.body += *piece;
    }
  }
  co_return response;
}

}  // namespace dspy::http
