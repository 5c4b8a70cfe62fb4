// Choices in C++: an enumeration with its names and labels, or the kinds of value that the choices have.

#include "programs/codegen/codegen_types.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <utility>

namespace dspy::codegen {
namespace {

using Kind = Type::Kind;

constexpr std::size_t most_enumerators = 256;  // further values are not found by reflection in C++23

}  // namespace

Spelled TypeWriter::choice(const Type& type, const std::string& hint) {
  const auto all = [&](auto is_kind) { return std::ranges::all_of(type.choices, is_kind); };
  const auto any = [&](auto is_kind) { return std::ranges::any_of(type.choices, is_kind); };
  const auto is_text = [](const Json& each) { return each.is_string(); };
  const auto is_integer = [](const Json& each) { return each.is_int64(); };
  const auto is_flag = [](const Json& each) { return each.is_bool(); };
  if (all(is_text) && type.choices.size() <= most_enumerators) return enumeration(type, hint);
  std::vector<Spelled> kinds;
  if (any(is_text)) kinds.push_back(plain("std::string", Kind::string));
  if (any(is_integer)) kinds.push_back(plain("std::int64_t", Kind::integer));
  if (any(is_flag)) kinds.push_back(plain("bool", Kind::boolean));
  return one_of(std::move(kinds));
}

Spelled TypeWriter::enumeration(const Type& type, const std::string& hint) {
  const auto key = to_notation(type);
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  const auto name = names_.add(is_usable(type.name) ? type.name : hint);
  std::vector<Field> choices;
  for (const auto& choice : type.choices) choices.push_back({.name = std::string(view(choice.get_string()))});
  const auto enumerators = member_names(choices, {});

  std::string list;
  for (const auto& each : enumerators) list.append(list.empty() ? "" : ", ").append(each);
  definitions_ += std::format("enum class {} {{ {} }};\n\n", name, list);

  const auto full = scope_.empty() ? name : std::format("{}::{}", scope_, name);
  const auto specialise = [&](std::string_view variable, std::string_view item, const std::vector<std::string>& texts,
                              const std::vector<std::string>& known) {
    std::string entries;
    for (std::size_t i = 0; i < enumerators.size(); ++i) {
      if (texts[i] == known[i]) continue;
      entries +=
          std::format("{}{{{}::{}, {}}}", entries.empty() ? "" : ", ", full, enumerators[i], literal_of(texts[i]));
    }
    if (entries.empty()) return;
    specialisations_ += std::format(
        "template <>\ninline constexpr auto dspy::{0}<{2}> =\n    std::to_array<dspy::{1}<{2}>>({{{3}}});\n\n",
        variable, item, full, entries);
  };
  std::vector<std::string> names;
  for (const auto& each : choices) names.push_back(each.name);
  specialise("enum_names", "EnumName", names, enumerators);
  auto natural = Type::literal(type.choices);
  if (!type.labels.empty() && type.labels != names) {
    specialise("enum_labels", "EnumLabel", type.labels, names);
    natural = Type::enumeration(name, type.choices, type.labels);
  }
  enumerators_[name] = enumerators;
  return known_[key] = {.cpp = name, .natural = std::move(natural)};
}

}  // namespace dspy::codegen
