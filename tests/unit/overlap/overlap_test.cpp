#include "dspy/evaluate/overlap/overlap.hpp"

#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;
using namespace dspy::overlap;
using doctest::Approx;

// The expected numbers are those of sacrebleu 2.6.0, rouge_score and NLTK.

namespace {

const std::vector<std::string> made = {"The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."};
const std::vector<References> gold = {{"The dog bit the man.", "The dog had bit the man."},
                                      {"It was not unexpected.", "No one was surprised."},
                                      {"The man bit him first.", "The man had bitten the dog."}};

double sentence(const std::string& hypothesis, const std::string& reference, const BleuOptions& options) {
  return bleu(std::vector{hypothesis}, std::vector<References>{{reference}}, options).score;
}

double one_chrf(const std::string& hypothesis, const std::string& reference, const ChrfOptions& options) {
  return chrf(std::vector{hypothesis}, std::vector<References>{{reference}}, options);
}

Approx exactly(double value) {
  return Approx(value).epsilon(1e-10);
}

void check(const Rouge& found, double precision, double recall, double f1) {
  CHECK(found.precision == Approx(precision).epsilon(1e-4));
  CHECK(found.recall == Approx(recall).epsilon(1e-4));
  CHECK(found.f1 == Approx(f1).epsilon(1e-4));
}

}  // namespace

TEST_CASE("BLEU's tokenizer parts what mteval-v13a parts") {
  CHECK(tokenized_13a("Hello, world!") == "Hello , world !");
  CHECK(tokenized_13a("It costs $3.50 (U.S.).") == "It costs $ 3.50 ( U . S . ) .");
  CHECK(tokenized_13a("1,000-2,000 items") == "1,000 - 2,000 items");
  CHECK(tokenized_13a("don't e-mail me") == "don't e-mail me");
  CHECK(tokenized_13a("3.5.") == "3.5 .");
  CHECK(tokenized_13a("a.b,c 5,a") == "a . b , c 5 , a");
  CHECK(tokenized_13a("&lt;b&gt; &amp;quot; x-\ny\nz <skipped>") == "< b > & quot ; xy z");
}

TEST_CASE("BLEU of a corpus is sacrebleu's") {
  const auto found = bleu(made, gold);
  CHECK(found.score == exactly(48.530827009929865));
  CHECK(found.brevity_penalty == exactly(0.9428731438548749));
  CHECK(found.matches == std::vector<double>{14, 7, 5, 3});
  CHECK(found.totals == std::vector<double>{17, 14, 11, 8});
  CHECK(found.length == 17);
  CHECK(found.reference_length == 18);
  CHECK(bleu(made, gold, {.tokens = BleuTokens::none}).score == Approx(49.1919566).epsilon(1e-7));
  const std::vector<double> by_order = {77.65, 60.50, 53.93, 48.53, 46.14, 43.28};
  for (std::size_t order = 1; order <= by_order.size(); ++order)
    CHECK(bleu(made, gold, {.max_order = order}).score == Approx(by_order[order - 1]).epsilon(2e-4));
}

TEST_CASE("BLEU of sentences is smoothed as asked") {
  CHECK(sentence("the cat sat on the mat", "the cat is on the mat", {}) == exactly(37.99178428257963));
  CHECK(sentence("a test", "a test", {.effective_order = true}) == exactly(100.00000000000004));
  CHECK(sentence("test", "a test", {.effective_order = true}) == exactly(36.78794411714425));
  CHECK(sentence("a little test", "a test", {.effective_order = true}) == exactly(34.66806371753173));
  CHECK(sentence("this is a fest", "this is a test",
                 {.tokens = BleuTokens::none, .smoothing = Smoothing::floor, .smoothing_value = 0.01}) ==
        exactly(22.3606797749979));
  CHECK(sentence("am I am a character sequence", "I am a symbol string sequence a a",
                 {.tokens = BleuTokens::none, .smoothing = Smoothing::floor}) == Approx(15.55722182).epsilon(1e-8));
  CHECK(bleu_of({9, 7, 5, 3}, {10, 8, 6, 4}, 11, 11).score == Approx(83.75922397).epsilon(1e-8));
  CHECK(sentence("x", "y", {}) == 0);
  CHECK(sentence("", "y", {}) == 0);
}

