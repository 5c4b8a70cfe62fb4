#pragma once

#include "base/json/json_text.hpp"
#include "base/usage_counts.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"

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
    append_json_string(out_, text);
  }
  void operator()(std::string_view name, const std::string& text) { (*this)(name, std::string_view(text)); }
  void operator()(std::string_view name, bool flag) {
    key(name);
    out_ += flag ? "true" : "false";
  }
  template <std::integral T>
  void operator()(std::string_view name, T number) {
    key(name);
    append_integer(out_, number);
  }
  void operator()(std::string_view name, const Json& value) {
    key(name);
    append_text(out_, value);
  }
  void operator()(std::string_view name, const JsonObject& members) {
    key(name);
    append_text(out_, members);
  }
  void operator()(std::string_view name, const Usage& usage) {
    object(name, [&](TextWriter& member) {
      member("requests", usage.requests);
      for_each_count(usage, [&](std::string_view count, const Usage::Count& value) {
        if (value) member(count, *value);
      });
      if (usage.cost_nanodollars) member("cost_nanodollars", *usage.cost_nanodollars);
    });
  }
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
    const std::size_t comma = std::exchange(is_first_, false) ? 0 : 1;
    out_.resize_and_overwrite(out_.size() + comma + name.size() + 3, [&, at = out_.size()](char* to, std::size_t size) {
      to[at] = ',';
      to[at + comma] = '"';
      name.copy(to + at + comma + 1, name.size());
      to[size - 2] = '"';
      to[size - 1] = ':';
      return size;
    });
  }

  std::string& out_;
  bool is_first_ = true;
};

}  // namespace dspy
