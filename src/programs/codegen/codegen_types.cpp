// Members of structs and what they are declared as.  Structs are in codegen_structs.cpp, enumerations in
// codegen_enumerations.cpp.

#include "programs/codegen/codegen_types.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <utility>

namespace dspy::codegen {
namespace {

using Kind = Type::Kind;

constexpr std::size_t most_members = 200;  // what Boost.PFR counts to
constexpr std::size_t longest_array = 64;

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

}  // namespace

Spelled plain(std::string_view cpp, Kind kind) {
  return {std::string(cpp), {.kind = kind}};
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

}  // namespace dspy::codegen
