#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/server/routes.hpp"
#include "server/listener/request_reader.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <optional>
#include <string>
#include <string_view>

// What a request's head may say.  Boost.Beast reads it afterwards; this refuses what another server in front might have
// read in another way.

namespace dspy::server {
namespace {

[[noreturn]] void refuse(int status, const std::string& why) {
  throw HttpError(status, Errc::bad_input, why);
}

bool is_token(std::string_view text) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || others.contains(c);
  });
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view trimmed(std::string_view value) {
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  return value;
}

bool has_control(std::string_view value) {
  return std::ranges::any_of(value, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7F;
  });
}

/// The lines of a head without their ends; the empty one is left out.
std::string_view take_line(std::string_view& head) {
  const auto end = head.find("\r\n");
  const auto line = head.substr(0, end);
  head.remove_prefix(end + 2);
  return line;
}

/// Returns whether the version is 1.1.
bool check_request_line(std::string_view line) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) refuse(400, "the request line is not `METHOD target HTTP/1.1`");
  const auto method = line.substr(0, first);
  const auto target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  if (!is_token(method)) refuse(400, "the method is not a token");
  if (method.size() > 16) refuse(501, "there is no such method");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") refuse(505, "this server speaks HTTP/1.1");
  if (!target.starts_with('/')) refuse(400, "the target must be a path that begins with `/`");
  if (std::ranges::any_of(target, [](char c) { return c <= ' ' || static_cast<unsigned char>(c) >= 0x7F || c == '#'; }))
    refuse(400, "the target has a byte that must be percent-encoded");
  return version == "HTTP/1.1";
}

struct Framing {
  int hosts = 0;
  int lengths = 0;
  int encodings = 0;
};

void check_field(std::string_view line, bool is_http_1_1, Framing& seen) {
  if (line.front() == ' ' || line.front() == '\t') refuse(400, "header fields must not be folded over lines");
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) refuse(400, "a header field has no `:`");
  const auto name = line.substr(0, colon);
  const auto value = trimmed(line.substr(colon + 1));
  if (!is_token(name)) refuse(400, "the name of a header field is not a token");
  if (has_control(value)) refuse(400, std::format("the header field `{}` has a control character", name));
  if (text::equals_ignoring_case(name, "host")) {
    ++seen.hosts;
  } else if (text::equals_ignoring_case(name, "content-length")) {
    ++seen.lengths;
    if (!is_digits(value) || value.size() > 18) refuse(400, "Content-Length is not a number");
  } else if (text::equals_ignoring_case(name, "transfer-encoding")) {
    ++seen.encodings;
    if (!is_http_1_1) refuse(400, "HTTP/1.0 has no Transfer-Encoding");
    if (!text::equals_ignoring_case(value, "chunked")) refuse(501, "the only Transfer-Encoding here is `chunked`");
  }
}

}  // namespace

void check_head(std::string_view head, const ListenerLimits& limits) {
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '\n' && (i == 0 || head[i - 1] != '\r')) refuse(400, "a line ends without CR");
    if (head[i] == '\r' && (i + 1 == head.size() || head[i + 1] != '\n')) refuse(400, "a CR stands alone");
  }
  if (!head.ends_with("\r\n\r\n")) refuse(400, "the head is not whole");
  head.remove_suffix(2);
  const bool is_http_1_1 = check_request_line(take_line(head));
  Framing seen;
  std::size_t fields = 0;
  while (!head.empty()) {
    const auto line = take_line(head);
    if (line.empty()) refuse(400, "the head contains an empty line");
    if (++fields > limits.header_fields)
      refuse(431, std::format("a request may have {} header fields", limits.header_fields));
    check_field(line, is_http_1_1, seen);
  }
  if (seen.hosts > 1 || (is_http_1_1 && seen.hosts == 0)) refuse(400, "a request has one Host field");
  if (seen.lengths + seen.encodings > 1) refuse(400, "a request must give the length of its body once, in one way");
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = digit(text[i + 1]);
      const int low = digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (out.contains('\0') || text::invalid_utf8(out)) return std::nullopt;
  return out;
}

}  // namespace dspy::server
