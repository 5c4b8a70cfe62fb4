#include "dspy/base/error.hpp"
#include "dspy/base/unicode.hpp"
#include "dspy/evaluate/metrics/text.hpp"
#include "support/vectors.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

using namespace dspy;

namespace {

/// What one recorded call gives here; nothing for an error.
std::optional<double> measured(const JsonObject& row) {
  const auto fn = test::text_at(row, "fn");
  const auto made = test::text_at(row, "prediction"), gold = test::text_at(row, "reference");
  const auto references = [&] { return test::texts_in(row.at("references")); };
  if (fn == "em_score") return metrics::em_score(made, gold);
  if (fn == "f1_score") return metrics::f1_score(made, gold);
  if (fn == "hotpot_f1_score") return metrics::hotpot_f1_score(made, gold);
  if (fn == "precision_score") return metrics::precision_score(made, gold);
  if (fn == "harmonic_f1")
    return metrics::harmonic_f1(test::number_in(row.at("precision")), test::number_in(row.at("recall")));
  if (fn == "EM") return metrics::em(made, references());
  if (fn == "F1") return metrics::f1(made, references());
  if (fn == "HotPotF1") return metrics::hotpot_f1(made, references());
  const Example example({{"answer", row.at("answer")}}, std::vector<std::string>{});
  if (fn == "answer_exact_match") {
    return metrics::exact_match("answer", test::number_in(row.at("frac")))(example, {.data = {{"answer", made}}}).value;
  }
  REQUIRE(fn == "answer_passage_match");
  return metrics::passage_match()(example, {.data = {{"context", row.at("passages")}}}).value;
}

}  // namespace

TEST_CASE("Text metrics give what Python DSPy 3.4.1 gives") {
  std::size_t compared = 0;
  for (const auto& row : test::recorded("metrics")) {
    CAPTURE(to_text(row));
    ++compared;
    if (test::text_at(row, "fn") == "normalize_text") {
      CHECK(metrics::normalize_text(test::text_at(row, "text")) == test::text_at(row, "result"));
      continue;
    }
    // Where Python refuses one text for a list, this library takes it, as `answer_exact_match` does.
    const auto* const references = row.if_contains("references");
    if (references != nullptr && references->is_string()) continue;
    if (row.contains("error")) {
      CHECK_THROWS_AS(measured(row), Error);
    } else {
      CHECK(measured(row).value() == doctest::Approx(test::number_in(row.at("result"))).epsilon(1e-12));
    }
  }
  CHECK(compared == 544);
}

TEST_CASE("Unicode text is decomposed, ordered and lowered") {
  const auto nfd = [](std::string_view text) { return text::to_utf8(text::to_nfd(text::code_points(text))); };
  const auto lower = [](std::string_view text) { return text::to_utf8(text::to_lower(text::code_points(text))); };
  CHECK(nfd("\u00e9") == "e\u0301");
  CHECK(nfd("\u1ed9") == "o\u0323\u0302");
  CHECK(nfd("o\u0302\u0323") == "o\u0323\u0302");
  CHECK(nfd("\ud55c") == "\u1112\u1161\u11ab");
  CHECK(nfd("\uac00") == "\u1100\u1161");
  CHECK(nfd("\uf900") == "\u8c48");
  CHECK(lower("\u039f\u0394\u039f\u03a3 \u03a3") == "\u03bf\u03b4\u03bf\u03c2 \u03c3");
  CHECK(lower("\u0130\u00c4\u0416\U00010400") == "i\u0307\u00e4\u0436\U00010428");
  CHECK(text::code_points("a\xff\xe2\x82"
                          "b\xed\xa0\x80") == U"a\ufffd\ufffd\ufffdb\ufffd\ufffd\ufffd");
}

TEST_CASE("A metric of answers names what it cannot compare") {
  const Example example({{"answer", 4}}, std::vector<std::string>{});
  CHECK_THROWS_WITH_AS(
      metrics::exact_match()(example, {.data = {{"answer", "4"}}}),
      "`answer` of the example is 4, not a text or a list of texts; compare such values by the metric `equal`", Error);
  CHECK_THROWS_WITH_AS(metrics::equal("label")(example, {}), "the example has no `label` to compare; it has `answer`",
                       Error);
  CHECK(metrics::equal()(example, {.data = {{"answer", 4.0}}}).value == 1);
  CHECK(metrics::equal()(example, {.data = {{"answer", "4"}}}).value == 0);
}