TEST_CASE("chrF and TER are sacrebleu's") {
  CHECK(chrf(made, gold) == exactly(59.72751782684763));
  CHECK(chrf(made, gold, {.word_order = 2}) == exactly(59.15310444399262));
  CHECK(ter(made, gold) == exactly(40.0));
  const ChrfOptions eps{.beta = 3, .eps_smoothing = true};
  CHECK(one_chrf("aa", "ab", eps) == Approx(8.3333).epsilon(1e-5));
  CHECK(one_chrf("a", "a", eps) == Approx(16.6667).epsilon(1e-5));
  CHECK(one_chrf("a b c", "a b c", eps) == Approx(50.0));
  CHECK(one_chrf("aa", "ab", {.beta = 3}) == Approx(25.0));
}

TEST_CASE("TER counts a shifted phrase as one edit") {
  const auto one = [](const std::string& hypothesis, const std::string& reference) {
    return ter(std::vector{hypothesis}, std::vector<References>{{reference}});
  };
  CHECK(one("b c d a", "a b c d") == Approx(25));
  CHECK(one("a b c", "a b c") == 0);
  CHECK(one("", "a b") == Approx(100));
  CHECK(one("a", "") == Approx(100));
  CHECK(one("", "") == 0);
  CHECK(one("A", "a") == 0);
}

TEST_CASE("ROUGE is rouge_score's") {
  check(rouge_n("testing one two", "testing", 1), 1, 1.0 / 3, 0.5);
  check(rouge_n("testing one two", "testing one", 2), 1, 0.5, 0.6667);
  check(rouge_l("testing one two", "testing one"), 1, 2.0 / 3, 0.8);
  const std::string_view fox = "The quick brown fox jumps over the lazy dog",
                         log = "The quick brown dog jumps on the log.";
  check(rouge_n(fox, log, 1), 0.75, 0.66667, 0.70588);
  check(rouge_n(fox, log, 2), 0.285714, 0.25, 0.266667);
  check(rouge_l(fox, log), 0.625, 0.55556, 0.588235);
  CHECK(rouge_n("police killed the gunman", "police kill the gunman", 1).f1 == Approx(0.75));
  CHECK(rouge_n("police killed the gunman", "police kill the gunman", 1, true).f1 == Approx(1));
  CHECK(rouge_n("police killed the gunman", "police kill the gunman", 2).f1 == Approx(1.0 / 3));
  CHECK(rouge_l("police killed the gunman", "the gunman kill police").f1 == Approx(0.5));
  const std::string_view cats = "The cats are running.\nDogs barked loudly at 5-o'clock",
                         cat = "A cat was running\nThe dog barks loudly";
  check(rouge_n(cats, cat, 1), 0.375, 0.2727, 0.3158);
  check(rouge_l(cats, cat), 0.25, 0.1818, 0.2105);
  check(rouge_lsum(cats, cat), 0.375, 0.2727, 0.3158);
  check(rouge_n(cats, cat, 1, true), 0.75, 0.5455, 0.6316);
  check(rouge_n(cats, cat, 2, true), 0.2857, 0.2, 0.2353);
  check(rouge_l(cats, cat, true), 0.625, 0.4545, 0.5263);
  check(rouge_lsum(cats, cat, true), 0.75, 0.5455, 0.6316);
  check(rouge_lsum("a b c d e", "a b f g h\na c i j e"), 0.4, 0.8, 0.5333);
  CHECK(rouge_lsum("", "a") == Rouge{});
}

TEST_CASE("The stemmer is NLTK's variant of Porter's") {
  const std::vector<std::pair<std::string_view, std::string_view>> words = {
      {"dies", "die"},        {"died", "die"},        {"skies", "sky"},        {"dying", "die"},
      {"lying", "lie"},       {"tying", "tie"},       {"news", "news"},        {"innings", "inning"},
      {"says", "say"},        {"enjoy", "enjoy"},     {"possibly", "possibl"}, {"apology", "apolog"},
      {"geology", "geolog"},  {"flies", "fli"},       {"agreed", "agre"},      {"generally", "gener"},
      {"happily", "happili"}, {"quickly", "quickli"}, {"running", "run"},      {"hopping", "hop"},
      {"falling", "fall"},    {"filing", "file"},     {"relational", "relat"}, {"controlling", "control"}};
  for (const auto& [word, stem] : words) CHECK(porter_stem(word) == stem);
}

TEST_CASE("Texts that do not belong together are refused") {
  CHECK_THROWS_AS(bleu({}, {}), Error);
  CHECK_THROWS_AS(bleu(made, std::vector<References>{{"a"}}), Error);
  CHECK_THROWS_AS(chrf(std::vector<std::string>{"a"}, std::vector<References>{{}}), Error);
  CHECK_THROWS_AS(bleu(made, gold, {.max_order = 0}), Error);
  CHECK_THROWS_AS(rouge_n("a", "a", 0), Error);
}
