#pragma once

#include "adapters/json/lenient_json.hpp"
#include "dspy/signature/prediction.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Notes the repairs made with one field, each once.
class Repairs {
 public:
  /// `field` is empty for what concerns the whole reply.
  Repairs(std::vector<Flag>& flags, std::string_view field) : flags_(flags), field_(field) {}

  void take(std::string_view repair) {
    const auto same = [&](const Flag& flag) { return flag.field == field_ && flag.repair == repair; };
    if (std::ranges::none_of(flags_, same)) flags_.push_back({std::string(field_), std::string(repair)});
  }
  void take(JsonRepairs repairs) {
    repairs.for_each([this](std::string_view repair) { take(repair); });
  }

  /// True if it was taken with the field, or with the whole reply.
  bool has(std::string_view repair) const {
    const auto same = [&](const Flag& flag) {
      return (flag.field == field_ || flag.field.empty()) && flag.repair == repair;
    };
    return std::ranges::any_of(flags_, same);
  }

  std::size_t mark() const noexcept { return flags_.size(); }
  /// Forgets what was taken since `mark`, for an attempt that failed.
  void forget(std::size_t mark) { flags_.resize(mark); }

  /// Takes off what was taken since `mark`, for `take` to put it back.
  std::vector<Flag> cut(std::size_t mark) {
    const auto first = flags_.begin() + static_cast<std::ptrdiff_t>(mark);
    std::vector<Flag> taken(std::make_move_iterator(first), std::make_move_iterator(flags_.end()));
    flags_.resize(mark);
    return taken;
  }
  void take(const std::vector<Flag>& taken) {
    for (const auto& flag : taken) take(flag.repair);
  }

 private:
  std::vector<Flag>& flags_;
  std::string_view field_;
};

}  // namespace dspy
