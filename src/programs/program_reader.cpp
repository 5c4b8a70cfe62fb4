// Reads program files: what Python DSPy saves, and this library's part under its own key.

#include "dspy/base/file.hpp"
#include "dspy/base/version.hpp"
#include "lm/json/sampling_json.hpp"
#include "programs/program_format.hpp"
#include "programs/program_migration.hpp"
#include "programs/program_place.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using namespace program_format;
using Place = ProgramPlace;

// The members that are read; all others are kept as they are.
constexpr std::array state_members = {"demos", "signature"};
constexpr std::array signature_members = {"instructions", "fields"};
constexpr std::array saved_field_members = {"prefix", "description"};
constexpr std::array description_members = {"inputs",   "outputs",   "adapter",         "lm",
                                            "sampling", "functions", "has_instructions"};
constexpr std::array field_members = {"name",       "type",       "label",   "default",
                                      "min_length", "max_length", "minimum", "maximum"};
constexpr std::array score_members = {"metric", "value", "examples", "dataset"};
constexpr std::array own_members = {"version", "library", "hash", "optimizer", "scores", "predictors"};

template <std::size_t N>
JsonObject without(JsonObject object, const std::array<const char*, N>& members) {
  for (const auto* name : members) object.stable_erase(name);
  return object;
}

bool is_state(const Json& value) {
  const auto* object = value.if_object();
  const auto* signature = object == nullptr ? nullptr : object->if_contains("signature");
  return signature != nullptr && signature->is_object() && signature->get_object().contains("fields");
}

/// This library's part as the present version writes it, or nothing if the file has none.
std::optional<JsonObject> read_own(const Place& root) {
  const auto place = root.find(own_key);
  if (!place) return std::nullopt;
  auto own = place->object();
  const auto written = place->at("version");
  const auto from = written.count();
  if (from == 0) written.fail("must be at least 1");
  if (std::cmp_greater(from, program_format::version)) {
    written.fail(std::format("is {}, and this library ({}) reads up to {}; use a newer dspy", from, dspy::version(),
                             program_format::version));
  }
  place->reading([&](const JsonObject&) { migrate(own, static_cast<std::int64_t>(from)); });
  return own;
}

ProgramFile::Integrity check_hash(const Place& root, const JsonObject& own, bool accept_changed) {
  const auto* hash = own.if_contains("hash");
  if (hash == nullptr) return ProgramFile::Integrity::unchecked;
  if (*hash == Json(content_hash(root.object()))) return ProgramFile::Integrity::verified;
  if (accept_changed) return ProgramFile::Integrity::changed;
  root.fail(
      "its content does not match its hash: it was edited or damaged after it was saved; load an intact copy, or "
      "accept the change with `accept_changed` (`--accept-changed`) and save it again");
}

SavedPredictor read_state(const Place& place, std::string path) {
  SavedPredictor saved{.path = std::move(path)};
  const auto signature = place.at("signature");
  if (const auto text = signature.find("instructions")) saved.signature.instructions = text->text();
  signature.at("fields").each([&](const Place& field) {
    const auto text = [&](std::string_view name) {
      const auto found = field.find(name);
      return found ? found->text() : std::string();
    };
    saved.fields.push_back({.prefix = text("prefix"),
                            .description = text("description"),
                            .kept = without(field.object(), saved_field_members)});
  });
  if (const auto demos = place.find("demos")) {
    demos->each([&](const Place& demo) { saved.demos.push_back(demo.object()); });
  }
  saved.kept = without(place.object(), state_members);
  saved.signature_kept = without(signature.object(), signature_members);
  return saved;
}

SavedFunctions read_functions(const Place& place) {
  SavedFunctions out;
  if (const auto validators = place.find("validators")) {
    validators->each([&](const Place& each) {
      const auto field = each.find("field");
      out.validators.push_back({.field = field ? field->text() : std::string(), .name = each.at("name").text()});
    });
  }
  if (const auto computed = place.find("computed"))
    computed->each([&](const Place& field) { out.computed.push_back(field.reading(field_from_json)); });
  return out;
}

