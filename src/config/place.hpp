#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <toml++/toml.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <format>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

using Setter = std::function<void(const toml::node& value)>;
using Members = std::vector<std::pair<std::string_view, Setter>>;

/// Reads values, and says where one is that cannot be meant.
class Place {
 public:
  explicit Place(std::string_view source) : source_(source) {}

  [[noreturn]] void fail(const toml::source_region& at, const std::string& what) const {
    throw Error(Errc::config_error, std::format("{}:{}:{}: {}", source_, at.begin.line, at.begin.column, what));
  }

  void read(const toml::table& table, std::string_view what, const Members& members) const {
    for (const auto& [key, value] : table) {
      const auto found = std::ranges::find(members, key.str(), &Members::value_type::first);
      if (found == members.end()) unknown(key, what, members);
      current_ = key.str();
      found->second(value);
    }
  }

  const toml::table& table(const toml::node& value, std::string_view what) const {
    if (!value.is_table()) fail(value.source(), std::format("`{}` must be a table", what));
    return *value.as_table();
  }

  Setter to(std::string& out) const {
    return [this, &out](const toml::node& value) { out = text(value); };
  }
  Setter to(bool& out) const {
    return [this, &out](const toml::node& value) { out = boolean(value); };
  }
  Setter to(std::optional<bool>& out) const {
    return [this, &out](const toml::node& value) { out = boolean(value); };
  }
  /// A number that is more than 0, or from 0.
  template <class T>
    requires(std::integral<T> || std::floating_point<T>)
  Setter to(T& out, bool may_be_zero) const {
    return [this, &out, may_be_zero](const toml::node& value) { out = number<T>(value, may_be_zero); };
  }
  template <class T>
    requires(std::integral<T> || std::floating_point<T>)
  Setter to(std::optional<T>& out) const {
    return [this, &out](const toml::node& value) { out = number<T>(value, false); };
  }
  Setter to(std::vector<std::string>& out) const {
    return [this, &out](const toml::node& value) {
      if (!value.is_array()) wrong(value, "a list of texts");
      for (const auto& each : *value.as_array()) out.push_back(text(each));
    };
  }

  std::string text(const toml::node& value) const {
    if (!value.is_string()) wrong(value, "a text");
    return value.as_string()->get();
  }
  /// A scalar as the text that a URI has for it.
  std::string scalar(const toml::node& value) const {
    if (value.is_string()) return value.as_string()->get();
    if (value.is_integer()) return std::to_string(value.as_integer()->get());
    if (value.is_floating_point()) return std::format("{}", value.as_floating_point()->get());
    if (value.is_boolean()) return value.as_boolean()->get() ? "true" : "false";
    wrong(value, "a text, a number, true or false");
  }
  [[noreturn]] void wrong(const toml::node& value, std::string_view wanted) const {
    fail(value.source(), std::format("`{}` must be {}", current_, wanted));
  }

 private:
  [[noreturn]] void unknown(const toml::key& key, std::string_view what, const Members& members) const {
    std::vector<std::string> names;
    for (const auto& [name, unused] : members) names.emplace_back(name);
    const auto near = text::nearest(key.str(), names);
    fail(key.source(), std::format("there is no `{}` in {}; {}", key.str(), what,
                                   near ? std::format("did you mean `{}`?", *near)
                                        : std::format("there is {}", text::enumerate(names, "`", "and"))));
  }

  bool boolean(const toml::node& value) const {
    if (!value.is_boolean()) wrong(value, "true or false");
    return value.as_boolean()->get();
  }

  template <class T>
  T number(const toml::node& value, bool may_be_zero) const {
    const std::string_view range = may_be_zero ? "from 0" : "above 0";
    if constexpr (std::floating_point<T>) {
      const auto out = value.value<double>();
      if (!value.is_number() || !out || !std::isfinite(*out) || *out < 0 || (*out == 0 && !may_be_zero))
        wrong(value, std::format("a number {}", range));
      return *out;
    } else {
      const auto out = value.is_integer() ? value.as_integer()->get() : -1;
      const auto most = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
      if (out < (may_be_zero ? 0 : 1) || static_cast<std::uint64_t>(out) > most)
        wrong(value, std::format("a whole number {}", range));
      return static_cast<T>(out);
    }
  }

  std::string_view source_;
  mutable std::string current_;
};

}  // namespace dspy
