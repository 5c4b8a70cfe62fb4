#include "server/protocols/reply_writer.hpp"

#include <chrono>
#include <format>
#include <random>

namespace dspy::server {

Stamp Stamp::now() {
  static thread_local std::random_device source;
  std::string id;
  for (int i = 0; i < 4; ++i) id += std::format("{:08x}", source());
  const auto time = std::chrono::system_clock::now().time_since_epoch();
  return {.id = std::move(id),
          .time = std::chrono::duration_cast<std::chrono::seconds>(time).count(),
          .begun = std::chrono::steady_clock::now()};
}

std::string sse(std::string_view type, const JsonObject& data) {
  std::string out;
  if (!type.empty()) out = std::format("event: {}\n", type);
  out += "data: ";
  append_text(out, data);
  out += "\n\n";
  return out;
}

std::string_view Said::rest_of(std::string_view whole) const {
  if (!whole.starts_with(text_))
    throw Error(
        Errc::stream_broken,
        "the finished reply differs from the streamed text, because an output was rewritten; ask without `stream`",
        {.raw = std::string(whole)});
  return whole.substr(text_.size());
}

}  // namespace dspy::server
