#include "dspy/registry/registry.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/registry/experiment.hpp"
#include "dspy/registry/promotion.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace dspy;

namespace {

ProgramFile program(const std::string& notation, const std::string& instructions = "Answer.") {
  return to_program_file(Predictor(Signature::parse(notation, instructions)));
}

EvaluationResult measured(const std::vector<double>& scores, std::uint64_t tokens = 100) {
  EvaluationResult out;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    EvaluatedRow row{.index = i, .is_done = true};
    row.example = Example(JsonObject{{"question", i}, {"kind", i % 2 == 0 ? "even" : "odd"}}, {"question"});
    row.score.value = scores[i];
    out.rows.push_back(std::move(row));
  }
  out.done = scores.size();
  out.usage.prompt_tokens = tokens;
  out.usage.completion_tokens = 0;
  return out;
}

}  // namespace

TEST_CASE("A file that is not a registry is an error, and stays as it is") {
  const test::Folder folder;
  const auto path = folder.path / "notes.txt";
  const std::string notes(5000, 'n');
  replace_file(path, notes);

  const auto opened = attempt([&] { Registry registry(path); });
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().code() == Errc::io_error);
  CHECK(std::string(opened.error().what()).contains("is damaged, or no registry"));
  CHECK(folder.read("notes.txt") == notes);
}

TEST_CASE("The same program is the same version; others get versions by how their inputs and outputs changed") {
  const test::Folder folder;
  Registry registry(folder.path / "registry.sqlite");
  const auto first = registry.add("qa", program("question -> answer"));
  CHECK(first.number == 1);
  CHECK(to_string(first.version) == "1.0.0");
  CHECK(registry.add("qa", program("question -> answer")).number == 1);
  CHECK(to_string(registry.add("qa", program("question -> answer", "Be brief.")).version) == "1.0.1");
  CHECK(to_string(registry.add("qa", program("question -> answer, source")).version) == "1.1.0");
  CHECK(to_string(registry.add("qa", program("question, context -> answer, source")).version) == "2.0.0");
  CHECK(to_string(registry.add("qa", program("question, context -> answer: int, source")).version) == "3.0.0");
  CHECK(registry.find("qa").number == 5);
  CHECK(registry.find("qa:2").digest == registry.find("qa:1.0.1").digest);
  CHECK(registry.load(registry.find("qa:2")).predictors[0].signature.instructions == "Be brief.");
  CHECK_THROWS_WITH_AS(registry.find("qa:9"), "`qa` has no version `9`; the newest is 5 (3.0.0)", Error);
  CHECK_THROWS_WITH_AS(registry.find("other"), "the registry has no program `other`; it has `qa`", Error);
  CHECK_THROWS_AS(registry.add("a name", program("question -> answer")), Error);
}

TEST_CASE("Aliases are moved only by those who know where they are, and go back") {
  const test::Folder folder;
  Registry registry(folder.path / "registry.sqlite");
  for (const auto* text : {"One.", "Two.", "Three."}) registry.add("qa", program("question -> answer", text));
  registry.move_alias("qa", "production", {}, 1, "first");
  registry.move_alias("qa", "production", 1, 2, "better");
  registry.move_alias("qa", "production", 2, 3, "better still");
  const auto late = attempt([&] { registry.move_alias("qa", "production", 1, 2); });
  REQUIRE_FALSE(late.has_value());
  CHECK(std::string(late.error().what()) ==
        "`qa@production` names version 3 and not version 1: it was moved in the meantime; check before you move it");
  CHECK(registry.find("qa@production").number == 3);
  CHECK(registry.rollback("qa", "production") == 2);
  CHECK(registry.rollback("qa", "production") == 1);
  CHECK_THROWS_AS(registry.rollback("qa", "production"), Error);
  CHECK_THROWS_AS(registry.move_alias("qa", "production", 1, 7), Error);
  CHECK(registry.aliases("qa").size() == 1);
  const auto history = registry.history("qa");
  REQUIRE(history.size() == 8);
  CHECK(history[4].reason == "better");
  CHECK(history[7].from == 2);
  CHECK(history[7].to == 1);
}

TEST_CASE("Two processes see each other's moves") {
  const test::Folder folder;
  Registry one(folder.path / "registry.sqlite");
  one.add("qa", program("question -> answer"), {.optimizer = {{"name", "Copro"}}, .score = 0.5, .requests = 12});
  Registry other(folder.path / "registry.sqlite");
  other.move_alias("qa", "staging", {}, 1);
  CHECK(one.alias("qa", "staging") == 1);
  const auto lineage = other.find("qa@staging").lineage;
  CHECK(lineage.optimizer.at("name") == "Copro");
  CHECK(lineage.score == 0.5);
  CHECK(lineage.requests == 12);
}

TEST_CASE("A program is promoted when it passes the gates") {
  const test::Folder folder;
  Registry registry(folder.path / "registry.sqlite");
  registry.add("qa", program("question -> answer", "One."));
  registry.add("qa", program("question -> answer", "Two."));
  registry.add("qa", program("question -> other", "Three."));
  registry.move_alias("qa", "production", {}, 1);
  std::vector<double> weak(40, 0);
  for (std::size_t i = 0; i < 10; ++i) weak[i] = 1;
  std::vector<double> strong(40, 1);
  strong[39] = 0;
  const auto same = promote(registry, "qa", 2, "production", measured(weak), measured(weak));
  CHECK_FALSE(same[0].is_passed);
  CHECK(registry.alias("qa", "production") == 1);
  const auto costly =
      promote(registry, "qa", 2, "production", measured(weak), measured(strong, 1000), {.max_token_ratio = 2});
  CHECK_FALSE(costly[1].is_passed);
  const auto broken = promote(registry, "qa", 3, "production", measured(weak), measured(strong));
  CHECK_FALSE(broken.back().is_passed);
  CHECK(registry.alias("qa", "production") == 1);
  const auto fine = promote(registry, "qa", 2, "production", measured(weak), measured(strong), {.slice_by = "kind"});
  for (const auto& each : fine) CHECK_MESSAGE(each.is_passed, each.text);
  CHECK(registry.alias("qa", "production") == 2);
  CHECK(registry.history("qa").back().reason.starts_with("promoted: the gain is"));
  CHECK_THROWS_AS(check_gates(measured(weak), measured({1, 0}), {}), Error);
}

TEST_CASE("An experiment says what differs, and whether it went as planned") {
  ArmOutcomes control{.arm = "champion"};
  ArmOutcomes better{.arm = "challenger"};
  for (int i = 0; i < 100; ++i) {
    control.values.push_back(i < 45 ? 1 : 0);
    better.values.push_back(i < 60 ? 1 : 0);
  }
  const auto report = analyze({control, better});
  CHECK(report.is_ratio_fine);
  REQUIRE(report.comparisons.size() == 1);
  CHECK(report.comparisons[0].test == "two proportions");
  CHECK(report.comparisons[0].p_value == doctest::Approx(.033672068856345855));
  CHECK(report.comparisons[0].interval.low == doctest::Approx(.011723935319973455));
  better.values.resize(40);
  CHECK_FALSE(analyze({control, better}).is_ratio_fine);
  CHECK_THROWS_AS(analyze({control}), Error);
}

TEST_CASE("Versions are three numbers") {
  CHECK(parse_version("1.20.3") == SemanticVersion{1, 20, 3});
  for (const auto* text : {"", "1", "1.2", "1.2.3.4", "a.b.c", "1.2.-3", "1..2"})
    CHECK_THROWS_AS(parse_version(text), Error);
}
