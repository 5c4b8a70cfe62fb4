#pragma once

#include "dspy/base/json.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace dspy::server {

/// The members of an object in a client's request.  Each call marks its member as understood; `finish` refuses by name
/// what is left, so that nothing a client asks for is passed over in silence.  A null counts as absent.
///
/// The calls throw `Error` (`invalid_parameter`) for a member of another kind, with its place in `info().feature`.
class Members {
 public:
  /// `place` is where the object is in the body, such as `messages[2]`; empty for the body itself.
  explicit Members(const JsonObject& object, std::string place = {}) : object_(object), place_(std::move(place)) {}

  const Json* find(std::string_view name);
  const Json& require(std::string_view name);
  std::optional<std::string> text(std::string_view name);
  std::string required_text(std::string_view name);
  std::optional<bool> flag(std::string_view name);
  std::optional<double> number(std::string_view name);
  std::optional<std::int64_t> whole(std::string_view name, std::int64_t least, std::int64_t most);
  std::optional<int> count(std::string_view name, int least = 1);
  const JsonObject* object(std::string_view name);
  const JsonArray* list(std::string_view name);

  /// Accepted, and of no effect: what is about billing, tracking or a provider's own machinery.
  void ignore(std::initializer_list<std::string_view> names);
  /// Refused unless it has one of these values, which is what happens anyway.
  void expect(std::string_view name, std::initializer_list<Json> values, std::string_view why);

  /// The place of a member.
  std::string at(std::string_view name) const;
  const std::string& place() const noexcept { return place_; }
  const JsonObject& all() const noexcept { return object_; }

  /// Throws `Error` (`unsupported`) that names the first member that was not read.
  void finish() const;

 private:
  const JsonObject& object_;
  std::string place_;
  std::set<std::string, std::less<>> known_;
};

/// The object at `place` of a list.  Throws `Error` (`invalid_parameter`).
const JsonObject& object_of(const Json& value, std::string_view place);

/// Throws `Error`: `invalid_parameter` for a value that is wrong, `unsupported` for one that is not honoured here.
[[noreturn]] void wrong(std::string_view place, std::string_view what);
[[noreturn]] void not_honoured(std::string_view place, std::string_view why);

/// `messages[2]`
std::string indexed(std::string_view place, std::size_t index);

}  // namespace dspy::server