/// Adds what this library's part says about a predictor.
void read_description(const Place& place, SavedPredictor& saved) {
  std::vector<JsonObject> kept;
  const auto fields = [&](std::string_view side) {
    std::vector<Field> out;
    if (const auto list = place.find(side)) {
      list->each([&](const Place& field) {
        out.push_back(field.reading(field_from_json));
        kept.push_back(without(field.object(), field_members));
      });
    }
    return out;
  };
  saved.signature.inputs = fields("inputs");
  saved.signature.outputs = fields("outputs");
  const auto count = saved.signature.inputs.size() + saved.signature.outputs.size();
  if (count != saved.fields.size()) {
    place.fail(std::format("names {} fields, and the `signature` of the same predictor holds {}; the file was edited",
                           count, saved.fields.size()));
  }
  std::size_t index = 0;
  for (auto* side : {&saved.signature.inputs, &saved.signature.outputs}) {
    for (auto& field : *side) {
      saved.fields[index].own_kept = std::move(kept[index]);
      const auto& written = saved.fields[index++].description;
      if (written != default_description(field.name)) field.description = written;
    }
  }
  const auto* const has_instructions = place.object().if_contains("has_instructions");
  if (has_instructions != nullptr && *has_instructions == false &&
      saved.signature.instructions == default_instructions(saved.signature, saved.path))
    saved.signature.instructions.clear();
  place.reading([&](const JsonObject&) { validate(saved.signature); });
  if (const auto adapter = place.find("adapter")) saved.adapter = adapter->text();
  if (const auto lm = place.find("lm")) saved.lm = lm->text();
  if (const auto sampling = place.find("sampling")) saved.sampling = sampling->reading(sampling_from_json);
  if (const auto functions = place.find("functions")) saved.functions = read_functions(*functions);
  saved.own_kept = without(place.object(), description_members);
}

void read_own_members(const Place& own, ProgramFile& file) {
  if (const auto library = own.find("library")) file.library = library->text();
  if (const auto optimizer = own.find("optimizer")) file.optimizer = optimizer->object();
  if (const auto scores = own.find("scores")) {
    scores->each([&](const Place& score) {
      auto& read = file.scores.emplace_back(
          SavedScore{.metric = score.at("metric").text(), .value = score.at("value").number()});
      if (const auto examples = score.find("examples")) read.examples = examples->count();
      if (const auto dataset = score.find("dataset")) read.dataset = dataset->text();
      read.kept = without(score.object(), score_members);
    });
  }
  if (const auto predictors = own.find("predictors")) {
    for (const auto& member : predictors->object()) {
      const auto found = std::ranges::find(file.predictors, std::string_view(member.key()), &SavedPredictor::path);
      const auto place = predictors->at(member.key());
      if (found == file.predictors.end()) place.fail("describes a predictor that the file does not hold");
      read_description(place, *found);
    }
  }
  file.own_kept = without(own.object(), own_members);
}

}  // namespace

ProgramFile read_program(std::string_view text, const LoadOptions& options, std::string_view source) {
  const auto fail_at = [&](const JsonProblem& problem) {
    throw Error(Errc::config_error,
                std::format("{}: no usable JSON at byte {}: {}", source, problem.position, problem.message),
                {.position = problem.position});
  };
  const auto json = parse_json(text);
  if (!json) fail_at(json.error());
  if (const auto problem = repeated_member(text)) fail_at(*problem);
  const Place root(source, {}, *json);
  if (!json->is_object()) root.fail("a program is a JSON object, and this is another value");

  ProgramFile file;
  const auto own = read_own(root);
  if (own) file.integrity = check_hash(root, *own, options.accept_changed);
  if (is_state(*json)) {  // a lone `Predict` is its own state
    file.predictors.push_back(read_state(root, "self"));
    for (const auto* name : {"metadata", "dspy_cpp"}) {
      if (auto* value = file.predictors[0].kept.if_contains(name)) {
        if (name != own_key) file.kept[name] = *value;
        file.predictors[0].kept.stable_erase(name);
      }
    }
  } else {
    for (const auto& member : root.object()) {
      if (member.key() == own_key) continue;
      if (is_state(member.value())) {
        file.predictors.push_back(read_state(root.at(member.key()), std::string(member.key())));
      } else {
        file.kept.insert(member);
      }
    }
  }
  if (file.predictors.empty()) root.fail("it holds no predictor: an object with `signature` and `demos`");
  if (own) {
    const Json value = *own;
    read_own_members(Place(source, std::string(own_key), value), file);
  }
  return file;
}

ProgramFile load_program(const std::filesystem::path& path, const LoadOptions& options) {
  return read_program(read_text(path, options.max_bytes), options, std::format("`{}`", path.string()));
}

}  // namespace dspy
