#pragma once

#include "dspy/signature/prediction.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Collects the liberties taken with one field, each once.
class FlagList {
 public:
  explicit FlagList(std::vector<Flag>& flags, std::string_view field = {}) : flags_(flags), field_(field) {}

  void add(std::string_view liberty) {
    const auto same = [&](const Flag& flag) { return flag.field == field_ && flag.liberty == liberty; };
    if (std::none_of(flags_.begin(), flags_.end(), same)) {
      flags_.push_back({.field = std::string(field_), .liberty = std::string(liberty)});
    }
  }

 private:
  std::vector<Flag>& flags_;
  std::string_view field_;
};

}  // namespace dspy
