#include "programs/saved_decisions.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"

#include <algorithm>
#include <format>
#include <string>
#include <string_view>

namespace dspy {
namespace {

const JsonObject* object_at(const JsonObject& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

/// The settings that DSPy has no place for.
void read_own(const JsonObject& written, DecisionSettings& settings) {
  if (const auto* const prior = object_at(written, "prior")) {
    for (const auto& each : *prior) {
      if (!each.value().is_number()) throw Error(Errc::config_error, "`prior` must hold numbers");
      settings.prior[std::string(each.key())] = each.value().to_number<double>();
    }
  }
  const auto* const scale = written.if_contains("scale");
  settings.is_scale = scale != nullptr && scale->is_bool() && scale->get_bool();
}

}  // namespace

DecisionsSettings saved_decisions(const SavedPredictor& saved, const Signature& signature) {
  DecisionsSettings out;
  const auto* const fields = object_at(saved.kept, "fields");
  if (fields == nullptr) return out;
  const auto* const own = object_at(saved.own_kept, "decisions");
  for (const auto& field : signature.outputs) {
    const auto* const written = object_at(*fields, field.name);
    if (written == nullptr) continue;
    const auto made = attempt([&] {
      auto settings = decision_settings_from_json(*written);
      if (const auto* const more = own == nullptr ? nullptr : object_at(*own, field.name)) read_own(*more, settings);
      return settings;
    });
    const auto space = attempt([&] { return decision_space(field, made && made->is_scale); });
    if (made && !space) continue;
    const auto suits = attempt([&] {
      if (!made) throw made.error();
      validate(*made, *space);
    });
    if (!suits) {
      throw Error(Errc::config_error, std::format("`{}`: how `{}` is decided does not suit it: {}", saved.path,
                                                  field.name, suits.error().what()));
    }
    out.emplace(field.name, *made);
  }
  return out;
}

void save_decisions(const DecisionsSettings& decisions, SavedPredictor& saved) {
  auto fields = saved.kept.contains("fields") && saved.kept.at("fields").is_object()
                    ? saved.kept.at("fields").get_object()
                    : JsonObject();
  // An output that is no longer decided loses its settings.
  for (const auto& field : saved.signature.outputs) {
    if (!decisions.contains(field.name) && attempt([&] { return decision_space(field); })) fields.erase(field.name);
  }
  JsonObject own;
  for (const auto& [name, settings] : decisions) {
    fields[name] = to_json(settings);
    JsonObject more;
    if (!settings.prior.empty()) {
      JsonObject prior;
      for (const auto& [label, value] : settings.prior) prior[label] = value;
      more["prior"] = prior;
    }
    if (settings.is_scale) more["scale"] = true;
    if (!more.empty()) own[name] = more;
  }
  saved.kept.erase("fields");
  saved.own_kept.erase("decisions");
  if (!fields.empty()) saved.kept["fields"] = fields;
  if (!own.empty()) saved.own_kept["decisions"] = own;
}

}  // namespace dspy
