#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"

#include <concepts>
#include <format>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Objects of JSON, member by member: a type lists its members once, for writing and for reading.

namespace dspy {

/// Writes members that differ from their defaults.
class MemberWriter {
 public:
  explicit MemberWriter(JsonObject& out) : out_(out) {}

  static constexpr bool reads = false;

  void operator()(std::string_view name, const std::string& value) {
    if (!value.empty()) out_[name] = value;
  }
  void operator()(std::string_view name, bool value) {
    if (value) out_[name] = value;
  }
  void operator()(std::string_view name, const Json& value) {
    if (!value.is_null()) out_[name] = value;
  }
  void operator()(std::string_view name, const JsonObject& value) {
    if (!value.empty()) out_[name] = value;
  }
  template <class T>
    requires std::integral<T> || std::floating_point<T>
  void operator()(std::string_view name, T value) {
    out_[name] = value;
  }
  template <class T>
  void operator()(std::string_view name, const std::optional<T>& value) {
    if (!value) return;
    if constexpr (std::same_as<T, JsonObject>) {
      out_[name] = *value;
    } else {
      out_[name] = Json(*value);
    }
  }
  void operator()(std::string_view name, const std::vector<std::string>& value) {
    if (!value.empty()) out_[name] = JsonArray(value.begin(), value.end());
  }

 private:
  JsonObject& out_;
};

/// Reads members; `finish` refuses unknown ones.
class MemberReader {
 public:
  /// `what` is what errors call the object.
  MemberReader(const JsonObject& in, std::string_view what) : in_(in), what_(what) {}

  static constexpr bool reads = true;

  void operator()(std::string_view name, std::string& value) {
    if (const auto* const found = take(name)) value = text(name, *found);
  }
  void operator()(std::string_view name, bool& value) {
    const auto* const found = take(name);
    if (found == nullptr) return;
    if (!found->is_bool()) reject(name, "true or false", *found);
    value = found->get_bool();
  }
  void operator()(std::string_view name, Json& value) {
    if (const auto* const found = take(name)) value = *found;
  }
  void operator()(std::string_view name, JsonObject& value) {
    if (const auto* const found = take(name)) value = object(name, *found);
  }
  template <class T>
    requires std::integral<T> || std::floating_point<T>
  void operator()(std::string_view name, T& value) {
    if (const auto* const found = take(name)) value = number<T>(name, *found);
  }
  template <class T>
  void operator()(std::string_view name, std::optional<T>& value) {
    if (in_.if_contains(name) == nullptr) return;
    (*this)(name, value.emplace());
  }
  void operator()(std::string_view name, std::vector<std::string>& value) {
    each(name, [&](const Json& item) { value.push_back(text(name, item)); });
  }

  /// Calls `visit` for each item of a list.
  template <class F>
  void each(std::string_view name, F visit) {
    const auto* const found = take(name);
    if (found == nullptr) return;
    if (!found->is_array()) reject(name, "a list", *found);
    for (const auto& item : found->get_array()) visit(item);
  }

  const Json* take(std::string_view name) {
    seen_.push_back(name);
    return in_.if_contains(name);
  }
  const JsonObject& object(std::string_view name, const Json& value) const {
    if (!value.is_object()) reject(name, "an object", value);
    return value.get_object();
  }
  std::string text(std::string_view name, const Json& value) const {
    if (!value.is_string()) reject(name, "a text", value);
    return std::string(view(value.get_string()));
  }
  void finish() const;
  [[noreturn]] void reject(std::string_view name, std::string_view wanted, const Json& value) const;

 private:
  template <class T>
  T number(std::string_view name, const Json& value) const {
    boost::system::error_code code;
    const auto out = value.is_number() ? value.to_number<T>(code) : T();
    if (code || !value.is_number()) reject(name, std::integral<T> ? "a whole number" : "a number", value);
    return out;
  }

  const JsonObject& in_;
  std::string what_;
  std::vector<std::string_view> seen_;
};

}  // namespace dspy
