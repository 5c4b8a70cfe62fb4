#include "dspy/evaluate/metrics/function_calls.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <format>
#include <optional>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

CallsVerdict wrong(std::string_view rule, std::string message) {
  return {.is_right = false, .rule = std::string(rule), .message = std::move(message)};
}

CallsVerdict right() {
  return {.is_right = true};
}

Error no_row(std::string_view what) {
  return {Errc::bad_input, std::format("this is not a row of BFCL: {}", what)};
}

/// A text without what BFCL takes no notice of.
std::string standardized(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view(" ,./-_*^").contains(c)) continue;
    if (c == '\'') {
      out += '"';
    } else {
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return out;
}

bool same(const Json& given, const Json& accepted);

bool same_list(const JsonArray& given, const JsonArray& accepted) {
  return std::ranges::equal(given, accepted, same);
}

/// `accepted` has a list of values for each key.
bool same_object(const JsonObject& given, const JsonObject& accepted) {
  for (const auto& [key, value] : given) {
    const auto* const values = accepted.if_contains(key);
    if (values == nullptr) return false;
    if (!values->is_array()) {
      if (!same(value, *values)) return false;
    } else if (std::ranges::none_of(values->get_array(), [&](const Json& each) { return same(value, each); })) {
      return false;
    }
  }
  return std::ranges::all_of(accepted, [&](const auto& member) {
    if (given.contains(member.key())) return true;
    const auto* const values = member.value().if_array();
    return values != nullptr && std::ranges::contains(*values, Json(""));
  });
}

bool same(const Json& given, const Json& accepted) {
  if (given.is_string() && accepted.is_string())
    return standardized(view(given.get_string())) == standardized(view(accepted.get_string()));
  if (given.is_number() && accepted.is_number()) return given.to_number<double>() == accepted.to_number<double>();
  if (given.is_array() && accepted.is_array()) return same_list(given.get_array(), accepted.get_array());
  if (given.is_object() && accepted.is_object()) return same_object(given.get_object(), accepted.get_object());
  return given == accepted;
}

bool has_type(const Json& value, std::string_view type) {
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_int64() || value.is_uint64();
  if (type == "float" || type == "number") return value.is_number();
  if (type == "boolean") return value.is_bool();
  if (type == "array" || type == "tuple") return value.is_array();
  if (type == "dict" || type == "object") return value.is_object();
  return true;  // "any"
}

std::string_view text_at(const JsonObject& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  return value != nullptr && value->is_string() ? view(value->get_string()) : std::string_view();
}

/// The type and, for a list, that of its items: one level, as BFCL looks at it.
bool fits(const Json& value, const JsonObject& property) {
  const auto type = text_at(property, "type");
  if (!has_type(value, type)) return false;
  const auto* const items = property.if_contains("items");
  if (!value.is_array() || items == nullptr || !items->is_object()) return true;
  const auto inner = text_at(items->get_object(), "type");
  return std::ranges::all_of(value.get_array(), [&](const Json& each) { return has_type(each, inner); });
}

const JsonObject& function_of(const JsonArray& functions, std::string_view name) {
  for (const auto& each : functions) {
    if (each.is_object() && text_at(each.get_object(), "name") == name) return each.get_object();
  }
  throw no_row(std::format("its answer calls `{}`, which is not among its functions", name));
}

CallsVerdict check_argument(std::string_view name, const Json& value, const JsonObject& properties,
                            const Json& accepted) {
  const auto* const property = properties.if_contains(name);
  if (property == nullptr || !property->is_object()) throw no_row(std::format("`{}` has no type", name));
  const auto& values = accepted.as_array();
  // A value that names a variable is accepted where it is among the answers, whatever the type.
  const bool is_answer = std::ranges::any_of(values, [&](const Json& each) { return same(value, each); });
  const bool is_untyped = value.is_string() && text_at(property->get_object(), "type") != "string" && is_answer;
  if (!is_untyped && !fits(value, property->get_object()))
    return wrong("type", std::format("`{}` is {}, not of the type {}", name, to_text(value),
                                     text_at(property->get_object(), "type")));
  if (!is_answer)
    return wrong("value", std::format("`{}` is {}, not one of {}", name, to_text(value), to_text(accepted)));
  return right();
}

