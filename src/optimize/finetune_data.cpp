#include "dspy/optimize/finetune_data.hpp"

#include "dspy/base/file.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "optimize/demos.hpp"
#include "optimize/finetune_rows.hpp"
#include "optimize/options.hpp"
#include "optimize/proposing/proposing.hpp"

#include <format>
#include <map>
#include <utility>

namespace dspy {
namespace {

using namespace optimize;

/// The step as a conversation: the program's own prompt, and the values written as its demonstrations are.
Chat conversation(const Predictor& predictor, const TraceStep& step, bool exclude_demos) {
  auto asks = predictor;
  if (exclude_demos) asks.set_demos({});
  auto messages = asks.render(step.inputs);
  // The adapter writes answers in demonstrations only: a last one has it.
  JsonObject values = step.inputs;
  for (const auto& each : step.prediction.data) values[each.key()] = each.value();
  auto answered = predictor;
  answered.set_demos({Example(std::move(values), predictor.signature())});
  const auto shown = answered.render(step.inputs);
  const Message* answer = nullptr;
  for (const auto& message : shown) {
    if (message.role == Role::assistant) answer = &message;
  }
  if (answer == nullptr)
    throw Error(Errc::config_error,
                "the adapter shows no answer in a demonstration; no training text can be made of it");
  messages.push_back(*answer);
  return messages;
}

std::string line_of(const FinetuneRow& row) {
  JsonArray messages;
  for (const auto& message : row.messages) messages.emplace_back(to_json(message));
  return to_text(JsonObject{{"messages", std::move(messages)}}) + "\n";
}

}  // namespace

FinetuneData optimize::finetune_rows(Search& search, const Program& program, const Training& training,
                                     const FinetuneDataOptions& options) {
  const bool has_metric = options.metric.is_set();
  FinetuneData data;
  std::vector<Job> jobs;
  for (const auto& example : training.trainset)
    jobs.push_back({.program = &program, .example = &example, .for_demonstration = true});
  for (const auto& outcome : search.run(jobs)) {
    if (!outcome.is_scored()) continue;
    const double score = outcome.score.value;
    if (has_metric && !(options.metric_threshold ? score >= *options.metric_threshold : score != 0)) continue;
    ++data.examples;
    for (const auto& step : outcome.rollout->steps) {
      data.rows.push_back({.predictor = step.path,
                           .messages = conversation(predictor_at(program, step.path), step, options.exclude_demos)});
    }
  }
  return data;
}

FinetuneData finetune_data(const Program& student, const Training& training, const FinetuneDataOptions& options) {
  Search search("BootstrapFinetune", {{"metric_threshold", json_of(options.metric_threshold)}}, student,
                options.metric.is_set() ? options.metric : any_answer(), training);
  FinetuneData data;
  auto optimized = search.complete([&] {
    search.choose(search.add(student, "the program as it was"));
    data = finetune_rows(search, training.teacher.value_or(student), training, options);
  });
  data.report = std::move(optimized.report);
  return data;
}

void FinetuneData::write(const std::filesystem::path& path, bool by_predictor) const {
  std::map<std::string, std::string> files;
  for (const auto& row : rows) files[by_predictor ? row.predictor : ""] += line_of(row);
  if (!by_predictor) return replace_file(path, files[""]);
  for (const auto& [predictor, text] : files) {
    auto name = path;
    name.replace_filename(std::format("{}.{}.jsonl", path.stem().string(), predictor));
    replace_file(name, text);
  }
}

}  // namespace dspy
