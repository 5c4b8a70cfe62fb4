#pragma once

#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Two ways to write the same members, so that what a record holds is said once.

namespace dspy {

/// Members as JSON.
class ObjectWriter {
 public:
  explicit ObjectWriter(JsonObject& out) noexcept : out_(out) {}

  template <class T>
  void operator()(std::string_view name, const T& value) {
    out_[name] = value;
  }
  void operator()(std::string_view name, const Usage& usage) { out_[name] = to_json(usage); }
  template <class Write>
  void object(std::string_view name, const Write& write) {
    JsonObject inner;
    ObjectWriter member(inner);
    write(member);
    out_[name] = std::move(inner);
  }
  template <class T, class Write>
  void list(std::string_view name, const std::vector<T>& items, const Write& write) {
    JsonArray all;
    for (const auto& item : items) {
      JsonObject inner;
      ObjectWriter member(inner);
      write(member, item);
      all.push_back(std::move(inner));
    }
    out_[name] = std::move(all);
  }

 private:
  JsonObject& out_;
};

/// The text of the same JSON, without making it first.  Names are written as they are.
class TextWriter {
 public:
  explicit TextWriter(std::string& out) noexcept : out_(out) {}

  void operator()(std::string_view name, std::string_view text) {
    key(name);
    quote(text);
  }
  void operator()(std::string_view name, const std::string& text) { (*this)(name, std::string_view(text)); }
  void operator()(std::string_view name, bool flag) {
    key(name);
    out_ += flag ? "true" : "false";
  }
  template <std::integral T>
  void operator()(std::string_view name, T number) {
    key(name);
    append_number(number);
  }
  void operator()(std::string_view name, const Json& value) {
    key(name);
    append_text(out_, value);
  }
  void operator()(std::string_view name, const JsonObject& members) { (*this)(name, Json(members)); }
  void operator()(std::string_view name, const Usage& usage) { (*this)(name, Json(to_json(usage))); }
  template <class Write>
  void object(std::string_view name, const Write& write) {
    key(name);
    inside(write);
  }
  template <class T, class Write>
  void list(std::string_view name, const std::vector<T>& items, const Write& write) {
    key(name);
    out_ += '[';
    bool is_first = true;
    for (const auto& item : items) {
      if (!std::exchange(is_first, false)) out_ += ',';
      inside([&](TextWriter& member) { write(member, item); });
    }
    out_ += ']';
  }

 private:
  template <class Write>
  void inside(const Write& write) {
    out_ += '{';
    TextWriter member(out_);
    write(member);
    out_ += '}';
  }
  void key(std::string_view name) {
    out_.append(std::exchange(is_first_, false) ? "\"" : ",\"").append(name).append("\":");
  }
  void quote(std::string_view text) {
    const bool is_plain = std::ranges::none_of(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; });
    if (!is_plain) return append_text(out_, Json(text));
    out_.append("\"").append(text).append("\"");
  }
  template <std::integral T>
  void append_number(T number) {
    std::array<char, 24> digits;
    const auto* const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out_.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
  }

  std::string& out_;
  bool is_first_ = true;
};

}  // namespace dspy
