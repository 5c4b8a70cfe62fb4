#include "dspy/evaluate/ranking/ranking.hpp"

#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

using namespace dspy;
using namespace dspy::ranking;
using doctest::Approx;

// The expected numbers are those of trec_eval 10.0-rc3, scikit-learn and ranx.

namespace {

const Judgements a_gold = {{"d1", 3}, {"d2", 0}, {"d3", 2}, {"d4", 1}, {"d5", 0}, {"d6", 3}};
const std::vector<Retrieved> a_run = {{"d1", 0.7}, {"d3", 0.9}, {"d7", 0.6}, {"d2", 0.8}, {"d4", 0.5}};

Approx about(double value) {
  return Approx(value).epsilon(1e-4);
}

}  // namespace

TEST_CASE("Measures of a topic are trec_eval's") {
  const auto topic = ranked(a_run, a_gold);
  const std::map<std::string, double> expected = {
      {"map", .5667},    {"Rprec", .5},    {"bpref", .5},         {"recip_rank", 1},     {"P_1", 1},
      {"P_3", .6667},    {"P_5", .6},      {"P_10", .3},          {"recall_1", .25},     {"recall_3", .5},
      {"recall_5", .75}, {"ndcg", .6147},  {"ndcg_cut_3", .5939}, {"ndcg_cut_5", .6147}, {"map_cut_3", .4167},
      {"set_F", .6667},  {"success_1", 1}, {"hit_2", 1}};
  for (const auto& [name, value] : expected) {
    CAPTURE(name);
    CHECK(measure(name, topic) == about(value));
  }
  const auto strict = ranked(a_run, a_gold, 2);
  CHECK(strict.relevant == 3);
  CHECK(average_precision(strict) == about(.5556));
  CHECK(precision(strict, 5) == about(.4));
  CHECK(ndcg(strict) == about(.6147));
}

TEST_CASE("Equal scores are ordered by id from the last to the first") {
  const auto topic = ranked(std::vector<Retrieved>{{"a", 1}, {"b", 1}, {"c", 1}}, {{"a", 0}, {"b", 1}, {"c", 0}});
  CHECK(reciprocal_rank(topic) == Approx(.5));
  CHECK(average_precision(topic) == Approx(.5));
  CHECK(precision(topic, 1) == 0);
  CHECK(ndcg(topic) == about(.6309));
  CHECK(recall(topic, 3) == 1);
}

TEST_CASE("Means are over the topics of both files, or over all that were judged") {
  const Qrels qrels = {{"q1", a_gold},
                       {"q2", {{"a", 0}, {"b", 1}, {"c", 0}}},
                       {"q3", {{"x", 1}}},
                       {"q4", {{"x", 0}}},
                       {"q5", {{"x", 1}}}};
  const Runs runs = {{"q1", a_run},
                     {"q2", {{"a", 1}, {"b", 1}, {"c", 1}}},
                     {"q4", {{"x", 1}}},
                     {"q5", {{"y", 1}}},
                     {"q9", {{"z", 1}}}};
  const std::vector<std::string> names = {"map", "recip_rank", "ndcg", "P_5"};
  auto means = evaluate_ranking(qrels, runs, names).means;
  CHECK(means["map"] == about(.2667));
  CHECK(means["recip_rank"] == about(.3750));
  CHECK(means["ndcg"] == about(.3114));
  CHECK(means["P_5"] == about(.2));
  means = evaluate_ranking(qrels, runs, names, {.counts_missing = true}).means;
  CHECK(means["map"] == about(.2133));
  CHECK(means["recip_rank"] == about(.3));
  CHECK(means["ndcg"] == about(.2491));
  CHECK(evaluate_ranking({}, runs, names).means["map"] == 0);
}

TEST_CASE("Other gains and discounts have names of their own") {
  const std::vector<std::string> one_to_five = {"1", "2", "3", "4", "5"};
  const Judgements judged = {{"2", 5}, {"4", 4}, {"5", 3}, {"10", 2}};
  const double best = 5 + 4 / std::log2(3) + 3 / 2.0 + 2 / std::log2(5);
  CHECK(ndcg(ranked(one_to_five, judged)) == Approx((5 / std::log2(3) + 4 / std::log2(5) + 3 / std::log2(6)) / best));
  CHECK(ndcg(ranked(std::vector<std::string>{"10", "5", "2", "4", "3"}, judged)) ==
        Approx((2 + 3 / std::log2(3) + 5 / 2.0 + 4 / std::log2(5)) / best));
  const auto two = ranked(std::vector<std::string>{"4", "2"}, {{"2", 2}, {"4", 1}});
  CHECK(ndcg(two, Gain::exponential) == Approx((1 + 3 / std::log2(3)) / (3 + 1 / std::log2(3))));
  CHECK(ndcg(two, Gain::original) == Approx(1));  // the second rank has no discount either
  CHECK(measure("ndcg_exp_cut_1", two) == Approx(1.0 / 3));
  const auto three = ranked(std::vector<std::string>{"2", "4", "3", "1"}, {{"1", 1}, {"2", 1}, {"3", 1}});
  CHECK(recall(three, 2) == Approx(1.0 / 3));
  CHECK(r_precision(three) == Approx(2.0 / 3));
}

