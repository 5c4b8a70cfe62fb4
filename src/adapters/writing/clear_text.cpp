#include "adapters/writing/clear_text.hpp"

#include "adapters/coercion/coerce.hpp"
#include "adapters/coercion/excerpt.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <format>
#include <optional>
#include <utility>
#include <vector>

namespace dspy {
namespace {

/// True if one text may mean several values of the type.
bool may_be_misread(const Type& type, const Json& value) noexcept {
  using Kind = Type::Kind;
  if (value.is_structured()) return false;
  switch (type.kind) {
    case Kind::optional:
    case Kind::union_:
    case Kind::literal:
    case Kind::any: return true;
    default: return false;
  }
}

std::optional<Json> fitted(const Type& type, Json value, const Scope* scope) {
  int steps = 0;
  auto out = fit(type, std::move(value), scope, steps);
  return out ? std::optional(*std::move(out)) : std::nullopt;
}

std::optional<Json> read_back(const Type& type, std::string_view text, const Scope* scope) {
  std::vector<Flag> flags;
  Repairs repairs(flags, {});
  auto value = coerce_text(type, text, repairs, scope);
  return value ? fitted(type, *std::move(value), scope) : std::nullopt;
}

/// White space around a text is not part of it.
bool same(const Json& a, const Json& b) {
  if (a.is_string() && b.is_string()) return text::trim(view(a.get_string())) == text::trim(view(b.get_string()));
  return to_text(a) == to_text(b);
}

}  // namespace

std::optional<std::string> clear_text(std::string_view field, const Type& type, const Json& value,
                                      std::string_view plain, const Scope* scope) {
  if (!may_be_misread(type, value) || !fitted(type, value, scope)) return std::nullopt;
  const auto read = read_back(type, text::trim(plain), scope);
  if (read && same(*read, value)) return std::nullopt;
  auto json = to_text(value);
  if (const auto again = read_back(type, json, scope); again && same(*again, value)) return json;
  constexpr std::size_t longest = 60;
  throw Error(Errc::bad_input,
              std::format("the value {} of `{}` cannot be shown as text: `{}` {}; give the field a type whose values "
                          "cannot be confused, or use the adapter `json`",
                          excerpt(json, longest), field, excerpt(text::trim(plain), longest),
                          read ? std::format("is read as {}", excerpt(to_text(*read), longest)) : "cannot be read"));
}

}  // namespace dspy
