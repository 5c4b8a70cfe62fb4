#pragma once

#include "dspy/optimize/gepa.hpp"
#include "dspy/optimize/kernel/python_random.hpp"
#include "dspy/optimize/kernel/search.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace dspy::optimize {

/// A program that is to be changed, and what becomes of it.
struct Attempt {
  std::size_t parent = 0;
  std::vector<std::size_t> rows;
  Program program;
  JsonObject entry;
  std::vector<Outcome> outcomes = {};
  std::vector<double> before = {}, after = {};
  std::vector<std::string> child = {};
  std::vector<std::size_t> components = {};  ///< Whose instructions are to be changed; empty: none.
  JsonArray changed = {};
};

/// Has better instructions written from what a program did and what the metric said of it.
class Reflecting {
 public:
  /// All references outlive it.
  Reflecting(Search& search, const GepaOptions& options, const Program& student, const std::vector<std::string>& paths,
             const std::vector<Example>& train)
      : search_(search), options_(options), student_(student), paths_(paths), train_(train) {}

  /// Whether there is something to be learnt from the parent's runs; says in `entry` why not.
  bool is_instructive(Attempt& attempt) const;
  /// Changes the components of all attempts, whose instructions are written in one stream of calls.
  void propose(std::vector<Attempt>& attempts);

 private:
  Reflection reflection_on(std::size_t component, const Attempt& attempt);
  void add_example(Reflection& reflection, const Outcome& outcome, std::size_t row);
  std::vector<std::string> written_for(const std::vector<Reflection>& reflections);

  Search& search_;
  const GepaOptions& options_;
  const Program& student_;
  const std::vector<std::string>& paths_;
  const std::vector<Example>& train_;
  PythonRandom traces_{0};
  std::uint64_t proposals_ = 0;
};

}  // namespace dspy::optimize