TEST_CASE("NDCG with ties is scikit-learn's") {
  const std::vector<double> gains = {10, 0, 0, 1, 5};
  CHECK(tied_ndcg(gains, std::vector<double>{.1, .2, .3, 4, 70}) == Approx(.6956940443813074).epsilon(1e-12));
  const std::vector<double> second = {.05, 1.1, 1, .5, 0};
  CHECK(tied_ndcg(gains, second) == Approx(.49368019137737595).epsilon(1e-12));
  CHECK(tied_ndcg(gains, std::vector<double>{.1, .2, .3, 4, 70}, 4) == Approx(.41238188175345303).epsilon(1e-12));
  const std::vector<double> tied = {1, 0, 0, 0, 1};
  CHECK(tied_ndcg(gains, tied, 1) == Approx(.75));
  CHECK(tied_ndcg(gains, tied, 1, true) == Approx(.5));
  CHECK(tied_ndcg(std::vector<double>{0, 1, 0}, std::vector<double>{1, 1, 1}) == Approx(.7103099178571526));
  CHECK(tied_ndcg(std::vector<double>{0, 1, 0}, std::vector<double>{1, 1, 1}, 1) == Approx(1.0 / 3));
  const std::vector<double> a = {3, 0, 2, 1, 0, 3, 0}, scores = {.7, .8, .9, .5, 0, 0, .6};
  CHECK(tied_ndcg(a, scores) == Approx(.7782383472802551).epsilon(1e-12));
  CHECK(tied_ndcg(a, scores, 0, true) == Approx(.783664292742013).epsilon(1e-12));
  CHECK(tied_ndcg(a, scores, 5) == Approx(.6146712765784615).epsilon(1e-12));
  CHECK(tied_ndcg(std::vector<double>{0, 0}, std::vector<double>{1, 2}) == 0);
}

TEST_CASE("What cannot be measured is refused") {
  const auto topic = ranked(a_run, a_gold);
  CHECK_THROWS_AS(precision(topic, 0), Error);
  CHECK_THROWS_AS(measure("ndcg_cut_0", topic), Error);
  CHECK_THROWS_AS(measure("ndgc", topic), Error);
  CHECK_THROWS_AS(ranked(std::vector<Retrieved>{{"a", 1}, {"a", 2}}, a_gold), Error);
  CHECK_THROWS_AS(ranked(std::vector<Retrieved>{{"a", std::numeric_limits<double>::quiet_NaN()}}, a_gold), Error);
  CHECK_THROWS_AS(ranked(a_run, a_gold, 0), Error);
  CHECK_THROWS_AS(tied_ndcg(std::vector{1.0}, std::vector{1.0, 2.0}), Error);
  CHECK_THROWS_WITH_AS(evaluate_ranking({{"q", a_gold}}, {{"q", {{"a", 1}, {"a", 2}}}}, {"map"}),
                       "topic `q`: document `a` was found twice", Error);
  CHECK(precision(ranked(std::vector<Retrieved>{}, a_gold), 5) == 0);
  CHECK(recall(ranked(a_run, {}), 5) == 0);
  CHECK(ranked(a_run, {{"d1", -1}}).relevant == 0);
}

TEST_CASE("TREC's files are read and written") {
  const auto qrels = parse_qrels("q1 0 d1 3\r\nq1\t0\td2 0\n\nq2 0 d1 -1\n");
  CHECK(qrels.at("q1").at("d1") == 3);
  CHECK(parse_qrels(qrels_text(qrels)) == qrels);
  const auto runs = parse_run("q1 Q0 d2 7 0.5 me\nq1 Q0 d1 9 1.5 me\n");
  CHECK(runs.at("q1")[1] == Retrieved{"d1", 1.5});
  CHECK(run_text(runs, "us") == "q1 Q0 d1 1 1.5 us\nq1 Q0 d2 2 0.5 us\n");
  CHECK_THROWS_WITH_AS(parse_qrels("q1 0 d1 3\nq1 d1 3"), "line 2 has 3 columns where there are 4", Error);
  CHECK_THROWS_WITH_AS(parse_run("q1 Q0 d1 1 high me"), "line 1: `high` is not a number", Error);
  CHECK_THROWS_AS(parse_qrels("q1 0 d1 3\nq1 0 d1 2"), Error);
}
