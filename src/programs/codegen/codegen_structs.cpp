// Structs in C++: for object types, once each, and references to those around them.

#include "dspy/base/error.hpp"
#include "programs/codegen/codegen_types.hpp"

#include <algorithm>
#include <cstddef>
#include <format>

namespace dspy::codegen {
namespace {

using Kind = Type::Kind;

/// Calls `visit` with each reference in a type to an object around it.
template <class F>
void for_each_reference(const Type& type, std::vector<std::string_view>& inside, F&& visit) {
  if (type.kind == Kind::reference) {
    if (!std::ranges::contains(inside, type.name)) visit(type);
    return;
  }
  if (type.kind == Kind::object) inside.emplace_back(type.name);
  for (const auto& argument : type.arguments) for_each_reference(argument, inside, visit);
  for (const auto& member : *type.members) for_each_reference(member.type, inside, visit);
  if (type.kind == Kind::object) inside.pop_back();
}

/// True if an object within the type refers to `name` outside of it.
bool is_named_from_within(const Type& type, std::string_view name) {
  if (type.kind == Kind::object) {
    bool found = false;
    std::vector<std::string_view> inside;
    for_each_reference(type, inside, [&](const Type& reference) { found = found || reference.name == name; });
    return found;
  }
  return std::ranges::any_of(type.arguments, [&](const Type& part) { return is_named_from_within(part, name); });
}

std::string indented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.empty()) out.append("  ").append(line);
    out += '\n';
  }
  return out;
}

}  // namespace

std::string block(std::string_view head, std::string_view body) {
  return std::format("{} {{\n{}}};\n", head, indented(body));
}

std::string table(const std::vector<std::string>& entries) {
  if (entries.empty()) return {};
  std::string out = "\nstatic constexpr auto fields = dspy::describe(\n";
  for (std::size_t i = 0; i < entries.size(); ++i)
    out += std::format("    {}{}\n", entries[i], i + 1 == entries.size() ? ");" : ",");
  return out;
}

std::string TypeWriter::structure(const Type& object, const std::string& name, bool is_outermost) {
  open_.push_back({&object, name});
  auto members = this->members(*object.members, name, false);
  if (!object.arguments.empty()) {
    auto all = *object.members;
    all.push_back({.name = "others"});
    const auto member = member_names(all, name).back();
    const auto others = spell(Type::dict(Type::string(), object.arguments[0]), name + "Value");
    members.text += std::format("{} {};\n", others.cpp, member);
    std::string notes = "dspy::other_members{}";
    for (const auto& note : notes_between(others.natural, Type::dict(Type::string(), object.arguments[0]), place_))
      notes.append(", ").append(note);
    members.own_notes.push_back(std::format("dspy::field<&{}::{}>({})", name, member, notes));
  }
  open_.pop_back();
  const bool is_renamed = name != object.name && !(is_outermost && object.name.empty());
  std::string body;
  if (is_renamed) body += std::format("static constexpr auto type_name = {};\n\n", literal_of(object.name));
  if (is_outermost) body += take_definitions();
  return block("struct " + name, body + members.text + table(members.own_notes));
}

std::string TypeWriter::key_of(const Type& type) const {
  auto key = to_notation(type);
  std::vector<std::string_view> inside;
  for_each_reference(type, inside, [&](const Type& each) { key.append("|").append(reference(each).cpp); });
  return key;
}

Spelled TypeWriter::object(const Type& type, const std::string& hint) {
  const auto key = key_of(type);
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  const auto name = names_.add(is_usable(type.name) ? type.name : hint);
  const auto from_within = [&](const Field& member) { return is_named_from_within(member.type, type.name); };
  if (!type.name.empty() && std::ranges::any_of(*type.members, from_within))
    definitions_ += std::format("struct {};\n\n", name);
  auto text = structure(type, name, false);
  definitions_ += text + "\n";
  return known_[key] = {.cpp = name, .natural = type};
}

Spelled TypeWriter::reference(const Type& type) const {
  for (auto i = open_.size(); i-- > 0;) {
    if (open_[i].object->name == type.name) return {open_[i].name, type, true};
  }
  throw Error(Errc::config_error, std::format("the type `{}` of `{}` is not defined; define it", type.name, place_));
}

}  // namespace dspy::codegen
