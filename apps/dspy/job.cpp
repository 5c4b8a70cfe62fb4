#include "job.hpp"

#include "dspy/base/error.hpp"
#include "dspy/modules/chain_of_thought.hpp"
#include "inputs.hpp"

#include <utility>

namespace dspy::app {
namespace {

std::string text_member(const JsonObject& line, const std::string& name, std::string fallback = {}) {
  const auto* value = line.if_contains(name);
  if (value == nullptr || value->is_null()) return fallback;
  if (!value->is_string()) reject_input(name, "must be text, not " + to_text(*value));
  return std::string(view(value->get_string()));
}

std::vector<Example> examples_member(const JsonObject& line, const std::string& name, const Signature& signature) {
  std::vector<Example> out;
  const auto* value = line.if_contains(name);
  if (value == nullptr || value->is_null()) return out;
  if (!value->is_array()) reject_input(name, "must be a list of objects");
  for (const auto& item : value->get_array()) {
    if (!item.is_object()) reject_input(name, "must hold objects only, not " + to_text(item));
    out.emplace_back(item.get_object(), signature);
  }
  return out;
}

}  // namespace

Job read_job(const JsonObject& line) {
  if (!line.contains("signature")) {
    ErrorInfo info;
    info.missing = {"signature"};
    throw Error(Errc::bad_input, "the line has no `signature`; add one such as \"question -> answer\"",
                std::move(info));
  }
  Job job;
  job.signature = Signature::parse(text_member(line, "signature"), text_member(line, "instructions"));
  const auto module = text_member(line, "module", "Predict");
  if (module == "ChainOfThought") {
    job.signature = with_reasoning(job.signature);
  } else if (module != "Predict") {
    reject_input("module", "must be Predict or ChainOfThought, not " + module);
  }
  job.adapter = adapter(text_member(line, "adapter", "field"));
  job.demos = examples_member(line, "demos", job.signature);
  job.history.turns = examples_member(line, "history", job.signature);
  job.completion = text_member(line, "completion");
  if (const auto* inputs = line.if_contains("inputs"); inputs != nullptr) {
    if (!inputs->is_object()) reject_input("inputs", "must be an object, not " + to_text(*inputs));
    job.inputs = inputs->get_object();
  }
  return job;
}

}  // namespace dspy::app
