// KNNFewShot, against what Python DSPy 3.4.1 did.

#include "dspy/optimize/knn_few_shot.hpp"

#include "dspy/base/error.hpp"
#include "worlds.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

/// Component j counts the characters whose code is j modulo the number of components.
class LetterCounts final : public Embedder {
 public:
  explicit LetterCounts(std::size_t dimensions) : dimensions_(dimensions) {}
  std::string_view model() const noexcept override { return "letters"; }
  std::size_t dimensions() const noexcept override { return dimensions_; }
  Async<Embeddings> embed(EmbedRequest request) override {
    Embeddings out;
    for (const auto& text : request.texts) {
      auto& vector = out.vectors.emplace_back(dimensions_, 0.0F);
      for (const char c : text) vector[static_cast<unsigned char>(c) % dimensions_] += 1;
    }
    return now(std::move(out));
  }

 private:
  static Async<Embeddings> now(Embeddings embeddings) { co_return embeddings; }
  std::size_t dimensions_;
};

/// The questions of a request, the shown ones first.
std::vector<std::string> questions_in(const Request& request) {
  std::vector<std::string> out;
  for (const auto& message : request.messages) {
    if (message.role != Role::user) continue;
    const auto said = test::text_of(message);
    const auto at = said.find("Question: ");
    if (at == std::string::npos) continue;
    out.push_back(said.substr(at + 10, said.find('\n', at) - at - 10));
  }
  return out;
}

}  // namespace

TEST_CASE("KNNFewShot shows the demonstrations that Python DSPy's shows, in its order") {
  std::size_t compared = 0;
  for (const auto& row : test::rows_of("knn")) {
    if (!row.contains("what")) continue;
    CAPTURE(test::text(row.at("id")));
    std::vector<Example> train;
    std::map<std::string, std::size_t> numbers;
    for (const auto& each : row.at("train").as_array()) {
      numbers[test::text(each.at("question"))] = train.size();
      train.emplace_back(each.as_object(), std::vector<std::string>{"question"});
    }
    std::vector<std::size_t> right;
    for (const auto& each : row.at("right").as_array()) right.push_back(test::number(each));
    std::vector<std::size_t> shown;
    const auto lm = std::make_shared<ScriptedLM>([&](const Request& request) -> std::string {
      auto questions = questions_in(request);
      const auto asked = numbers.find(questions.back());
      questions.pop_back();
      shown.clear();
      for (const auto& question : questions) shown.push_back(numbers.at(question));
      const auto is_right = asked != numbers.end() && std::ranges::contains(right, asked->second);
      return is_right ? "Answer: a" + std::to_string(asked->second) : "Answer: wrong";
    });
    const auto optimized =
        KnnFewShot({.k = test::number(row.at("k")),
                    .embedder = std::make_shared<LetterCounts>(test::number(row.at("dim"))),
                    .bootstrap = {.metric = test::exact_match(),
                                  .max_bootstrapped_demos = test::number(row.at("max_bootstrapped_demos")),
                                  .max_labeled_demos = test::number(row.at("max_labeled_demos"))}})
            .compile(with_lm(Program(test::One()), lm), {.trainset = train});
    optimized.program(row.at("query").as_object());
    std::vector<std::size_t> expected;
    for (const auto& each : row.at("shown").as_array()) expected.push_back(test::number(each));
    CHECK(shown == expected);
    ++compared;
  }
  CHECK(compared == 12);
}
