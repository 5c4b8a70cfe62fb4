#pragma once

#include "dspy/evaluate/metric.hpp"

#include <span>
#include <string>
#include <string_view>

// Metrics that compare texts: DSPy's, with its results.  Texts are compared after `normalize_text`.

namespace dspy::metrics {

/// NFD, lower case, without ASCII punctuation and the words a, an and the, and with single blanks.
std::string normalize_text(std::string_view text);

bool em_score(std::string_view prediction, std::string_view reference);
/// F1 over the words with multiplicity; 0 if both are empty, as in SQuAD 1.1.
double f1_score(std::string_view prediction, std::string_view reference);
/// `f1_score`, but 0 if one of both is `yes`, `no` or `noanswer` and they differ.
double hotpot_f1_score(std::string_view prediction, std::string_view reference);
/// The share of the prediction's words that the reference has.
double precision_score(std::string_view prediction, std::string_view reference);

/// The best over several references.  Throws `Error` (`bad_input`) if there is none.
bool em(std::string_view prediction, std::span<const std::string> references);
double f1(std::string_view prediction, std::span<const std::string> references);
double hotpot_f1(std::string_view prediction, std::span<const std::string> references);

/// The words of one of the answers follow each other in the passage, both normalized and taken apart as DPR does.  An
/// answer without words is in any passage.
bool has_answer(std::span<const std::string> answers, std::string_view passage);

/// The harmonic mean of both, clipped to 0 to 1 before; 0 if both are 0.
double harmonic_f1(double precision, double recall);

// Metrics for `Evaluate`.  `answer` names the example's value (a text or a list of texts, any of which will do) and the
// prediction's; they throw `Error` (`bad_input`) for values that are neither.

/// DSPy's `answer_exact_match`: equal, or with `share` below 1 an F1 of at least that.
Metric exact_match(std::string answer = "answer", double share = 1);
Metric f1(std::string answer = "answer");
Metric hotpot_f1(std::string answer = "answer");
/// DSPy's `answer_passage_match`: one of the prediction's passages has the example's answer.
Metric passage_match(std::string answer = "answer", std::string passages = "context");
/// The values are the same, of whatever type: labels, numbers (1 and 1.0 too), lists, objects.
Metric equal(std::string field = "answer");

}  // namespace dspy::metrics
