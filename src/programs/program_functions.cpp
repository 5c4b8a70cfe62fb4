#include "dspy/programs/program_file.hpp"

#include <algorithm>
#include <format>

namespace dspy {
namespace {

void add_validators(const Field& field, const std::string& path, std::vector<SavedValidator>& out);

void add_within(const Type& type, const std::string& path, std::vector<SavedValidator>& out) {
  for (const auto& argument : type.arguments) add_within(argument, path, out);
  for (const auto& member : *type.members) add_validators(member, std::format("{}.{}", path, member.name), out);
}

void add_validators(const Field& field, const std::string& path, std::vector<SavedValidator>& out) {
  for (const auto& validator : field.validators) out.push_back({.field = path, .name = validator.name});
  add_within(field.type, path, out);
}

std::string words_for(const SavedValidator& validator) {
  return validator.field.empty() ? std::format("the validator `{}`", validator.name)
                                 : std::format("the validator `{}` of `{}`", validator.name, validator.field);
}

std::string words_for(const Field& computed) {
  return std::format("the computed field `{}`", computed.name);
}

template <class T>
void compare(const std::vector<T>& saved, const std::vector<T>& declared, std::vector<std::string>& out) {
  for (const auto& each : saved) {
    if (!std::ranges::contains(declared, each))
      out.push_back(std::format("{} of the file is not in the program", words_for(each)));
  }
  for (const auto& each : declared) {
    if (!std::ranges::contains(saved, each))
      out.push_back(std::format("{} of the program is not in the file", words_for(each)));
  }
}

}  // namespace

SavedFunctions functions_of(const Signature& signature) {
  SavedFunctions out;
  for (const auto* side : {&signature.inputs, &signature.outputs}) {
    for (const auto& field : *side) add_validators(field, field.name, out.validators);
  }
  for (const auto& validator : signature.validators) out.validators.push_back({.name = validator.name});
  for (const auto& computed : signature.computed) {
    out.computed.push_back(computed.field);
    out.computed.back().validators.clear();
  }
  return out;
}

std::vector<std::string> function_differences(const SavedPredictor& saved, const Signature& declared) {
  std::vector<std::string> out;
  if (!saved.functions) return out;
  const auto has = functions_of(declared);
  compare(saved.functions->validators, has.validators, out);
  compare(saved.functions->computed, has.computed, out);
  return out;
}

}  // namespace dspy
