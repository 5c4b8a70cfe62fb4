#pragma once

#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/programs/program.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::optimize {

/// Something that a search did, as it happens.
struct Event {
  enum class Kind {
    candidate,  ///< A program was made.
    minibatch,  ///< It was measured on a part of the examples,
    evaluated,  ///< or on all of them.
    proposed,   ///< A model wrote an instruction, rules, advice.
    note,       ///< `text` says what; such as a proposal that could not be read.
  };

  Kind kind = Kind::note;
  std::size_t candidate = 0;
  std::optional<double> score = {};  ///< Of what was measured.
  std::optional<double> best = {};   ///< Of all candidates measured in full so far.
  std::string text = {};
  Usage used = {};  ///< So far.
  std::uint64_t rollouts = 0;
  double seconds = 0;
};

std::string_view to_string(Event::Kind kind) noexcept;
/// `412 calls · 18400 tokens · best 81.2 % · evaluated #7: 78.1 % (demonstrations of seed 3)`.
std::string to_line(const Event& event);

/// A program that was tried.
struct CandidateReport {
  std::string origin = {};  ///< How it was made, in words.
  std::vector<std::size_t> parents = {};
  JsonObject prompts = {};              ///< Instructions and demonstrations by predictor.
  std::size_t prompt_size = 0;          ///< In bytes.
  std::optional<double> score = {};     ///< The mean over all examples; absent if it was not measured in full.
  std::optional<double> value = {};     ///< The score without the price of a run, if runs have one.
  std::optional<double> tokens = {};    ///< Of a run, on average, if it was measured and they are known.
  std::optional<double> seconds = {};   ///< The same.
  std::vector<double> row_scores = {};  ///< By example, if it was.
  std::vector<double> minibatch_scores = {};
};

/// What the best score was once so much was used.
struct CurvePoint {
  std::uint64_t requests = 0;
  std::uint64_t tokens = 0;
  double seconds = 0;
  double best = 0;
};

/// What an optimizer tried, and its cost.
struct Report {
  std::string optimizer = {};
  JsonObject options = {};
  std::string metric = {};
  std::vector<CandidateReport> candidates = {};
  std::optional<std::size_t> chosen = {};  ///< Which of them was returned.
  std::size_t examples = 0;                ///< On how many the scores are.
  std::vector<CurvePoint> curve = {};
  Usage usage = {};                     ///< Of all requests, those that a checkpoint answered too.
  std::uint64_t rollouts = 0;           ///< Runs of programs on examples,
  std::uint64_t cached_rollouts = 0;    ///< and those that were known, from this run or the checkpoint.
  std::uint64_t replayed_requests = 0;  ///< Requests that the checkpoint answered.
  std::uint64_t retries = 0;            ///< Requests made again as the model could not be reached.
  double seconds = 0;
  std::string stopped = {};  ///< Why the search ended before it was done; empty if it was.
  std::vector<std::string> notes = {};
  JsonObject details = {};  ///< Details specific to the optimizer.

  /// Score of the candidate that was returned.
  std::optional<double> score() const;
};

JsonObject to_json(const Report& report);
/// One self-contained page: the candidates, the best score over the cost, the prompts.
std::string to_html(const Report& report);

/// What an optimizer returns.
struct Optimized {
  Program program;
  Report report;
};

}  // namespace dspy::optimize
