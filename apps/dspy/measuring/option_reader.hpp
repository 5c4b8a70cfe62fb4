#pragma once

#include "dspy/evaluate/metric.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/sampling.hpp"
#include "dspy/optimize/option_names.hpp"

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::app {

using OpenWeights = decltype(BootstrapFinetuneOptions::open);

// Texts as the types that options have.  Each throws `Error` (`bad_input`) that names the option.

double number_of(std::string_view name, const std::string& text);
std::int64_t whole_number_of(std::string_view name, const std::string& text);
bool flag_of(std::string_view name, const std::string& text);
/// A JSON array of texts, or one text.
std::vector<std::string> texts_of(std::string_view name, const std::string& text);
std::vector<std::int64_t> whole_numbers_of(std::string_view name, const std::string& text);
/// A JSON array of objects such as `{"temperature": 0}`.
std::vector<Sampling> samplings_of(std::string_view name, const std::string& text);
/// A model with `{weights}` (and `{name}`) in its name.
OpenWeights opener_of(std::string_view name, const std::string& text);
std::shared_ptr<LM> model_of(const std::string& text);
[[noreturn]] void refuse_value(std::string_view name, std::string_view text, std::string_view wanted);

/// `NAME=VALUE` each.  Throws `Error` (`bad_input`) for one without a name or a `=`.
std::map<std::string, std::string> named_options(const std::vector<std::string>& options);

/// Code, and what has a flag of its own.
template <class T>
concept NotText = std::same_as<T, Metric> || std::same_as<T, ProposeInstruction> ||
                  std::same_as<T, std::map<std::string, AnyOptimizer>>;

template <class T>
constexpr bool is_optional = false;
template <class T>
constexpr bool is_optional<std::optional<T>> = true;

template <class T>
T option_of(std::string_view name, const std::string& text) {
  if constexpr (is_optional<T>) {
    if (text == "none") return std::nullopt;
    return option_of<typename T::value_type>(name, text);
  } else if constexpr (std::same_as<T, bool>) {
    return flag_of(name, text);
  } else if constexpr (std::integral<T>) {
    const auto number = whole_number_of(name, text);
    if (!std::in_range<T>(number)) refuse_value(name, text, std::unsigned_integral<T> ? "0 or more" : "a smaller one");
    return static_cast<T>(number);
  } else if constexpr (std::floating_point<T>) {
    return number_of(name, text);
  } else if constexpr (optimize::Enumerated<T>) {
    std::string all;
    for (const auto& [called, value] : optimize::values_of<T>()) {
      if (called == text) return value;
      all.append(all.empty() ? "" : ", ").append(called);
    }
    refuse_value(name, text, "one of " + all);
  } else if constexpr (std::same_as<T, std::vector<std::string>>) {
    return texts_of(name, text);
  } else if constexpr (std::same_as<T, std::vector<std::int64_t>>) {
    return whole_numbers_of(name, text);
  } else if constexpr (std::same_as<T, std::vector<Sampling>>) {
    return samplings_of(name, text);
  } else if constexpr (std::same_as<T, std::shared_ptr<LM>>) {
    return model_of(text);
  } else if constexpr (std::same_as<T, std::shared_ptr<Embedder>>) {
    return embedder(text);
  } else if constexpr (std::same_as<T, OpenWeights>) {
    return opener_of(name, text);
  } else if constexpr (requires { typename T::rep; }) {
    return T(whole_number_of(name, text));
  } else {
    return T(text);
  }
}

/// Options of an optimizer as texts by name, for `optimize::for_each_option`.
class OptionReader {
 public:
  OptionReader(std::string optimizer, std::map<std::string, std::string> given)
      : optimizer_(std::move(optimizer)), left_(std::move(given)) {}

  template <class T>
  void operator()(const char* name, T& into) {
    if constexpr (!NotText<T>) {
      known_.emplace_back(name);
      if (const auto given = left_.extract(name)) into = option_of<T>(name, given.mapped());
    }
  }
  /// Throws `Error` (`bad_input`) for an option that nobody took, with those that there are.
  void finish() const;

 private:
  std::string optimizer_;
  std::map<std::string, std::string> left_;
  std::vector<std::string> known_ = {};
};

}  // namespace dspy::app
