#include "dspy/optimize/tuning/rag_tuning.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/retrieve/documents/chunk.hpp"
#include "dspy/retrieve/memory_store.hpp"
#include "dspy/retrieve/passage.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <filesystem>
#include <format>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;
using doctest::Approx;

namespace {

Hit hit(std::string source, std::string text) {
  return {.passage = {.id = source + text, .text = std::move(text), .source = std::move(source)}};
}

/// Long documents, each of many subjects: small chunks find what is asked for, large ones are all alike.
struct Corpus {
  std::filesystem::path folder = std::filesystem::temp_directory_path() / "dspy-tuning-test";
  std::vector<RagQuestion> questions;

  Corpus() {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    for (int file = 0; file < 4; ++file) {
      std::ofstream out(folder / std::format("{}.txt", file));
      for (int subject = 0; subject < 10; ++subject) {
        const auto name = std::format("subject{}x{}", file, subject);
        out << std::format("The {} is kept in drawer {} of the cabinet.\n\n", name, 100 * file + subject);
        for (int filler = 0; filler < 6; ++filler)
          out << "Nothing of note happens here, and the cabinet stands still.\n";
        out << '\n';
        questions.push_back(
            {.question = std::format("Where is {}?", name),
             .evidence = {{.source = std::format("{}.txt", file), .quote = std::format("The {} is kept", name)}}});
      }
    }
  }
  ~Corpus() { std::filesystem::remove_all(folder); }
};

/// Answers with the drawer that the first passage names, and cites it only where the prompt says `Cite`.
std::shared_ptr<LM> clerk() {
  auto model = std::make_shared<ScriptedLM>([](const Request& request) -> std::string {
    std::string all;
    for (const auto& message : request.messages) all += message.text();
    const auto& prompt = request.messages.back().text();
    const auto at = prompt.find("[1] ");
    const auto sentence = prompt.substr(at + 4, prompt.find(".", at) - at - 4);
    return std::format("Answer: {} {}.", sentence, all.contains("Cite") ? "[1]" : "[9]");
  });
  model->remember(false);
  return model;
}

}  // namespace

TEST_CASE("Hits are scored by the evidence that they have") {
  const RagQuestion question{
      .question = "q", .evidence = {{.source = "a.md", .quote = "x  y"}, {.source = "dir/b.md"}, {.quote = "never"}}};
  const auto score =
      score_hits(question, {hit("other/ba.md", "x y"), hit("docs/a.md", "w x\ny z"), hit("dir/b.md", "t")});
  CHECK(score.reciprocal_rank == Approx(0.5));
  CHECK(score.recall == Approx(2.0 / 3));
  CHECK(score.precision == Approx(2.0 / 3));
  CHECK(score_hits(question, {}) == RagScore{});
}

TEST_CASE("Questions are read from JSONL, and mistakes named by their line") {
  const auto path = std::filesystem::temp_directory_path() / "dspy-rag-questions.jsonl";
  const auto write = [&](std::string_view text) { std::ofstream(path) << text; };
  write(
      "{\"question\": \"a\", \"source\": \"s\"}\n\n{\"question\": \"b\", \"evidence\": [{\"quote\": \"x\"}, "
      "{\"source\": \"y\"}]}\n");
  const auto found = read_rag_questions(path);
  REQUIRE(found.size() == 2);
  CHECK(found[1].evidence.size() == 2);
  for (const auto* const bad : {"{\"question\": \"a\"}", "{\"question\": \"a\", \"source\": \"s\", \"answer\": 3}",
                                "{\"source\": \"a\"}", "[]", "{\"question\": \"a\", \"evidence\": []}"}) {
    write(bad);
    CHECK_THROWS_AS(read_rag_questions(path), Error);
  }
  std::filesystem::remove(path);
}

TEST_CASE("A grid finds the setting that finds most, and held-out questions confirm it") {
  const Corpus corpus;
  RagTuningOptions options{.space = {.tokens = {60}, .ks = {3, 1}, .hybrids = {false}}, .aim = RagAim::precision};
  options.journal = corpus.folder.string() + ".trials";
  std::filesystem::remove(options.journal);
  std::size_t told = 0;
  options.progress = [&](std::size_t done, std::size_t total, const RagSetting&, double) {
    CHECK(done <= total);
    ++told;
  };

  const auto tuning = tune_rag(corpus.folder, corpus.questions, options);

  CHECK(told == 2);
  REQUIRE(tuning.trials.size() == 2);
  CHECK(tuning.best.k == 1);
  CHECK(tuning.trials[0].score >= tuning.trials[1].score);
  CHECK(tuning.trials[0].passages == tuning.trials[1].passages);
  REQUIRE(tuning.held_out);
  CHECK(tuning.held_out->difference > 0);
  CHECK(tuning.held_out->p_value < 0.01);
  CHECK(tuning.held_out_questions == 12);
  CHECK(to_table(tuning).contains("60 tokens, overlap 0.1, k 1"));
  CHECK(to_html(tuning).contains("All settings"));
  CHECK(to_json(tuning).at("trials").as_array().size() == 2);
  CHECK(rag_setting_from_json(to_json(tuning.best)) == tuning.best);

  const auto again = tune_rag(corpus.folder, corpus.questions, options);
  CHECK(again.trials[0].was_resumed);
  CHECK(again.trials[0].score == tuning.trials[0].score);
  std::ofstream(corpus.folder / "0.txt") << "changed";
  CHECK_THROWS_AS(tune_rag(corpus.folder, corpus.questions, options), Error);
  std::filesystem::remove(options.journal);
}

