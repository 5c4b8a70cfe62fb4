#include "dspy/optimize/gepa.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"
#include "magic_world.hpp"
#include "worlds.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <format>
#include <map>
#include <memory>
#include <set>
#include <string>

using namespace dspy;
using namespace dspy::test::magic;

TEST_CASE("GEPA sends an instruction that is too long back once, and drops it if it stays so") {
  std::size_t asked = 0;
  const auto lm = std::make_shared<ScriptedLM>([&](const Request& request) -> std::string {
    ++asked;
    const auto& output = request.contract.signature->outputs.front();
    return output.label + ": " + (output.name == "shorter_instruction" ? "Use the magic word." : std::string(60, 'x'));
  });
  const Models models;
  const auto optimized = Gepa({.metric = test::exact_match(),
                               .max_metric_calls = 60,
                               .reflection_lm = lm,
                               .proposer = {.skills = {"Write plainly."}, .max_chars = 30}})
                             .compile(student(models.make()), training());
  CHECK(asked >= 2);
  CHECK(*optimized.report.score() == 1);
  CHECK(test::text_of(lm->requests()[0].messages.back()).find("Write plainly.") != std::string::npos);
}

TEST_CASE("GEPA changes several programs at a time, each from a minibatch of its own, within its budget") {
  const auto run = [](std::size_t at_a_time) {
    const Models models;
    return Gepa({.metric = test::exact_match(),
                 .max_metric_calls = 100,
                 .num_parallel_proposals = at_a_time,
                 .instruction_proposer =
                     [](const Reflection& reflection) {
                       return std::format("Instruction after {}.", reflection.examples.front().example);
                     }})
        .compile(student(models.make()), training())
        .report;
  };
  const auto one = run(1), four = run(4);
  const auto iterations = [](const optimize::Report& report) {
    std::map<std::int64_t, std::set<std::string>> minibatches;
    for (const auto& each : report.details.at("iterations").as_array()) {
      if (each.as_object().contains("minibatch"))
        minibatches[each.at("iteration").to_number<std::int64_t>()].insert(to_text(each.at("minibatch")));
    }
    return minibatches;
  };
  CHECK(std::ranges::all_of(iterations(one), [](const auto& each) { return each.second.size() == 1; }));
  CHECK(iterations(four).begin()->second.size() == 4);
  CHECK(four.details.at("metric_calls").to_number<int>() <= 100);
  CHECK_THROWS_AS(run(0), Error);
}
