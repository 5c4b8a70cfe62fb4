#pragma once

#include "dspy/base/violation.hpp"
#include "dspy/signature/type.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace dspy {

/// What is wrong with a value that is being walked through, and where the walk is.
class Findings {
 public:
  /// Without a list nothing is noted, and the walk may stop at the first violation.
  explicit Findings(Violations* list) : list_(list) {}

  // While one lives, the walk is inside of that member or item.
  class Inside {
   public:
    ~Inside() { steps_.pop_back(); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    friend class Findings;
    using Step = std::variant<std::size_t, std::string_view>;
    Inside(std::vector<Step>& steps, Step step) : steps_(steps) { steps_.push_back(step); }
    std::vector<Step>& steps_;
  };
  Inside inside(std::string_view member) { return {steps_, member}; }
  Inside inside(std::size_t item) { return {steps_, item}; }

  /// Notes a violation.  Returns false, for the caller to pass on.
  bool broken(std::string_view rule, const Json& value, std::string message);
  /// The violation of a value that has another JSON kind.
  bool is_not(const Json& value, std::string_view wanted);

  bool are_noted() const noexcept { return list_ != nullptr; }
  /// True if another violation would still be noted.
  bool want_more() const noexcept { return are_noted() && list_->size() < most; }

  /// A value was written in a different form than the declared one.
  void respelled() noexcept { changed_ = true; }

  /// Calls `attempt` with nothing noted.  True if it returned true; `as_it_stands` says whether
  /// nothing was respelled.
  template <class F>
  bool try_quietly(F&& attempt, bool& as_it_stands) {
    auto* const list = std::exchange(list_, nullptr);
    const bool changed = std::exchange(changed_, false);
    const bool succeeded = attempt();
    as_it_stands = !changed_;
    changed_ = changed;
    list_ = list;
    return succeeded;
  }

 private:
  static constexpr std::size_t most = 20;

  Violations* list_;
  std::vector<Inside::Step> steps_;
  bool changed_ = false;
};

/// Checks a value against a type without parts: text, numbers, booleans, choices, times, bytes.
bool fit_scalar(const Type& type, Json& value, Findings& findings);

/// Checks a key of an object against the type of a dictionary's keys: text, integer or choice.
bool fit_key(const Type& type, std::string_view key, Findings& findings);

/// Checks a value of the right type against the type's limits.
bool keeps_limits(const Type& type, const Json& value, Findings& findings);

}  // namespace dspy