TEST_CASE("An estimator tries as many settings as it may, the first one first") {
  const Corpus corpus;
  const auto tuning = tune_rag(corpus.folder, corpus.questions,
                               {.space = {.methods = {ChunkMethod::recursive, ChunkMethod::sentences},
                                          .tokens = {500, 60, 120},
                                          .ks = {1, 3},
                                          .hybrids = {false}},
                                .trials = 6,
                                .seed = 3,
                                .held_out = 0});
  CHECK(tuning.trials.size() <= 6);
  CHECK(tuning.first == RagSetting{.method = ChunkMethod::recursive, .tokens = 500, .k = 1});
  CHECK_FALSE(tuning.held_out);
}

TEST_CASE("What cannot be tuned is refused") {
  const Corpus corpus;
  CHECK_THROWS_AS(tune_rag(corpus.folder, {}, {}), Error);
  CHECK_THROWS_AS(tune_rag(corpus.folder, corpus.questions, {.space = {.tokens = {}}}), Error);
  CHECK_THROWS_AS(tune_rag(corpus.folder, corpus.questions, {.held_out = 1}), Error);
  CHECK_THROWS_AS(tune_rag(corpus.folder, corpus.questions, {.space = {.reranks = {true}}}), Error);
  CHECK_THROWS_AS(rag_setting_from_json({{"method", "fixed"}}), Error);
}

TEST_CASE("Answers are measured by their words, without marks, and by what supports them") {
  auto store = std::make_shared<MemoryStore>();
  wait(store->upsert({{.id = "a", .text = "Nora lives in Lima."}}));
  const auto answers = [&](std::string text) {
    const Rag rag{.search = Retriever(store, {.k = 1}),
                  .answer = Predict(Rag::instructions(),
                                    {.lm = std::make_shared<ScriptedLM>([text](const Request&) { return text; })})};
    return score_answers(rag, {{.question = "Where does Nora live?",
                                .evidence = {{.quote = "Nora lives"}},
                                .answer = "Nora lives in Lima"}})
        .at(0);
  };
  const auto good = answers("Answer: Nora lives in Lima [1].");
  CHECK(good.answer == Approx(1));
  CHECK(good.grounded == 1);
  CHECK(good.recall == 1);
  CHECK(answers("Answer: Nora lives in Lima [1, 2][3].").answer == Approx(1));
  CHECK(answers("Answer: Nora lives in Lima [7].").grounded == 0);
  const auto wrong = answers("Answer: Tom owns seven elephants [1].");
  CHECK(wrong.answer == 0);
  CHECK(wrong.grounded == 0);
  const Rag rag{.search = Retriever(store, {.k = 1})};
  CHECK_THROWS_WITH_AS(score_answers(rag, {{.question = "Who?"}}), "question 1 has no `answer` to compare with: `Who?`",
                       Error);
}

TEST_CASE("Prompts are tuned by the answers that come of them") {
  Corpus corpus;
  for (std::size_t i = 0; i < corpus.questions.size(); ++i)
    corpus.questions[i].answer = std::format("kept in drawer {}", 100 * (i / 10) + i % 10);
  RagTuningOptions options{.space = {.tokens = {60}, .ks = {1}, .hybrids = {false}, .prompts = {"", "Cite <it>."}},
                           .aim = RagAim::grounded,
                           .answer = {.lm = clerk()}};
  const auto tuning = tune_rag(corpus.folder, corpus.questions, options);
  REQUIRE(tuning.trials.size() == 2);
  CHECK(tuning.best.prompt == "Cite <it>.");
  CHECK(tuning.trials[0].score == Approx(1));
  CHECK(tuning.trials[1].score == 0);
  REQUIRE(tuning.held_out);
  CHECK(tuning.held_out->p_value < 0.01);
  CHECK(to_table(tuning).contains("prompt \"Cite <it>.\""));
  CHECK(to_html(tuning).contains("prompt &quot;Cite &lt;it&gt;.&quot;"));
  CHECK(rag_setting_from_json(to_json(tuning.best)) == tuning.best);

  options.aim = RagAim::answer;
  const auto by_words = tune_rag(corpus.folder, corpus.questions, options);
  CHECK(by_words.trials[0].score > 0.3);
  CHECK(by_words.trials[0].score < 1);
  const auto again = make_rag(corpus.folder, tuning.best, options);
  CHECK(score_answers(again, {corpus.questions[3]}).at(0).grounded == 1);
  options.aim = RagAim::recall;
  CHECK_THROWS_AS(tune_rag(corpus.folder, corpus.questions, options), Error);
}
