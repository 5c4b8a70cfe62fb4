#include "dspy/base/tasks.hpp"
#include "dspy/flow/flow.hpp"
#include "dspy/modules/chain_of_thought.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/run.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/programs/program_file.hpp"
#include "handles.hpp"

#include <filesystem>
#include <format>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using dspy::Errc;
using dspy::Error;
using dspy::Json;
using dspy::JsonArray;
using dspy::JsonObject;
using dspy::Program;
using dspy::c::guarded;

namespace {

/// The predictors of a program's file, by their paths: what a file of one predictor runs.
struct Saved {
  std::string path;
  dspy::Predictor predictor;

  dspy::Async<dspy::Prediction> run(JsonObject inputs, dspy::Run how) const {
    return predictor.run(std::move(inputs), std::move(how));
  }
  template <class F>
  void for_each_predictor(F&& visit) {
    visit(path, predictor);
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    visit(path, predictor);
  }
};

dspy_program* made(Program program, const dspy_lm* lm) {
  if (lm != nullptr) program = dspy::with_lm(std::move(program), lm->value);
  return new dspy_program{std::move(program)};
}

Program flow_program(dspy::Flow flow, bool needs_lms) {
  if (needs_lms) flow.set_lms([](const std::string& uri) { return dspy::lm(uri); });
  return Program(std::move(flow));
}

Program from_text(std::string_view text, bool needs_lms) {
  if (dspy::is_flow(text)) {
    const auto json = dspy::parse_json(text);
    if (json && json->is_object() && !json->as_object().contains("steps")) {
      throw Error(Errc::unsupported,
                  "a saved program that has its plan is loaded from its file: call dspy_program_load");
    }
    return flow_program(dspy::Flow(dspy::parse_flow_plan(text)), needs_lms);
  }
  const auto file = dspy::read_program(text);
  if (file.predictors.size() != 1) {
    throw Error(Errc::config_error,
                std::format("the file has {} predictors and no plan that says how they work together; save the program "
                            "with its plan (save_flow, Flow), or load it where its code is",
                            file.predictors.size()));
  }
  return Program(Saved{file.predictors[0].path, dspy::to_predictor(file.predictors[0])});
}

JsonObject to_result(const dspy::Prediction& prediction) {
  JsonArray flags;
  for (const auto& flag : prediction.flags) flags.push_back(JsonObject{{"field", flag.field}, {"repair", flag.repair}});
  return {{"outputs", prediction.data}, {"usage", dspy::to_json(prediction.lm_usage)}, {"flags", std::move(flags)}};
}

const Program& value_of(const dspy_program* program) {
  if (program == nullptr) throw Error(Errc::invalid_parameter, "the program is NULL");
  return program->value;
}

struct Executor {
  std::mutex mutex;
  dspy_execute execute = nullptr;
  void* user = nullptr;
};

Executor& executor() {
  static Executor shared;
  return shared;
}

/// A call that somebody else's thread runs.
struct Job {
  Program program;
  JsonObject inputs;
  std::stop_token stop;
  dspy_on_result on_result;
  void* user;

  void operator()() noexcept {
    dspy_error error{};
    char* const result = guarded<char*>(&error, nullptr, [this] {
      return dspy::c::to_host(dspy::to_text(Json(to_result(program(std::move(inputs), {.stop = stop})))));
    });
    on_result(result, result == nullptr ? &error : nullptr, user);
    dspy_error_clear(&error);
  }
};

}  // namespace

