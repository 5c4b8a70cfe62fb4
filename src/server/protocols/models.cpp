#include "server/protocols/models.hpp"

#include "dspy/base/sha256.hpp"
#include "dspy/llama/llama_lm.hpp"
#include "dspy/signature/signature.hpp"
#include "server/ollama/ollama.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

std::int64_t seconds_of(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

/// A program or a model under its name.
struct Served {
  std::string name = {};
  std::shared_ptr<const ServedProgram> program = {};
  std::shared_ptr<const ServedModel> model = {};
};

Served find(const Gateway& gateway, const Caller& caller, std::string_view name) {
  if (gateway.may_use(caller, name))
    if (auto program = gateway.catalog().program(name)) return {.name = program->name, .program = program};
  auto model = gateway.model(caller, name);
  return {.name = model->name, .model = model};
}

/// Programs first; entries that the caller may not use are omitted.
std::vector<Served> all(const Gateway& gateway, const Caller& caller) {
  std::vector<Served> out;
  for (auto& program : gateway.catalog().programs())
    if (gateway.may_use(caller, program->name)) out.push_back({.name = program->name, .program = program});
  for (auto& model : gateway.catalog().models())
    if (gateway.may_use(caller, model->name) && !gateway.catalog().program(model->name))
      out.push_back({.name = model->name, .model = model});
  return out;
}

JsonArray abilities(const ServedModel& model) {
  JsonArray out;
  if (model.lm) out.emplace_back("completion");
  if (model.lm && model.lm->capabilities().tools) out.emplace_back("tools");
  if (model.lm && model.lm->capabilities().images) out.emplace_back("vision");
  if (model.embedder) out.emplace_back("embedding");
  if (model.reranker) out.emplace_back("rerank");
  return out;
}

JsonObject entry(const Served& served, std::int64_t since) {
  const auto created = served.program ? seconds_of(served.program->loaded_at) : since;
  JsonObject out{{"id", served.name},
                 {"object", "model"},
                 {"created", created},
                 {"owned_by", "dspy"},
                 {"type", "model"},
                 {"display_name", served.name},
                 {"created_at", ollama::time_text(created)}};
  if (served.program) {
    out["kind"] = "program";
    out["version"] = served.program->version;
    out["signature"] = to_notation(served.program->signature);
  } else {
    out["kind"] = "model";
    out["capabilities"] = abilities(*served.model);
    if (served.model->lm)
      if (const auto length = served.model->lm->capabilities().context_length) out["max_model_len"] = *length;
  }
  return out;
}

const LlamaLM* local(const Served& served) {
  return served.model ? dynamic_cast<const LlamaLM*>(served.model->lm.get()) : nullptr;
}

JsonObject details(const Served& served) {
  JsonObject out{{"parent_model", ""},      {"format", "dspy"},     {"family", "program"},
                 {"families", JsonArray()}, {"parameter_size", ""}, {"quantization_level", ""}};
  if (served.model) out["family"] = "remote";
  if (const auto* const lm = local(served)) {
    const auto& info = lm->engine().model().info();
    out["format"] = "gguf";
    out["family"] = info.architecture;
    out["families"] = JsonArray{JsonString(info.architecture)};
    out["parameter_size"] = std::to_string(info.parameters);
    out["quantization_level"] = info.quantization;
  }
  return out;
}

}  // namespace

JsonObject list_models(const Gateway& gateway, const Caller& caller, std::int64_t since) {
  JsonArray data, names;
  for (const auto& served : all(gateway, caller)) {
    data.push_back(entry(served, since));
    if (served.model && served.model->lm) names.push_back(JsonObject{{"name", served.name}});
  }
  Json first, last;
  if (!data.empty()) {
    first = data.front().at("id");
    last = data.back().at("id");
  }
  return {{"object", "list"},           {"data", std::move(data)},
          {"has_more", false},          {"first_id", std::move(first)},
          {"last_id", std::move(last)}, {"models", std::move(names)}};
}

JsonObject show_model(const Gateway& gateway, const Caller& caller, std::string_view name, std::int64_t since) {
  return entry(find(gateway, caller, name), since);
}

JsonObject list_tags(const Gateway& gateway, const Caller& caller, std::int64_t since) {
  JsonArray models;
  for (const auto& served : all(gateway, caller)) {
    const auto changed = served.program ? seconds_of(served.program->loaded_at) : since;
    JsonObject one{{"name", served.name}, {"model", served.name}, {"modified_at", ollama::time_text(changed)}};
    if (const auto* const lm = local(served)) one["size"] = lm->engine().model().info().file_bytes;
    // Of what answers: equal digests are the same model or program.
    one["digest"] = sha256(served.program     ? served.program->version + served.name
                           : served.model->lm ? served.model->lm->fingerprint()
                                              : served.name);
    one["details"] = details(served);
    models.push_back(std::move(one));
  }
  return {{"models", std::move(models)}};
}

JsonObject show_tag(const Gateway& gateway, const Caller& caller, std::string_view name) {
  const auto served = find(gateway, caller, name);
  JsonObject out{{"modelfile", ""}, {"parameters", ""}, {"template", ""}, {"details", details(served)}};
  auto& info = out["model_info"].emplace_object();
  if (const auto* const lm = local(served)) {
    const auto& file = lm->engine().model().info();
    out["template"] = file.chat_template;
    info["general.architecture"] = file.architecture;
    info["general.parameter_count"] = file.parameters;
    info[file.architecture + ".context_length"] = file.context_length;
    info[file.architecture + ".embedding_length"] = file.embedding_length;
  }
  out["capabilities"] = served.model ? abilities(*served.model) : JsonArray{"completion"};
  if (served.program) info["dspy.signature"] = to_notation(served.program->signature);
  return out;
}

}  // namespace dspy::server
