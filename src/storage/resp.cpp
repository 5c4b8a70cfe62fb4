#include "storage/resp.hpp"

#include "dspy/base/error.hpp"

#include <charconv>
#include <format>
#include <iterator>
#include <system_error>
#include <utility>

namespace dspy::storage {
namespace {

constexpr std::size_t most_line_bytes = 64 * 1024;
constexpr std::int64_t most_text_bytes = std::int64_t{64} * 1024 * 1024;
constexpr std::int64_t most_items = 1'000'000;
constexpr int most_depth = 3;

[[noreturn]] void fail(std::string_view why) {
  throw Error(Errc::config_error,
              std::format("the server does not speak the protocol of Redis ({}); check its address", why));
}

/// Reads from the front of a text that may end too early.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}

  std::optional<RespValue> value(int depth) {
    const auto head = line();
    if (!head) return {};
    if (head->empty()) fail("an empty line");
    const auto rest = head->substr(1);
    switch (head->front()) {
      case '+': return RespValue{.kind = RespValue::Kind::text, .text = std::string(rest)};
      case '-': return RespValue{.kind = RespValue::Kind::error, .text = std::string(rest)};
      case ':': return RespValue{.kind = RespValue::Kind::integer, .integer = number(rest)};
      case '$': return text(number(rest));
      case '*': return list(number(rest), depth);
      default: fail("a value of no known kind");
    }
  }

  std::size_t position() const noexcept { return at_; }

 private:
  std::optional<std::string_view> line() {
    const auto end = bytes_.find("\r\n", at_);
    if (end == std::string_view::npos) {
      if (bytes_.size() - at_ > most_line_bytes + 1) fail("a line without an end");
      return {};
    }
    const auto out = bytes_.substr(at_, end - at_);
    if (out.size() > most_line_bytes) fail("a line without an end");
    at_ = end + 2;
    return out;
  }

  static std::int64_t number(std::string_view text) {
    std::int64_t out = 0;
    const auto* const end = text.data() + text.size();
    const auto [parsed, error] = std::from_chars(text.data(), end, out);
    if (error != std::errc{} || parsed != end) fail("a number that is none");
    return out;
  }

  std::optional<RespValue> text(std::int64_t size) {
    if (size == -1) return RespValue();
    if (size < 0 || size > most_text_bytes) fail("a text of an impossible length");
    const auto bytes = static_cast<std::size_t>(size);
    if (bytes_.size() - at_ < bytes + 2) return {};
    RespValue out{.kind = RespValue::Kind::text, .text = std::string(bytes_.substr(at_, bytes))};
    if (bytes_.substr(at_ + bytes, 2) != "\r\n") fail("a text without its end");
    at_ += bytes + 2;
    return out;
  }

  std::optional<RespValue> list(std::int64_t count, int depth) {
    if (count == -1) return RespValue();
    if (count < 0 || count > most_items) fail("a list of an impossible length");
    if (depth >= most_depth) fail("lists within lists");
    RespValue out{.kind = RespValue::Kind::list};
    for (std::int64_t i = 0; i < count; ++i) {
      auto item = value(depth + 1);
      if (!item) return {};
      out.list.push_back(*std::move(item));
    }
    return out;
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
};

}  // namespace

std::string resp_command(std::span<const std::string_view> words) {
  auto out = std::format("*{}\r\n", words.size());
  for (const auto word : words) std::format_to(std::back_inserter(out), "${}\r\n{}\r\n", word.size(), word);
  return out;
}

std::optional<RespValue> RespReader::next() {
  Cursor cursor(bytes_);
  auto out = cursor.value(0);
  if (out) bytes_.erase(0, cursor.position());
  return out;
}

}  // namespace dspy::storage
