#pragma once

#include "dspy/evaluate/metric.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/sampling.hpp"
#include "dspy/optimize/option_names.hpp"
#include "lm.hpp"
#include "metric.hpp"
#include "optimizers.hpp"
#include "retrieve.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <concepts>
#include <filesystem>
#include <format>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// Values of Python as the types that options have.

namespace dspy::python {

/// What DSPy calls an instruction proposer: a function of `(candidate, reflective_dataset, components_to_update)`.
ProposeInstruction to_proposer(nb::handle function);
/// Optimizers by what a strategy calls them, from pairs of a name and options.
std::map<std::string, AnyOptimizer> to_optimizers(nb::handle stages);
std::vector<Sampling> to_samplings(nb::handle settings);

using OpenWeights = decltype(BootstrapFinetuneOptions::open);
/// A function of a predictor's name and a file, that gives an LM or a URI.
OpenWeights to_open(nb::handle function);

template <class T>
constexpr bool is_optional = false;
template <class T>
constexpr bool is_optional<std::optional<T>> = true;

template <class T>
T to_option(const char* name, nb::handle value) {
  if constexpr (is_optional<T>) {
    if (value.is_none()) return std::nullopt;
    return to_option<typename T::value_type>(name, value);
  } else if constexpr (std::same_as<T, Metric>) {
    return to_metric(value);
  } else if constexpr (std::same_as<T, std::shared_ptr<LM>>) {
    return to_lm(value);
  } else if constexpr (std::same_as<T, std::shared_ptr<Embedder>>) {
    return to_embedder(value);
  } else if constexpr (optimize::Enumerated<T>) {
    const auto given = nb::cast<std::string>(value);
    std::string all;
    for (const auto& [called, one] : optimize::values_of<T>()) {
      if (called == given) return one;
      all += std::format("{}{}", all.empty() ? "" : ", ", called);
    }
    throw Error(Errc::invalid_parameter, std::format("`{}` is not a value of `{}`; there are {}", given, name, all));
  } else if constexpr (std::same_as<T, ProposeInstruction>) {
    return to_proposer(value);
  } else if constexpr (std::same_as<T, OpenWeights>) {
    return to_open(value);
  } else if constexpr (std::same_as<T, std::map<std::string, AnyOptimizer>>) {
    return to_optimizers(value);
  } else if constexpr (std::same_as<T, std::vector<Sampling>>) {
    return to_samplings(value);
  } else if constexpr (std::same_as<T, std::filesystem::path>) {
    return nb::cast<std::string>(nb::str(value));
  } else if constexpr (requires { typename T::rep; }) {  // a time, in seconds
    return std::chrono::duration_cast<T>(std::chrono::duration<double>(nb::cast<double>(value)));
  } else {
    return nb::cast<T>(value);
  }
}

template <class T>
void Options::operator()(const char* name, T& into) {
  known_.insert(name);
  if (given_.contains(name)) into = to_option<T>(name, given_[name]);
}

}  // namespace dspy::python
