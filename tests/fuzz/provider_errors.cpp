// Bodies of errors: whatever a provider, or a proxy in its place, sends becomes an error with a message of one line.

#include "dspy/base/text.hpp"
#include "providers/errors.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const auto dialects = dspy::dialects();
  const auto& dialect = dialects[data[0] % dialects.size()];
  const int status = 400 + data[1] % 200;
  const std::string body(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto error =
      dspy::providers::status_error(dialect, "m", {.status = status, .headers = {{"Retry-After", body}}, .body = body},
                                    std::chrono::system_clock::time_point());
  const std::string_view message = error.what();
  if (message.contains('\n') || message.size() > 4096 || dspy::text::invalid_utf8(message)) std::abort();
  if (const auto json = dspy::parse_json(body)) static_cast<void>(dspy::providers::reply_error(dialect, "m", *json));
  return 0;
}
