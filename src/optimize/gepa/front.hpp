#pragma once

#include "dspy/base/json.hpp"
#include "dspy/optimize/gepa.hpp"
#include "dspy/optimize/kernel/python_random.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::optimize {

std::string_view to_string(GepaOptions::Frontier frontier) noexcept;

/// The programs that are the best at something: at a validation example, at an aim, or at an aim on an example.
class ParetoFront {
 public:
  using Aims = std::map<std::string, double>;

  /// `failure_score` is that of each aim on an example that failed.
  explicit ParetoFront(GepaOptions::Frontier kind = GepaOptions::Frontier::instance, double failure_score = 0)
      : kind_(kind), failure_score_(failure_score) {}

  /// Programs come in the order of their numbers, from 0.  Throws `Error` (`config_error`) if aims are needed, and the
  /// metric gave none though it scored an example.
  void add(const std::vector<double>& row_scores, std::span<const std::optional<Aims>> row_aims = {});

  /// The programs that are the best, for each thing that counts.
  std::vector<std::set<std::size_t>> fronts() const;
  /// Means, by program.
  const std::vector<double>& means() const noexcept { return means_; }
  /// The fronts without programs that others make superfluous: on each front of theirs, another one is as good.
  std::vector<std::set<std::size_t>> without_dominated() const;
  /// The programs on those fronts.
  std::vector<std::size_t> dominators() const;
  /// One of them, as likely as the number of fronts that it is on.
  std::size_t draw(PythonRandom& random) const;
  std::size_t best() const;

  /// For a report: the fronts by example, and what is known of the aims.
  void tell(JsonObject& details) const;

 private:
  /// Who is the best at one thing.
  struct Best {
    std::string aim = {};  ///< Empty for an example's score.
    std::size_t row = 0;
    double score = 0;
    std::set<std::size_t> programs = {};
  };

  void add_aims(std::size_t program, std::span<const std::optional<Aims>> row_aims);
  static void offer(std::vector<Best>& all, const std::string& aim, std::size_t row, double score, std::size_t program);

  GepaOptions::Frontier kind_;
  double failure_score_;
  std::vector<Best> by_row_;
  std::vector<Best> by_aim_;
  std::vector<Best> by_cell_;  ///< An aim on an example.
  std::vector<double> means_;
  std::vector<Aims> aims_;  ///< Means, by program.
};

/// Training examples in shuffled epochs; an epoch that minibatches do not divide is filled up with its last ones.
class EpochSampler {
 public:
  EpochSampler(std::size_t examples, std::size_t size, PythonRandom& random)
      : examples_(examples), size_(size), random_(random) {}
  /// The minibatch of that iteration, from 0.
  std::vector<std::size_t> minibatch(std::size_t iteration);

 private:
  void begin_epoch();

  std::size_t examples_;
  std::size_t size_;
  PythonRandom& random_;
  std::vector<std::size_t> order_;
  std::size_t epoch_ = 0;
};

}  // namespace dspy::optimize
