// What a type says beyond its C++, as notes.

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/notes.hpp"
#include "programs/codegen/codegen_types.hpp"

#include <algorithm>
#include <format>
#include <optional>
#include <utility>

namespace dspy::codegen {
namespace {

using Kind = Type::Kind;

std::string number(const Number& value) {
  if (value.is_integer) {
    // The smallest integer has no literal of its own.
    return value.integer == INT64_MIN ? "(-9223372036854775807 - 1)" : std::to_string(value.integer);
  }
  auto text = std::format("{}", value.real);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

/// A note cannot say a bound such as 1.0, which it turns into 1.
bool is_plain(const std::optional<Number>& bound) {
  return !bound || detail::plain(*bound) == *bound;
}

/// Limits as notes; false if some cannot be expressed or do not apply to the C++ type.
bool limit_notes(const Type& natural, const Type& wanted, std::vector<std::string>& notes) {
  const auto& has = *natural.limits;
  const auto& wants = *wanted.limits;
  if (has == wants) return true;
  if (natural.kind == Kind::code || natural.kind == Kind::reasoning) return false;  // structs have no length
  if (wants.allow_inf_nan || !is_plain(wants.ge) || !is_plain(wants.le) || !is_plain(wants.gt) || !is_plain(wants.lt) ||
      !is_plain(wants.multiple_of))
    return false;
  if ((has.min_length && !wants.min_length) || (has.max_length && !wants.max_length)) return false;
  const auto add = [&](std::string_view name, const std::optional<Number>& bound) {
    if (bound) notes.push_back(std::format("dspy::{}{{{}}}", name, number(*bound)));
  };
  if (wants.ge && wants.le) {
    notes.push_back(std::format("dspy::between({}, {})", number(*wants.ge), number(*wants.le)));
  } else {
    add("at_least", wants.ge);
    add("at_most", wants.le);
  }
  add("above", wants.gt);
  add("below", wants.lt);
  add("multiple_of", wants.multiple_of);
  if (wants.min_length != has.min_length) notes.push_back(std::format("dspy::min_length{{{}}}", *wants.min_length));
  if (wants.max_length != has.max_length) notes.push_back(std::format("dspy::max_length{{{}}}", *wants.max_length));
  if (!wants.pattern.empty()) notes.push_back(std::format("dspy::matches({})", literal_of(wants.pattern.text())));
  if (wants.unique_items) notes.emplace_back("dspy::unique{}");
  if (wants.one_of.empty()) return true;
  if (natural.kind != Kind::number) return false;
  std::string choices;
  for (const auto& choice : wants.one_of) {
    if (!choice.is_double()) return false;
    choices.append(choices.empty() ? "" : ", ").append(number(choice.get_double()));
  }
  notes.push_back(std::format("dspy::one_of({})", choices));
  return true;
}

/// `Literal[1, 2]` of an integer, as a note.
std::optional<std::string> choice_note(const Type& natural, const Type& wanted) {
  constexpr std::size_t most = 64;
  if (natural.kind != Kind::integer || wanted.kind != Kind::literal || !wanted.name.empty() || !wanted.labels.empty() ||
      wanted.choices.size() > most)
    return std::nullopt;
  std::string choices;
  for (const auto& choice : wanted.choices)
    choices.append(choices.empty() ? "" : ", ").append(number(choice.get_int64()));
  return std::format("dspy::one_of({})", choices);
}

std::string joined(const std::vector<std::string>& notes) {
  std::string out;
  for (const auto& note : notes) out.append(out.empty() ? "" : ", ").append(note);
  return out;
}

/// True if part of the type refers to an object around it, so that it has no notation of its own.
bool refers_outward(const Type& type, std::vector<std::string_view>& inside) {
  if (type.kind == Kind::reference) return !std::ranges::contains(inside, type.name);
  const bool is_object = type.kind == Kind::object;
  if (is_object) inside.emplace_back(type.name);
  const auto outward = [&](const Type& part) { return refers_outward(part, inside); };
  const bool found = std::ranges::any_of(type.arguments, outward) ||
                     std::ranges::any_of(*type.members, [&](const Field& member) { return outward(member.type); });
  if (is_object) inside.pop_back();
  return found;
}

class Notes {
 public:
  explicit Notes(std::string_view place) : place_(place) {}

  std::vector<std::string> between(const Type& natural, const Type& wanted) const {
    if (natural == wanted) return {};
    if (auto notes = gradual(natural.required(), wanted.required());
        notes && natural.is_optional() == wanted.is_optional())
      return *std::move(notes);
    std::vector<std::string_view> inside;
    if (!refers_outward(wanted, inside)) return {std::format("dspy::of_type({})", literal_of(to_notation(wanted)))};
    throw Error(Errc::config_error,
                std::format("codegen has no C++ for the type `{}` of `{}`, since it has limits within a recursive type "
                            "that no note can say; take them away, or use `dspy::Predict` with the notation",
                            annotation_name(wanted), place_));
  }

 private:
  /// Notes on limits and parts; nothing if these are not enough.
  std::optional<std::vector<std::string>> gradual(const Type& natural, const Type& wanted) const {
    if (natural == wanted) return std::vector<std::string>();
    if (auto note = choice_note(natural, wanted)) return std::vector{*std::move(note)};
    if (natural.kind != wanted.kind || natural.name != wanted.name || natural.choices != wanted.choices ||
        natural.labels != wanted.labels || natural.members != wanted.members ||
        natural.arguments.size() != wanted.arguments.size())
      return std::nullopt;
    std::vector<std::string> notes;
    if (!limit_notes(natural, wanted, notes)) return std::nullopt;
    for (std::size_t i = 0; i < wanted.arguments.size(); ++i) {
      const auto inner = between(natural.arguments[i], wanted.arguments[i]);
      if (!inner.empty()) notes.push_back(std::format("dspy::{}({})", part_name(wanted.kind, i), joined(inner)));
    }
    return notes;
  }

  static std::string part_name(Kind kind, std::size_t index) {
    if (kind == Kind::list) return "items";
    if (kind == Kind::dict) return index == 0 ? "keys" : "values";
    return std::format("item<{}>", index);
  }

  std::string_view place_;
};

/// A default as the note that reads best.
std::string default_note(const Json& value, const Type& natural) {
  const auto kind = natural.required().kind;
  if (value.is_string() && (kind == Kind::string || kind == Kind::literal))
    return std::format("dspy::default_value({})", literal_of(view(value.get_string())));
  if (value.is_bool() && kind == Kind::boolean) return std::format("dspy::default_value({})", value.get_bool());
  if (value.is_int64() && kind == Kind::integer)
    return std::format("dspy::default_value({})", number(value.get_int64()));
  if (value.is_double() && kind == Kind::number)
    return std::format("dspy::default_value({})", number(value.get_double()));
  return std::format("dspy::default_json({})", literal_of(to_text(value)));
}

}  // namespace

std::vector<std::string> notes_between(const Type& natural, const Type& wanted, std::string_view place) {
  return Notes(place).between(natural, wanted);
}

std::string TypeWriter::note(const Field& field, const std::string& owner, const std::string& cpp_name,
                             const Type& natural) const {
  std::vector<std::string> notes;
  if (cpp_name != field.name) notes.push_back(std::format("dspy::named({})", literal_of(field.name)));
  if (!field.description.empty()) notes.push_back(std::format("dspy::desc({})", literal_of(field.description)));
  if (field.label != text::to_words(field.name))
    notes.push_back(std::format("dspy::label({})", literal_of(field.label)));
  for (auto& each : notes_between(natural, field.type, place_)) notes.push_back(std::move(each));
  if (field.default_value) notes.push_back(default_note(*field.default_value, natural));
  if (notes.empty()) return {};
  return std::format("dspy::field<&{}::{}>({})", owner, cpp_name, joined(notes));
}

std::string TypeWriter::initial(const Field& field, const Spelled& spelled) const {
  const auto& natural = spelled.natural.required();
  const auto kind = natural.kind;
  if (field.default_value && !field.default_value->is_null()) {
    const auto& value = *field.default_value;
    if (value.is_string() && kind == Kind::string) return " = " + literal_of(view(value.get_string()));
    if (value.is_bool() && kind == Kind::boolean) return value.get_bool() ? " = true" : " = false";
    if (value.is_int64() && (kind == Kind::integer || kind == Kind::number)) return " = " + number(value.get_int64());
    if (value.is_double() && kind == Kind::number) return " = " + number(value.get_double());
    if (kind == Kind::literal) {
      const auto index = std::ranges::find(natural.choices, value) - natural.choices.begin();
      const auto name = spelled.natural.is_optional() ? spelled.alternatives[0].cpp : spelled.cpp;
      return std::format(" = {}::{}", name, enumerators_.at(name)[static_cast<std::size_t>(index)]);
    }
    std::vector<std::string_view> inside;
    // A recursive struct cannot hold itself from the start.
    if (!refers_outward(field.type, inside))
      return std::format(" = dspy::from_json<{}>({})", spelled.cpp, literal_of(to_text(value)));
  }
  using enum Type::Kind;
  constexpr Kind bare[] = {string, list, tuple, dict, union_, object, reference, any, bytes};
  const bool is_class = std::ranges::contains(bare, spelled.natural.kind) && !spelled.cpp.starts_with("std::array<");
  return is_class || spelled.cpp.starts_with("dspy::") ? "" : "{}";
}

}  // namespace dspy::codegen
