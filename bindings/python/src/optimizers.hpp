#pragma once

#include "dspy/optimize/better_together.hpp"
#include "errors.hpp"

#include <set>
#include <string>
#include <string_view>

namespace dspy::python {

/// What compiles, its options within.  Throws `Error` (`invalid_parameter`) for an option that the optimizer does not
/// have, and for a value that there is not.
AnyOptimizer optimizer(const std::string& name, nb::dict options);

/// Takes options by name, and refuses those that nobody took.
class Options {
 public:
  Options(std::string_view owner, nb::dict given) : owner_(owner), given_(std::move(given)) {}

  /// Sets `into` if the option is given.
  template <class T>
  void operator()(const char* name, T& into);
  void finish() const;

 private:
  std::string owner_;
  nb::dict given_;
  std::set<std::string> known_ = {};
};

}  // namespace dspy::python