CallsVerdict check_call(const JsonArray& functions, const JsonObject& truth, const CalledFunction& call) {
  if (truth.size() != 1 || !truth.begin()->value().is_object())
    throw no_row("an answer is an object with one function and its arguments");
  const std::string_view name = truth.begin()->key();
  const auto& accepted = truth.begin()->value().get_object();
  const auto without_dots = [](std::string text) {
    std::ranges::replace(text, '.', '_');
    return text;
  };
  if (without_dots(call.name) != without_dots(std::string(name)))
    return wrong("name", std::format("`{}` was called, not `{}`", call.name, name));
  const auto* const parameters = function_of(functions, name).if_contains("parameters");
  const auto* const properties =
      parameters != nullptr && parameters->is_object() ? parameters->get_object().if_contains("properties") : nullptr;
  if (properties == nullptr || !properties->is_object()) throw no_row(std::format("`{}` has no properties", name));
  if (const auto* const required = parameters->get_object().if_contains("required");
      required != nullptr && required->is_array()) {
    for (const auto& each : required->get_array()) {
      if (each.is_string() && !call.arguments.contains(view(each.get_string())))
        return wrong("missing", std::format("`{}` is missing", view(each.get_string())));
    }
  }
  for (const auto& [key, value] : call.arguments) {
    const auto* const values = accepted.if_contains(key);
    if (values == nullptr || !properties->get_object().contains(key))
      return wrong("unexpected", std::format("`{}` is not an argument that was expected", std::string_view(key)));
    if (!values->is_array()) throw no_row(std::format("`{}` has no list of accepted values", std::string_view(key)));
    auto verdict = check_argument(key, value, properties->get_object(), *values);
    if (!verdict.is_right) return verdict;
  }
  for (const auto& [key, values] : accepted) {
    const bool may_be_absent = values.is_array() && std::ranges::contains(values.get_array(), Json(""));
    if (!call.arguments.contains(key) && !may_be_absent)
      return wrong("missing", std::format("`{}` is missing, and may not be left out", std::string_view(key)));
  }
  return right();
}

/// `C(a, k) / C(n, k)`.
double ratio(std::uint64_t n, std::uint64_t a, std::uint64_t k) {
  if (a < k) return 0;
  double out = 1;
  for (std::uint64_t i = 0; i < k; ++i) out *= static_cast<double>(a - i) / static_cast<double>(n - i);
  return out;
}

void require(std::uint64_t n, std::uint64_t c, std::uint64_t k) {
  if (c > n || k < 1 || k > n) {
    throw Error(
        Errc::invalid_parameter,
        std::format("of {} trials, {} cannot have succeeded, or {} cannot be drawn; c <= n and 1 <= k <= n", n, c, k));
  }
}

}  // namespace

CallsVerdict check_calls(const JsonArray& functions, const JsonArray& truth, const std::vector<CalledFunction>& calls) {
  if (calls.size() != truth.size())
    return wrong("count", std::format("{} calls were made, not {}", calls.size(), truth.size()));
  std::vector<bool> is_taken(calls.size(), false);
  for (const auto& expected : truth) {
    if (!expected.is_object()) throw no_row("an answer is an object");
    std::optional<CallsVerdict> first;
    bool is_found = false;
    for (std::size_t i = 0; i < calls.size() && !is_found; ++i) {
      if (is_taken[i]) continue;
      auto verdict = check_call(functions, expected.get_object(), calls[i]);
      is_found = is_taken[i] = verdict.is_right;
      if (!first) first = std::move(verdict);
    }
    if (!is_found) return *std::move(first);
  }
  return right();
}

double pass_hat_k(std::uint64_t n, std::uint64_t c, std::uint64_t k) {
  require(n, c, k);
  return ratio(n, c, k);
}

double pass_at_k(std::uint64_t n, std::uint64_t c, std::uint64_t k) {
  require(n, c, k);
  return 1 - ratio(n, n - c, k);
}

}  // namespace dspy
