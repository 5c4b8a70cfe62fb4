#include "agents/trajectory_text.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace dspy;

namespace {

using Kind = AgentEvent::Kind;

std::vector<AgentEvent> run_with_all_kinds_of_turns() {
  const Json three = {{"n", 3}};
  return {
      {.kind = Kind::begun, .inputs = {{"question", "q"}}},
      {.kind = Kind::turn,
       .text = "two lines\nof thought",
       .calls = {{.id = "a", .tool = "add", .arguments = three}, {.id = "b", .tool = "ask", .arguments = three}}},
      {.kind = Kind::finished, .call = "b", .outcome = {.value = "line\n\nobservation_0: not one"}},
      {.kind = Kind::decided, .call = "a", .decision = {.kind = Verdict::Kind::edit, .value = {{"n", 4}}}},
      {.kind = Kind::finished, .call = "a", .outcome = {.value = 4.0}},
      {.kind = Kind::turn, .text = "nothing to call"},
      {.kind = Kind::turn, .calls = {{.id = "c", .tool = "add", .arguments = three}}},
      {.kind = Kind::finished, .call = "c", .outcome = ToolOutcome::error("no")},
      {.kind = Kind::forgotten},
      {.kind = Kind::turn, .text = "last", .calls = {{.id = "d", .tool = "finish", .arguments = JsonObject()}}},
  };
}

}  // namespace

TEST_CASE("a trajectory's text that grows is the one that is written at once") {
  AgentMachine machine({}, Tools(), {});
  TrajectoryText grows;
  CHECK(grows.of(machine).empty());
  std::string before;
  for (const auto& event : run_with_all_kinds_of_turns()) {
    machine.apply(event);
    CHECK(grows.of(machine) == trajectory_text(machine));
    if (event.kind == Kind::forgotten) {
      CHECK(before ==
            "thought_0: two lines\n  of thought\n"
            "tool_name_0: add\ntool_args_0: {\"n\":4}\nobservation_0: 4.0\n"
            "tool_name_1: ask\ntool_args_1: {\"n\":3}\nobservation_1: line\n  \n  observation_0: not one\n"
            "thought_2: nothing to call\n"
            "tool_name_3: add\ntool_args_3: {\"n\":3}\nobservation_3: no");
    }
    before = grows.of(machine);
  }
  CHECK(before ==
        "thought_2: nothing to call\n"
        "tool_name_3: add\ntool_args_3: {\"n\":3}\nobservation_3: no\n"
        "thought_4: last\ntool_name_4: finish\ntool_args_4: {}\nobservation_4: Completed.");
}

TEST_CASE("a trajectory has what its text has, by name") {
  AgentMachine machine({}, Tools(), {});
  for (const auto& event : run_with_all_kinds_of_turns()) machine.apply(event);
  const JsonObject expected = {{"thought_0", "two lines\nof thought"},
                               {"tool_name_0", "add"},
                               {"tool_args_0", {{"n", 4}}},
                               {"observation_0", 4.0},
                               {"thought_1", ""},
                               {"tool_name_1", "ask"},
                               {"tool_args_1", {{"n", 3}}},
                               {"observation_1", "line\n\nobservation_0: not one"},
                               {"thought_2", "nothing to call"},
                               {"thought_3", ""},
                               {"tool_name_3", "add"},
                               {"tool_args_3", {{"n", 3}}},
                               {"observation_3", "no"},
                               {"thought_4", "last"},
                               {"tool_name_4", "finish"},
                               {"tool_args_4", JsonObject()},
                               {"observation_4", "Completed."}};
  CHECK(to_text(Json(trajectory(machine))) == to_text(Json(expected)));
}
