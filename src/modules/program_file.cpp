#include "dspy/base/file.hpp"
#include "dspy/base/text.hpp"
#include "dspy/base/version.hpp"
#include "dspy/modules/configure.hpp"
#include "modules/program_format.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <utility>

namespace dspy {
namespace {

using namespace program_format;

// What a program's part may not be called in a file: DSPy keeps its own things there.
constexpr std::array reserved = {"metadata", "dspy_cpp"};

/// True for a member of a saved LM that may hold a secret.  DSPy leaves out `api_key`; other
/// options of its LMs, such as headers, travel with it.
bool may_be_secret(std::string_view name) {
  const auto lower = text::to_lower(name);
  constexpr std::array words = {"key", "secret", "password", "authorization", "headers", "credential"};
  return std::ranges::any_of(words, [&](std::string_view word) { return lower.contains(word); }) ||
         (lower.contains("token") && !lower.contains("tokens"));
}

void erase_secrets(Json& value) {
  if (auto* items = value.if_array()) {
    for (auto& item : *items) erase_secrets(item);
  } else if (auto* members = value.if_object()) {
    std::vector<std::string> names;
    for (auto& member : *members) {
      if (may_be_secret(member.key())) {
        names.emplace_back(member.key());
      } else {
        erase_secrets(member.value());
      }
    }
    for (const auto& name : names) members->stable_erase(name);
  }
}

JsonObject state_to_json(const SavedPredictor& saved) {
  JsonArray fields;
  const auto known_prefix = [&](std::size_t index) {
    return index < saved.fields.size() ? saved.fields[index].prefix : std::string();
  };
  if (saved.names_its_fields()) {
    for (const auto* side : {&saved.signature.inputs, &saved.signature.outputs}) {
      for (const auto& field : *side) {
        const auto prefix = known_prefix(fields.size());
        fields.push_back(JsonObject{
            {"prefix", prefix.empty() ? prefix_of(field.name) : prefix},
            {"description", field.description.empty() ? default_description(field.name) : field.description}});
      }
    }
  } else {
    for (const auto& field : saved.fields)
      fields.push_back(JsonObject{{"prefix", field.prefix}, {"description", field.description}});
  }

  // In DSPy's order; it reads `lm` even where there is none.
  JsonObject state{{"traces", JsonArray()}, {"train", JsonArray()}};
  state["demos"] = JsonArray(saved.demos.begin(), saved.demos.end());
  state["signature"] = JsonObject{{"instructions", saved.signature.instructions}, {"fields", std::move(fields)}};
  state["lm"] = nullptr;
  for (const auto& member : saved.kept) state[member.key()] = member.value();
  erase_secrets(state["lm"]);
  return state;
}

JsonObject description_to_json(const SavedPredictor& saved) {
  const auto side = [](const std::vector<Field>& fields) {
    JsonArray out;
    for (const auto& field : fields) out.push_back(field_to_json(field));
    return out;
  };
  JsonObject out{{"inputs", side(saved.signature.inputs)}, {"outputs", side(saved.signature.outputs)}};
  if (!saved.adapter.empty()) out["adapter"] = saved.adapter;
  if (!saved.lm.empty()) out["lm"] = saved.lm;
  if (auto sampling = sampling_to_json(saved.sampling); !sampling.empty()) out["sampling"] = std::move(sampling);
  return out;
}

JsonArray scores_to_json(const std::vector<Score>& scores) {
  JsonArray out;
  for (const auto& score : scores) {
    JsonObject written{{"metric", score.metric}, {"value", score.value}};
    if (score.examples) written["examples"] = *score.examples;
    if (!score.dataset.empty()) written["dataset"] = score.dataset;
    out.push_back(std::move(written));
  }
  return out;
}

JsonObject own_to_json(const ProgramFile& program) {
  JsonObject own{{"version", program_format::version}, {"library", dspy::version()}, {"hash", nullptr}};
  if (!program.optimizer.empty()) own["optimizer"] = program.optimizer;
  if (!program.scores.empty()) own["scores"] = scores_to_json(program.scores);
  JsonObject predictors;
  for (const auto& saved : program.predictors) {
    if (saved.names_its_fields()) predictors[saved.path] = description_to_json(saved);
  }
  own["predictors"] = std::move(predictors);
  for (const auto& member : program.own_kept) own.insert(member);
  return own;
}

}  // namespace

const SavedPredictor* ProgramFile::find(std::string_view path) const noexcept {
  const auto found = std::ranges::find(predictors, path, &SavedPredictor::path);
  return found == predictors.end() ? nullptr : &*found;
}

std::string to_text(const ProgramFile& program) {
  JsonObject root;
  const bool lone = program.predictors.size() == 1 && program.predictors[0].path == "self";
  for (const auto& saved : program.predictors) {
    if (std::ranges::contains(reserved, std::string_view(saved.path)) || (saved.path == "self" && !lone)) {
      throw Error(Errc::config_error,
                  std::format("a predictor cannot be saved under the name `{}`, which the file needs "
                              "for itself; rename the member",
                              saved.path));
    }
    if (lone) {
      root = state_to_json(saved);
    } else {
      root[saved.path] = state_to_json(saved);
    }
  }
  for (const auto& member : program.kept) root.insert(member);
  // Python compares each version it finds here with one of its own packages, so there is none of ours.
  if (!root.contains("metadata")) root["metadata"] = JsonObject{{"dependency_versions", JsonObject()}};
  root[own_key] = own_to_json(program);
  root[own_key].get_object()["hash"] = content_hash(root);
  return to_pretty_text(root) + "\n";
}

void save_program(const std::filesystem::path& path, const ProgramFile& program) {
  replace_file(path, to_text(program));
}

SavedPredictor to_saved(const std::string& path, const Predictor& predictor, SavedPredictor known) {
  const auto defaults = settings();
  const auto& lm = predictor.lm() ? predictor.lm() : defaults.lm;
  const auto& adapter = predictor.adapter() ? predictor.adapter() : defaults.adapter;
  const auto count = predictor.signature().inputs.size() + predictor.signature().outputs.size();
  if (known.fields.size() != count) known.fields.clear();
  known.path = path;
  known.signature = predictor.signature();
  known.demos.clear();
  for (const auto& demo : predictor.demos()) known.demos.push_back(demo.data);
  known.adapter = adapter->name();
  known.lm = lm ? std::string(lm->model()) : std::string();
  known.sampling = predictor.sampling();
  return known;
}

}  // namespace dspy
