#pragma once

#include "dspy/optimize/mipro_v2.hpp"
#include "dspy/optimize/optimizer.hpp"
#include "errors.hpp"
#include "lm.hpp"
#include "metric.hpp"
#include "retrieve.hpp"

#include <concepts>
#include <format>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::python {

/// A value of Python as an option's type.
template <class T>
T option_of(nb::handle value) {
  if constexpr (std::same_as<T, Metric>) {
    return to_metric(value);
  } else if constexpr (std::same_as<T, std::shared_ptr<LM>>) {
    return to_lm(value);
  } else if constexpr (std::same_as<T, std::shared_ptr<Embedder>>) {
    return to_embedder(value);
  } else if constexpr (std::same_as<T, Effort>) {
    const auto name = nb::cast<std::string>(value);
    for (const auto effort : {Effort::light, Effort::medium, Effort::heavy}) {
      if (to_string(effort) == name) return effort;
    }
    throw Error(Errc::invalid_parameter, std::format("`{}` is not an effort; there are light, medium and heavy", name));
  } else {
    return nb::cast<T>(value);
  }
}

/// Takes an optimizer's options by name, and refuses those that nobody took.
class Options {
 public:
  Options(std::string_view optimizer, nb::dict given) : optimizer_(optimizer), given_(std::move(given)) {}

  template <class T>
  Options& take(const char* name, T& into) {
    known_.insert(name);
    if (given_.contains(name)) into = option_of<T>(given_[name]);
    return *this;
  }
  template <class T>
  Options& take(const char* name, std::optional<T>& into) {
    known_.insert(name);
    if (!given_.contains(name)) return *this;
    const nb::object value = given_[name];
    if (value.is_none()) {
      into.reset();
    } else {
      into = option_of<T>(value);
    }
    return *this;
  }
  void finish() const {
    for (const auto& [key, value] : given_) {
      const auto name = nb::cast<std::string>(key);
      if (known_.contains(name)) continue;
      std::string all;
      for (const auto& one : known_) all += (all.empty() ? "" : ", ") + one;
      throw Error(Errc::invalid_parameter, std::format("{} has no option `{}`; it has {}", optimizer_, name, all));
    }
  }

 private:
  std::string optimizer_;
  nb::dict given_;
  std::set<std::string> known_;
};

/// What compiles, its options within.
using Compile = std::function<Optimized(const Program& student, const Training& training)>;

/// Throws `Error` (`invalid_parameter`) for an option that the optimizer does not have.
Compile optimizer(const std::string& name, nb::dict options);

}  // namespace dspy::python