extern "C" {

dspy_program* dspy_program_predict(const char* notation, dspy_lm* lm, dspy_error* error) {
  return guarded<dspy_program*>(
      error, nullptr, [&] { return made(Program(dspy::Predict<>(dspy::c::text_of(notation, "the notation"))), lm); });
}

dspy_program* dspy_program_chain_of_thought(const char* notation, dspy_lm* lm, dspy_error* error) {
  return guarded<dspy_program*>(error, nullptr, [&] {
    return made(Program(dspy::ChainOfThought<>(dspy::c::text_of(notation, "the notation"))), lm);
  });
}

dspy_program* dspy_program_from_json(const char* text, dspy_lm* lm, dspy_error* error) {
  return guarded<dspy_program*>(error, nullptr,
                                [&] { return made(from_text(dspy::c::text_of(text, "the text"), lm == nullptr), lm); });
}

dspy_program* dspy_program_load(const char* path, dspy_lm* lm, dspy_error* error) {
  return guarded<dspy_program*>(error, nullptr, [&] {
    const std::filesystem::path place(dspy::c::text_of(path, "the path"));
    auto text = dspy::to_text(dspy::load_program(place));
    if (dspy::is_flow(text)) return made(flow_program(dspy::load_flow(place).flow, lm == nullptr), lm);
    return made(from_text(text, lm == nullptr), lm);
  });
}

char* dspy_program_to_json(const dspy_program* program, dspy_error* error) {
  return guarded<char*>(error, nullptr,
                        [&] { return dspy::c::to_host(dspy::to_text(dspy::to_program_file(value_of(program)))); });
}

int dspy_program_apply(dspy_program* program, const char* text, dspy_error* error) {
  return guarded<int>(error, 1, [&] {
    value_of(program);
    dspy::apply(dspy::read_program(dspy::c::text_of(text, "the text")), program->value);
    return 0;
  });
}

dspy_program* dspy_program_clone(const dspy_program* program, dspy_error* error) {
  return guarded<dspy_program*>(error, nullptr, [&] { return new dspy_program{value_of(program)}; });
}

void dspy_program_free(dspy_program* program) {
  delete program;
}

char* dspy_program_call(const dspy_program* program, const char* inputs_json, dspy_stop* stop, dspy_error* error) {
  return guarded<char*>(error, nullptr, [&] {
    auto inputs = dspy::c::object_of(inputs_json, "the inputs");
    const auto prediction = value_of(program)(std::move(inputs), {.stop = dspy::c::token_of(stop)});
    return dspy::c::to_host(dspy::to_text(Json(to_result(prediction))));
  });
}

char* dspy_program_stream(const dspy_program* program, const char* inputs_json, dspy_on_piece on_piece, void* user,
                          dspy_stop* stop, dspy_error* error) {
  return guarded<char*>(error, nullptr, [&] {
    if (on_piece == nullptr)
      throw Error(Errc::invalid_parameter, "on_piece is NULL; without it, use dspy_program_call");
    auto inputs = dspy::c::object_of(inputs_json, "the inputs");
    const auto sink = [&](const dspy::FieldEvent& event) {
      const std::string field(event.field), piece(event.text);
      if (on_piece(field.c_str(), piece.c_str(), piece.size(), event.done ? 1 : 0, event.restart ? 1 : 0, user) != 0)
        throw Error(Errc::cancelled, "the host ended the stream");
    };
    const auto prediction = dspy::stream(value_of(program), std::move(inputs), sink, {.stop = dspy::c::token_of(stop)});
    return dspy::c::to_host(dspy::to_text(Json(to_result(prediction))));
  });
}

int dspy_program_call_async(const dspy_program* program, const char* inputs_json, dspy_on_result on_result, void* user,
                            dspy_stop* stop, dspy_error* error) {
  return guarded<int>(error, 1, [&] {
    if (on_result == nullptr) throw Error(Errc::invalid_parameter, "on_result is NULL");
    auto job = std::make_unique<Job>(Job{value_of(program), dspy::c::object_of(inputs_json, "the inputs"),
                                         dspy::c::token_of(stop), on_result, user});
    auto& chosen = executor();
    const std::scoped_lock lock(chosen.mutex);
    if (chosen.execute != nullptr) {
      chosen.execute(
          [](void* data) {
            const std::unique_ptr<Job> mine(static_cast<Job*>(data));
            (*mine)();
          },
          job.release(), chosen.user);
    } else {
      std::thread([mine = std::shared_ptr<Job>(std::move(job))] { (*mine)(); }).detach();
    }
    return 0;
  });
}

char* dspy_program_batch(const dspy_program* program, const char* rows_json, size_t concurrency, dspy_stop* stop,
                         dspy_error* error) {
  return guarded<char*>(error, nullptr, [&] {
    std::vector<JsonObject> rows;
    for (auto& row : dspy::c::array_of(rows_json, "the rows")) {
      if (!row.is_object()) throw Error(Errc::bad_input, std::format("row {} is not a JSON object", rows.size()));
      rows.push_back(std::move(row.as_object()));
    }
    const dspy::BatchOptions options{.concurrency = concurrency == 0 ? 32 : concurrency,
                                     .call = {.stop = dspy::c::token_of(stop)}};
    JsonArray out;
    for (const auto& row : dspy::run_batch(value_of(program), std::move(rows), options)) {
      if (row) {
        out.push_back(to_result(*row));
      } else {
        out.push_back(JsonObject{{"error", dspy::to_json(row.error())}});
      }
    }
    return dspy::c::to_host(dspy::to_text(Json(std::move(out))));
  });
}

void dspy_set_executor(dspy_execute execute, void* user) {
  auto& chosen = executor();
  const std::scoped_lock lock(chosen.mutex);
  chosen.execute = execute;
  chosen.user = user;
}

}  // extern "C"
