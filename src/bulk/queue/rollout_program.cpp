#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/bulk/queue/fleet_rollouts.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/modules/run.hpp"
#include "dspy/optimize/kernel/backend.hpp"
#include "dspy/optimize/kernel/rollout.hpp"
#include "dspy/programs/program_file.hpp"

#include <cstdint>
#include <format>
#include <string>
#include <string_view>
#include <utility>

// What a run is as a row, on both sides.

namespace dspy {
namespace {

const Json& member(const JsonObject& row, std::string_view name) {
  const auto* const value = row.if_contains(name);
  if (value == nullptr)
    throw Error(Errc::bad_input, std::format("the row is not a run of a search: it has no `{}`", name));
  return *value;
}

std::string text_member(const JsonObject& row, std::string_view name) {
  const auto& value = member(row, name);
  if (!value.is_string()) throw Error(Errc::bad_input, std::format("`{}` of a run of a search is a text", name));
  return std::string(view(value.get_string()));
}

JsonObject object_member(const JsonObject& row, std::string_view name) {
  const auto& value = member(row, name);
  if (!value.is_object()) throw Error(Errc::bad_input, std::format("`{}` of a run of a search is an object", name));
  return value.get_object();
}

optimize::Draw draw_of(const JsonObject& row) {
  const auto draw = object_member(row, "draw");
  const auto& number = member(draw, "number");
  const auto& temperature = member(draw, "temperature");
  if (!number.is_number() || !temperature.is_number())
    throw Error(Errc::bad_input, "the `draw` of a run of a search has a number and a temperature");
  return {.number = number.to_number<std::uint64_t>(), .temperature = temperature.to_number<double>()};
}

/// `program` with the prompts of the row.
Program candidate(Program program, const JsonObject& row) {
  const auto wanted = text_member(row, "digest");
  const auto file = attempt([&] { return read_program(text_member(row, "program"), {}, "the program of a run"); });
  if (!file) throw Error(Errc::bad_input, file.error().what());
  // This worker ends, and the row goes to others.
  if (const auto applied = attempt([&] { apply(*file, program); }); !applied) {
    throw Error(Errc::config_error,
                std::format("this worker has another program than the search: {}", applied.error().what()));
  }
  if (optimize::digest(program) != wanted) {
    throw Error(Errc::config_error,
                "this worker has another program or model than the search; start it with the same program file, model "
                "and flags");
  }
  return program;
}

Async<Prediction> answer(Program program, JsonObject row) {
  const auto tried = candidate(std::move(program), row);
  const auto seeds = member(row, "seeds_requests");
  auto rollout = co_await optimize::run_alone({.program = &tried,
                                               .inputs = object_member(row, "inputs"),
                                               .draw = draw_of(row),
                                               .key = text_member(row, "run"),
                                               .seeds_requests = seeds.is_bool() && seeds.get_bool()});
  Prediction out;
  out.lm_usage = rollout.usage;
  out.data["rollout"] = optimize::to_json(rollout);
  co_return out;
}

/// Has the student's predictors, so that their models can be limited and counted.
struct RolloutProgram {
  Program program;

  Async<Prediction> run(JsonObject row, Run /*how*/) const { return answer(program, std::move(row)); }
  template <class F>
  void for_each_predictor(F&& visit) {
    program.for_each_predictor(visit);
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    program.for_each_predictor(visit);
  }
};

}  // namespace

Program rollout_program(Program program) {
  return Program(RolloutProgram{std::move(program)});
}

namespace bulk {

JsonObject to_row(const optimize::RolloutRequest& request) {
  return {{"run", request.key},
          {"digest", optimize::digest(*request.program)},
          {"program", to_text(to_program_file(*request.program))},
          {"inputs", request.inputs},
          {"draw", JsonObject{{"number", request.draw.number}, {"temperature", request.draw.temperature}}},
          {"seeds_requests", request.seeds_requests}};
}

optimize::Rollout rollout_of(const JsonObject& answer) {
  if (const auto* const error = answer.if_contains("error"); error != nullptr) {
    const auto* const message = error->is_object() ? error->get_object().if_contains("message") : nullptr;
    throw Error(Errc::config_error,
                std::format("a worker could not make a run: {}", message != nullptr && message->is_string()
                                                                     ? std::string(view(message->get_string()))
                                                                     : to_text(*error)));
  }
  return optimize::rollout_from_json(object_member(object_member(answer, "outputs"), "rollout"));
}

}  // namespace bulk
}  // namespace dspy
