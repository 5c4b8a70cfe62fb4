// A field that says when to come back: whatever it is, the wait is not negative and fits where it is added to a time.

#include "dspy/http/retry_after.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace {

void check(std::optional<std::chrono::milliseconds> wait) {
  using namespace std::chrono_literals;
  if (wait && (*wait < 0ms || *wait > std::chrono::hours(24 * 366 * 300))) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dspy::http;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::chrono::system_clock::time_point now{std::chrono::seconds(1'767'225'600)};
  check(parse_duration(text));
  check(time_until_reset(text, now));
  check(retry_after({{"Retry-After", std::string(text)}}, now));
  check(retry_after({{"retry-after-ms", std::string(text)}, {"retry-after", "3"}}, now));
  static_cast<void>(parse_http_date(text));
  static_cast<void>(parse_rfc3339(text));
  return 0;
}
