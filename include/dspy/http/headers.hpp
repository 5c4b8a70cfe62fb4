#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::http {

struct Header {
  std::string name = {};
  std::string value = {};

  bool operator==(const Header&) const = default;
};

/// The header fields of a request or a reply, in order; names are compared without regard to case.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Header> headers) : headers_(headers) {}

  /// The first value of that name.
  std::optional<std::string_view> find(std::string_view name) const noexcept;
  /// Another one, whether there is one of that name or not.
  void add(std::string name, std::string value) { headers_.push_back({std::move(name), std::move(value)}); }
  /// In place of all of that name.
  void set(std::string_view name, std::string value);
  void remove(std::string_view name);

  bool empty() const noexcept { return headers_.empty(); }
  std::size_t size() const noexcept { return headers_.size(); }
  auto begin() const noexcept { return headers_.begin(); }
  auto end() const noexcept { return headers_.end(); }

  bool operator==(const Headers&) const = default;

 private:
  std::vector<Header> headers_;
};

/// Throws `Error` (`invalid_parameter`) for a name that is not a token (RFC 9110) or a value with a control byte, which
/// could smuggle in another field; the message has the name, never the value.
void require_sendable(std::string_view name, std::string_view value);

}  // namespace dspy::http
