#include "dspy/registry/semantic_version.hpp"

#include "dspy/base/error.hpp"
#include "dspy/signature/signature.hpp"

#include <algorithm>
#include <charconv>
#include <format>

namespace dspy {
namespace {

const Field* find(const std::vector<Field>& fields, std::string_view name) {
  const auto at = std::ranges::find(fields, name, &Field::name);
  return at == fields.end() ? nullptr : &*at;
}

std::string type_of(const Field& field) {
  return to_notation(Signature{.outputs = {Field{.name = "x", .type = field.type, .label = "X"}}});
}

enum class Kind { none, minor, major };

struct Change {
  Kind kind;
  std::string text;
};

std::vector<Change> changes(const ProgramInterface& before, const ProgramInterface& after) {
  std::vector<Change> out;
  const auto compare = [&](const std::vector<Field>& old, const std::vector<Field>& now, std::string_view side) {
    for (const auto& field : old) {
      const auto* const same = find(now, field.name);
      if (same == nullptr) {
        out.push_back({Kind::major, std::format("the {} `{}` is gone", side, field.name)});
      } else if (type_of(field) != type_of(*same)) {
        out.push_back({Kind::major, std::format("the {} `{}` has another type", side, field.name)});
      } else if (side == "input" && !field.is_required() && same->is_required()) {
        out.push_back({Kind::major, std::format("the input `{}` is required now", field.name)});
      }
    }
    for (const auto& field : now) {
      if (find(old, field.name) != nullptr) continue;
      const bool breaks = side == "input" && field.is_required();
      out.push_back({breaks ? Kind::major : Kind::minor,
                     std::format("the {} `{}` is new{}", side, field.name, breaks ? " and required" : "")});
    }
  };
  compare(before.inputs, after.inputs, "input");
  compare(before.outputs, after.outputs, "output");
  return out;
}

}  // namespace

std::string to_string(const SemanticVersion& version) {
  return std::format("{}.{}.{}", version.major, version.minor, version.patch);
}

SemanticVersion parse_version(std::string_view text) {
  SemanticVersion out;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int* const part : {&out.major, &out.minor, &out.patch}) {
    const auto [next, code] = std::from_chars(at, end, *part);
    const bool is_last = part == &out.patch;
    if (code != std::errc() || *part < 0 || (is_last ? next != end : next == end || *next != '.'))
      throw Error(Errc::bad_input, std::format("`{}` is not a version; write three numbers as in 1.2.0", text));
    at = next + 1;
  }
  return out;
}

ProgramInterface interface_of(const ProgramFile& program) {
  ProgramInterface out;
  for (const auto& each : program.predictors) {
    if (!each.names_its_fields()) {
      throw Error(Errc::config_error, std::format("`{}` does not name its fields, as Python wrote it; load it into its "
                                                  "program and save that",
                                                  each.path));
    }
    for (const auto& field : each.signature.inputs) {
      const bool is_made = std::ranges::any_of(program.predictors, [&](const SavedPredictor& other) {
        return &other != &each && find(other.signature.outputs, field.name) != nullptr;
      });
      if (!is_made && find(out.inputs, field.name) == nullptr) out.inputs.push_back(field);
    }
  }
  if (!program.predictors.empty()) out.outputs = program.predictors.back().signature.outputs;
  return out;
}

std::vector<std::string> interface_changes(const ProgramInterface& before, const ProgramInterface& after) {
  std::vector<std::string> out;
  for (auto& each : changes(before, after)) out.push_back(std::move(each.text));
  return out;
}

SemanticVersion next_version(const SemanticVersion& before, const ProgramInterface& old,
                             const ProgramInterface& after) {
  auto most = Kind::none;
  for (const auto& each : changes(old, after)) most = std::max(most, each.kind);
  if (most == Kind::major) return {.major = before.major + 1};
  if (most == Kind::minor) return {.major = before.major, .minor = before.minor + 1};
  return {.major = before.major, .minor = before.minor, .patch = before.patch + 1};
}

}  // namespace dspy
