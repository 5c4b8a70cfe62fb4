#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <cstdint>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Reading an agent's file member by member.

namespace dspy::agent_file {

[[noreturn]] inline void refuse(const std::string& place, std::string_view complaint) {
  throw Error(Errc::config_error, std::format("the agent's file: `{}` {}", place, complaint));
}

/// An object whose members are taken one by one; what is left is a mistake.
class Members {
 public:
  Members(const Json& value, std::string place) : place_(std::move(place)) {
    if (!value.is_object()) refuse(place_.empty() ? "the whole" : place_, "must be an object");
    object_ = &value.get_object();
  }

  std::string at(std::string_view name) const {
    return place_.empty() ? std::string(name) : std::format("{}.{}", place_, name);
  }

  const Json* take(std::string_view name) {
    known_.emplace_back(name);
    return object_->if_contains(name);
  }
  std::string text(std::string_view name, std::optional<std::string> otherwise = {}) {
    const auto* const value = take(name);
    if (value == nullptr && otherwise) return *std::move(otherwise);
    if (value == nullptr) refuse(at(name), "is missing");
    if (!value->is_string()) refuse(at(name), "must be a text");
    return std::string(view(value->get_string()));
  }
  bool flag(std::string_view name) {
    const auto* const value = take(name);
    if (value != nullptr && !value->is_bool()) refuse(at(name), "must be true or false");
    return value != nullptr && value->get_bool();
  }
  std::optional<double> number(std::string_view name, double least) {
    const auto* const value = take(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number() || value->to_number<double>() < least)
      refuse(at(name), std::format("must be a number, at least {:g}", least));
    return value->to_number<double>();
  }
  std::optional<std::int64_t> whole(std::string_view name, std::int64_t least) {
    const auto* const value = take(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_int64() || value->get_int64() < least)
      refuse(at(name), std::format("must be a whole number, at least {}", least));
    return value->get_int64();
  }
  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> out;
    const auto* const value = take(name);
    if (value == nullptr) return out;
    if (!value->is_array()) refuse(at(name), "must be a list of texts");
    for (const auto& each : value->get_array()) {
      if (!each.is_string()) refuse(at(name), "must be a list of texts");
      out.emplace_back(view(each.get_string()));
    }
    return out;
  }
  void end() const {
    for (const auto& [key, value] : *object_) {
      if (std::ranges::contains(known_, std::string_view(key))) continue;
      const auto meant = text::nearest(key, known_);
      refuse(at(key), meant ? std::format("is not known; is `{}` meant?", *meant) : "is not known; take it out");
    }
  }

 private:
  std::string place_;
  const JsonObject* object_ = nullptr;
  std::vector<std::string> known_;
};

}  // namespace dspy::agent_file
