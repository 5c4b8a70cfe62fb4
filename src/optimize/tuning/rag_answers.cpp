#include "dspy/base/concurrent.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/evaluate/metrics/text.hpp"
#include "dspy/optimize/tuning/rag_tuning.hpp"
#include "dspy/retrieve/search/citations.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {
namespace {

/// Without `[1]`, `[1, 3]` and their like.
std::string without_marks(std::string_view answer) {
  constexpr std::string_view inside = "0123456789, ";
  std::string out;
  for (std::size_t at = 0; at < answer.size(); ++at) {
    const auto close = answer[at] == '[' ? answer.find_first_not_of(inside, at + 1) : std::string_view::npos;
    if (close != std::string_view::npos && answer[close] == ']' && close > at + 1) {
      at = close;
    } else {
      out += answer[at];
    }
  }
  return out;
}

/// All of them outlive the call.
Async<void> score_one(const Rag& program, const RagQuestion& question, RagScore& score) {
  const auto answered = co_await program.run(question.question, {});
  score = score_hits(question, answered.hits);
  score.answer = metrics::f1_score(without_marks(answered.answer), question.answer);
  score.grounded = check_citations(answered.answer, answered.hits).is_supported ? 1 : 0;
}

}  // namespace

std::vector<RagScore> score_answers(const Rag& program, const std::vector<RagQuestion>& questions,
                                    std::size_t concurrency) {
  for (std::size_t i = 0; i < questions.size(); ++i)
    if (questions[i].answer.empty())
      throw Error(Errc::bad_input,
                  std::format("question {} has no `answer` to compare with: `{}`", i + 1, questions[i].question));
  std::vector<RagScore> out(questions.size());
  wait(run_concurrently(questions.size(), std::max<std::size_t>(concurrency, 1),
                        [&](std::size_t i) { return score_one(program, questions[i], out[i]); }));
  return out;
}

}  // namespace dspy
