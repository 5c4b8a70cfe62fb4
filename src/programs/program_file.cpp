#include "dspy/base/file.hpp"
#include "dspy/base/text.hpp"
#include "dspy/base/version.hpp"
#include "dspy/modules/configure.hpp"
#include "lm/json/sampling_json.hpp"
#include "programs/program_format.hpp"
#include "programs/saved_decisions.hpp"
#include "signature/types/media_marks.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <utility>

namespace dspy {
namespace {

using namespace program_format;

// Reserved names in a file, which DSPy uses itself.
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

void add(JsonObject& out, const JsonObject& kept) {
  for (const auto& member : kept) out.insert(member);
}

/// The loaded file's facts about the field at a place.
SavedField known_field(const SavedPredictor& saved, std::size_t index) {
  return index < saved.fields.size() ? saved.fields[index] : SavedField();
}

JsonObject saved_field_to_json(std::string_view prefix, std::string_view description, const JsonObject& kept) {
  JsonObject out{{"prefix", prefix}, {"description", description}};
  add(out, kept);
  return out;
}

JsonObject state_to_json(const SavedPredictor& saved) {
  JsonArray fields;
  if (saved.names_its_fields()) {
    for (const auto* side : {&saved.signature.inputs, &saved.signature.outputs}) {
      for (const auto& field : *side) {
        const auto known = known_field(saved, fields.size());
        fields.push_back(saved_field_to_json(
            known.prefix.empty() ? prefix_of(field.name) : known.prefix,
            field.description.empty() ? default_description(field.name) : field.description, known.kept));
      }
    }
  } else {
    for (const auto& field : saved.fields)
      fields.push_back(saved_field_to_json(field.prefix, field.description, field.kept));
  }

  // In DSPy's order; it reads `lm` even if there is none.
  JsonObject state{{"traces", JsonArray()}, {"train", JsonArray()}};
  state["demos"] = JsonArray(saved.demos.begin(), saved.demos.end());
  // Without them, Python would use an empty objective instead of its default.
  const bool has_instructions = !saved.names_its_fields() || !saved.signature.instructions.empty();
  JsonObject signature{{"instructions", has_instructions ? saved.signature.instructions
                                                         : default_instructions(saved.signature, saved.path)},
                       {"fields", std::move(fields)}};
  add(signature, saved.signature_kept);
  state["signature"] = std::move(signature);
  state["lm"] = nullptr;
  for (const auto& member : saved.kept) state[member.key()] = member.value();
  erase_secrets(state["lm"]);
  return state;
}

JsonObject functions_to_json(const SavedFunctions& functions) {
  JsonArray validators;
  for (const auto& [field, name] : functions.validators) {
    JsonObject written;
    if (!field.empty()) written["field"] = field;
    written["name"] = name;
    validators.push_back(std::move(written));
  }
  JsonArray computed;
  for (const auto& field : functions.computed) computed.push_back(field_to_json(field));
  JsonObject out;
  if (!validators.empty()) out["validators"] = std::move(validators);
  if (!computed.empty()) out["computed"] = std::move(computed);
  return out;
}

JsonObject description_to_json(const SavedPredictor& saved) {
  std::size_t index = 0;
  const auto side = [&](const std::vector<Field>& fields) {
    JsonArray out;
    for (const auto& field : fields) {
      auto written = field_to_json(field);
      add(written, known_field(saved, index++).own_kept);
      out.push_back(std::move(written));
    }
    return out;
  };
  JsonObject out;
  out["inputs"] = side(saved.signature.inputs);
  out["outputs"] = side(saved.signature.outputs);
  if (saved.signature.instructions.empty()) out["has_instructions"] = false;
  if (saved.functions) out["functions"] = functions_to_json(*saved.functions);
  if (!saved.adapter.empty()) out["adapter"] = saved.adapter;
  if (!saved.lm.empty()) out["lm"] = saved.lm;
  if (auto sampling = to_json(saved.sampling); !sampling.empty()) out["sampling"] = std::move(sampling);
  add(out, saved.own_kept);
  return out;
}

JsonArray scores_to_json(const std::vector<SavedScore>& scores) {
  JsonArray out;
  for (const auto& score : scores) {
    JsonObject written{{"metric", score.metric}, {"value", score.value}};
    if (score.examples) written["examples"] = *score.examples;
    if (!score.dataset.empty()) written["dataset"] = score.dataset;
    add(written, score.kept);
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
  add(own, program.own_kept);
  return own;
}

/// A demonstration as Python DSPy keeps it: media are marked.
JsonObject saved_demo(JsonObject data, const Signature& signature) {
  for (const auto* const side : {&signature.inputs, &signature.outputs}) {
    for (const auto& field : *side) {
      if (auto* const value = data.if_contains(field.name)) mark_media(field.type, *value);
    }
  }
  return data;
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
  add(root, program.kept);
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
  for (const auto& demo : predictor.demos()) known.demos.push_back(saved_demo(demo.data, predictor.signature()));
  known.adapter = adapter->name();
  known.lm = lm ? std::string(lm->model()) : std::string();
  known.sampling = predictor.sampling();
  known.functions = functions_of(predictor.signature());
  save_decisions(predictor.decisions(), known);
  return known;
}

}  // namespace dspy
