#include "programs/codegen/codegen_types.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy::codegen {
namespace {

using Kind = Type::Kind;

constexpr std::size_t most_enumerators = 256;  // further values are not found by reflection in C++23
constexpr std::size_t most_members = 200;      // what Boost.PFR counts to
constexpr std::size_t longest_array = 64;

Spelled plain(std::string_view cpp, Kind kind) {
  return {std::string(cpp), {.kind = kind}};
}

/// What can be a member of a struct, a tuple or the like.
Spelled whole(Spelled spelled) {
  if (std::exchange(spelled.is_incomplete, false)) spelled.cpp = std::format("dspy::Boxed<{}>", spelled.cpp);
  return spelled;
}

std::string arguments(const std::vector<Spelled>& all) {
  std::string out;
  for (const auto& each : all) out.append(out.empty() ? "" : ", ").append(each.cpp);
  return out;
}

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

TypeWriter::TypeWriter(std::string scope, const std::vector<std::string>& taken) : scope_(std::move(scope)) {
  for (const auto* name : {"Input", "Output", "fields", "instructions", "validators", "computed", "type_name"})
    names_.take(name);
  for (const auto& name : taken) names_.take(name);
}

void TypeWriter::avoid(const std::vector<Field>& fields) {
  for (auto& name : member_names(fields, {})) names_.take(std::move(name));
  for (const auto& field : fields) avoid_within(field.type);
}

void TypeWriter::avoid_within(const Type& type) {
  for (const auto& argument : type.arguments) avoid_within(argument);
  if (type.kind == Kind::object) avoid(*type.members);
}

Members TypeWriter::members(const std::vector<Field>& fields, const std::string& owner, bool with_outer_table) {
  const auto outer_place = place_;
  const auto names = member_names(fields, owner);
  if (fields.size() > most_members) {
    throw Error(Errc::config_error, std::format("`{}` has {} members, and C++ reflects up to {}; nest some of them",
                                                place_.empty() ? owner : place_, fields.size(), most_members));
  }
  Members out;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& field = fields[i];
    place_ = outer_place.empty() ? field.name : std::format("{}.{}", outer_place, field.name);
    const auto spelled = whole(spell(field.type, to_type_name(to_usable(field.name, "Value"))));
    out.text += std::format("{} {}{};\n", spelled.cpp, names[i], initial(field, spelled));
    auto note = this->note(field, owner, names[i], spelled.natural);
    const bool is_outer = with_outer_table && names[i] == field.name;
    if (!note.empty()) (is_outer ? out.outer_notes : out.own_notes).push_back(std::move(note));
  }
  place_ = outer_place;
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

Spelled TypeWriter::spell(const Type& type, const std::string& hint) {
  switch (type.kind) {
    case Kind::string: return plain("std::string", type.kind);
    case Kind::integer: return plain("std::int64_t", type.kind);
    case Kind::number: return plain("double", type.kind);
    case Kind::boolean: return plain("bool", type.kind);
    case Kind::null_: return plain("std::monostate", type.kind);
    case Kind::any: return plain("dspy::Json", type.kind);
    case Kind::literal: return choice(type, hint);
    case Kind::list: return list(type, hint);
    case Kind::tuple: {
      std::vector<Spelled> items;
      Type natural{.kind = type.kind};
      for (const auto& argument : type.arguments) {
        items.push_back(whole(spell(argument, hint + "Item")));
        natural.arguments.push_back(items.back().natural);
      }
      return {std::format("std::tuple<{}>", arguments(items)), std::move(natural)};
    }
    case Kind::dict: return dict(type, hint);
    case Kind::optional: {
      const auto inner = whole(spell(type.arguments[0], hint));
      return {std::format("std::optional<{}>", inner.cpp), Type::optional(inner.natural), false, {inner}};
    }
    case Kind::union_: return alternatives(type, hint);
    case Kind::object: return object(type, hint);
    case Kind::reference: return reference(type);
    case Kind::date: return plain("std::chrono::year_month_day", type.kind);
    case Kind::datetime: return plain("dspy::DateTime", type.kind);
    case Kind::time: return plain("dspy::Time", type.kind);
    case Kind::duration: return plain("std::chrono::microseconds", type.kind);
    case Kind::bytes: return plain("dspy::Bytes", type.kind);
    case Kind::image: return plain("dspy::Image", type.kind);
    case Kind::audio: return plain("dspy::Audio", type.kind);
    case Kind::file: return plain("dspy::File", type.kind);
    case Kind::history: return plain("dspy::History", type.kind);
    case Kind::code:
      return {std::format("dspy::Code<{}>", type.name.empty() ? "" : literal_of(type.name)), Type::code(type.name)};
    case Kind::reasoning: return plain("dspy::Reasoning", type.kind);
    case Kind::document: return plain("dspy::Document", type.kind);
    case Kind::citations: return plain("dspy::Citations", type.kind);
    case Kind::tool: return plain("dspy::Tool", type.kind);
    case Kind::tool_calls: return plain("dspy::ToolCalls", type.kind);
  }
  std::unreachable();
}

Spelled TypeWriter::list(const Type& type, const std::string& hint) {
  const auto item = spell(type.arguments[0], hint + "Item");
  const auto& least = type.limits->min_length;
  if (least && least == type.limits->max_length && *least > 0 && *least <= longest_array && !item.is_incomplete) {
    return {std::format("std::array<{}, {}>", item.cpp, *least),
            Type::list(item.natural, {.min_length = least, .max_length = least})};
  }
  return {std::format("std::vector<{}>", item.cpp), Type::list(item.natural)};
}

Spelled TypeWriter::dict(const Type& type, const std::string& hint) {
  const auto& declared = type.arguments[0];
  auto key = spell(declared, hint + "Key");
  // A key is text in JSON; what is not an identifier for it is looked at when it is read.
  if (key.natural.kind != Kind::string && key.natural.kind != Kind::integer && key.natural.kind != Kind::literal)
    key = plain("std::string", Kind::string);
  const auto value = spell(type.arguments[1], hint + "Value");
  const bool is_any = key.natural.kind == Kind::string && value.natural.kind == Kind::any;
  return {is_any ? "dspy::JsonObject" : std::format("std::map<{}, {}>", key.cpp, value.cpp),
          Type::dict(key.natural, value.natural)};
}

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

Spelled TypeWriter::alternatives(const Type& type, const std::string& hint) {
  std::vector<Spelled> all;
  for (const auto& alternative : type.arguments) {
    auto spelled = whole(spell(alternative, hint));
    if (alternative.kind != Kind::literal || spelled.alternatives.empty()) {
      all.push_back(std::move(spelled));
    } else {  // choices of several kinds
      all.insert(all.end(), spelled.alternatives.begin(), spelled.alternatives.end());
    }
  }
  return one_of(std::move(all));
}

/// A variant of what differs; of one kind of value alone, that.
Spelled TypeWriter::one_of(std::vector<Spelled> all) {
  std::vector<Spelled> kept;
  Type natural{.kind = Kind::union_};
  for (auto& each : all) {
    if (each.natural.kind == Kind::any) return each;  // which holds the others too
    const auto is_same = [&](const Spelled& other) { return other.cpp == each.cpp || other.natural == each.natural; };
    if (std::ranges::any_of(kept, is_same)) continue;
    natural.arguments.push_back(each.natural);
    kept.push_back(std::move(each));
  }
  if (kept.size() == 1) return kept[0];
  return {std::format("std::variant<{}>", arguments(kept)), std::move(natural), false, kept};
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
