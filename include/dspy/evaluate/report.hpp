#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/evaluate/evaluate.hpp"
#include "dspy/programs/program.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// The examples of a part of the data, and how they went.
struct Slice {
  std::string name = {};
  std::size_t done = 0;
  std::size_t failures = 0;
  double score = 0;                       ///< In percent, exact.
  std::optional<Interval> interval = {};  ///< As of the whole; absent for fewer than two rows.
};

/// The rows parted by what `name_of` says of each, in the order in which the names first come.
std::vector<Slice> slices(const EvaluationResult& result,
                          const std::function<std::string(const EvaluatedRow& row)>& name_of);
/// By a value of the examples; those without it are `(none)`.
std::vector<Slice> slices(const EvaluationResult& result, std::string_view field);

/// An error that examples failed with.
struct FailureKind {
  std::string message = {};  ///< Of the first one of its kind.
  Errc code = {};
  std::size_t count = 0;
};

/// Why examples failed, the commonest first: errors of one code are one kind.
std::vector<FailureKind> failure_kinds(const EvaluationResult& result);

/// A few lines for a terminal: the score with its interval, failures and why, usage and time, and up to `rows` rows,
/// the worst first.
std::string to_table(const EvaluationResult& result, std::size_t rows = 0);

/// `{"metric", "score", "mean", "interval"?, "n", "done", "failures", "errors"?, "requests", "usage", "seconds",
/// "stopped"?, "rows"?}`; a row has its example, and an error `kind`, `count` and the first one's `message`.
JsonObject to_json(const EvaluationResult& result, bool with_rows = true);
/// Reads what `to_json` wrote with rows.  Throws `Error` (`config_error`) that names what is missing.
EvaluationResult evaluation_from_json(const JsonObject& written);

/// One line a row after a header (RFC 4180): the example's values, the outputs (with `pred_` before a name that both
/// have), score, feedback and error.
std::string to_csv(const EvaluationResult& result);

struct HtmlOptions {
  std::string title = "Evaluation";
  const Program* program = nullptr;  ///< Writes the prompts of rows that have traces.
  std::string slice_by = {};         ///< A field of the examples.
};

/// One page that needs nothing else: the score, a histogram, slices, and a table of all rows that can be sorted, with
/// each row's inputs, outputs, calls, prompts and replies.
std::string to_html(const EvaluationResult& result, const HtmlOptions& options = {});

}  // namespace dspy
