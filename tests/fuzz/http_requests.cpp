// Bytes of a connection, cut as the first byte says: the same requests as in one piece, none larger than its limits,
// and none that says in two ways how long it is.

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/listener.hpp"
#include "dspy/server/routes.hpp"
#include "server/listener/request_reader.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <format>
#include <string>
#include <string_view>

namespace {

dspy::server::ListenerLimits limits() {
  dspy::server::ListenerLimits out;
  out.head_bytes = 1024;
  out.header_fields = 20;
  out.body_bytes = 2048;
  return out;
}

void check(const dspy::server::HttpRequest& request) {
  if (!request.path.starts_with('/') || request.body.size() > limits().body_bytes) std::abort();
  if (dspy::text::invalid_utf8(request.path) || request.headers.size() > limits().header_fields) std::abort();
  int framings = 0;
  for (const auto& [name, value] : request.headers) {
    if (value.contains('\n') || value.contains('\r') || value.contains('\0')) std::abort();
    framings += dspy::text::equals_ignoring_case(name, "content-length") ? 1 : 0;
    framings += dspy::text::equals_ignoring_case(name, "transfer-encoding") ? 1 : 0;
  }
  if (framings > 1) std::abort();
}

/// All requests as text, up to where the connection would be closed.
std::string read(std::string_view text, std::size_t piece) {
  dspy::server::RequestReader reader(limits());
  std::string out, in;
  try {
    for (std::size_t at = 0; at < text.size(); at += piece) {
      in += text.substr(at, piece);
      while (!in.empty()) {
        const auto used = reader.push(in);
        in.erase(0, used);
        if (reader.state() != dspy::server::RequestReader::State::done) break;
        const auto request = reader.take();
        check(request);
        out += std::format("{} {} {}\n", request.method, request.path, request.body);
      }
    }
  } catch (const dspy::server::HttpError& error) {
    if (error.status() < 400 || error.status() > 505) std::abort();
    return out + "refused";
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const auto text = input.substr(1);
  const auto whole = read(text, std::max<std::size_t>(text.size(), 1));
  if (read(text, 1) != whole) std::abort();
  if (read(text, static_cast<unsigned char>(input[0]) % 16 + 1U) != whole) std::abort();
  return 0;
}
