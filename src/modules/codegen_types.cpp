#include "modules/codegen_types.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <utility>

namespace dspy::codegen {
namespace {

using Word = std::string_view;

constexpr std::array keywords = {Word("alignas"),       Word("alignof"),     Word("and"),
                                 Word("and_eq"),        Word("asm"),         Word("auto"),
                                 Word("bitand"),        Word("bitor"),       Word("bool"),
                                 Word("break"),         Word("case"),        Word("catch"),
                                 Word("char"),          Word("char16_t"),    Word("char32_t"),
                                 Word("char8_t"),       Word("class"),       Word("co_await"),
                                 Word("co_return"),     Word("co_yield"),    Word("compl"),
                                 Word("concept"),       Word("const"),       Word("const_cast"),
                                 Word("consteval"),     Word("constexpr"),   Word("constinit"),
                                 Word("continue"),      Word("decltype"),    Word("default"),
                                 Word("delete"),        Word("do"),          Word("double"),
                                 Word("dynamic_cast"),  Word("else"),        Word("enum"),
                                 Word("explicit"),      Word("export"),      Word("extern"),
                                 Word("false"),         Word("float"),       Word("for"),
                                 Word("friend"),        Word("goto"),        Word("if"),
                                 Word("inline"),        Word("int"),         Word("long"),
                                 Word("mutable"),       Word("namespace"),   Word("new"),
                                 Word("noexcept"),      Word("not"),         Word("not_eq"),
                                 Word("nullptr"),       Word("operator"),    Word("or"),
                                 Word("or_eq"),         Word("private"),     Word("protected"),
                                 Word("public"),        Word("register"),    Word("reinterpret_cast"),
                                 Word("requires"),      Word("return"),      Word("short"),
                                 Word("signed"),        Word("sizeof"),      Word("static"),
                                 Word("static_assert"), Word("static_cast"), Word("struct"),
                                 Word("switch"),        Word("template"),    Word("this"),
                                 Word("thread_local"),  Word("throw"),       Word("true"),
                                 Word("try"),           Word("typedef"),     Word("typeid"),
                                 Word("typename"),      Word("union"),       Word("unsigned"),
                                 Word("using"),         Word("virtual"),     Word("void"),
                                 Word("volatile"),      Word("wchar_t"),     Word("while"),
                                 Word("xor"),           Word("xor_eq")};

constexpr std::size_t most_enumerators = 256;  // further values are not found by reflection in C++23

bool is_identifier(std::string_view name) {
  const auto letter = [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
  const auto part = [&](char c) { return letter(c) || c == '_' || (c >= '0' && c <= '9'); };
  if (name.empty() || !(letter(name[0]) || name[0] == '_') || !std::ranges::all_of(name, part)) return false;
  const bool is_reserved =
      name.contains("__") || (name.size() > 1 && name[0] == '_' && name[1] >= 'A' && name[1] <= 'Z');
  return !is_reserved && !std::ranges::contains(keywords, name);
}

[[noreturn]] void refuse(std::string_view field, const Type& type) {
  throw Error(Errc::config_error,
              std::format("codegen has no C++ for the type `{}` of `{}`; change it, or use `dspy::Predict` with the "
                          "notation for this predictor",
                          annotation_name(type), field));
}

std::string number(const Number& value) {
  if (!value.is_integer)
    return std::format("{}", value.real).contains('.') ? std::format("{}", value.real)
                                                       : std::format("{}.0", value.real);
  // The smallest integer has no literal of its own.
  return value.integer == INT64_MIN ? "(-9223372036854775807 - 1)" : std::to_string(value.integer);
}

/// A default that `dspy::default_value` can hold, or as JSON.
std::string default_note(const Json& value) {
  if (value.is_string()) return std::format("dspy::default_value({})", literal_of(view(value.get_string())));
  if (value.is_bool()) return std::format("dspy::default_value({})", value.get_bool());
  return std::format("dspy::default_json({})", literal_of(to_text(value)));
}

}  // namespace

std::string literal_of(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) throw Error(Errc::config_error, "codegen cannot write a text with a NUL in it; take it out");
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += std::format("\\{:03o}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string to_type_name(std::string_view name) {
  std::string out;
  bool begins = true;
  for (const char c : name) {
    if (c == '_') {
      begins = true;
      continue;
    }
    out += begins && c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
    begins = false;
  }
  return out;
}

void check_identifier(std::string_view name, std::string_view what) {
  if (is_identifier(name)) return;
  throw Error(
      Errc::config_error,
      std::format("the {} `{}` cannot be a name in C++, as a keyword or for its characters; rename it", what, name));
}

std::string comment(std::string_view text, std::string_view indent) {
  std::string out;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find_first_of("\r\n"));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    // A backslash at the end would take the next line into the comment.
    const auto shown = line.ends_with('\\') ? std::format("{} .", line) : std::string(line);
    if (!text::trim(line).empty()) out += std::format("{}/// {}\n", indent, shown);
  }
  return out;
}

void Members::add(const Field& field) {
  check_identifier(field.name, "field");
  auto spelled = spell(field.type, to_type_name(field.name), field.name);
  const bool is_bare = spelled.type.starts_with("std::") && spelled.type != "std::int64_t";
  lines_.push_back(std::format("{} {}{};", spelled.type, field.name, is_bare ? "" : "{}"));

  std::vector<std::string> notes;
  if (!field.description.empty()) notes.push_back(std::format("dspy::desc({})", literal_of(field.description)));
  if (field.label != text::to_words(field.name))
    notes.push_back(std::format("dspy::label({})", literal_of(field.label)));
  std::vector<std::string> limits;
  if (spelled.is_exact && limit_notes(field.type, limits)) {
    notes.insert(notes.end(), limits.begin(), limits.end());
  } else {
    notes.push_back(std::format("dspy::of_type({})", literal_of(to_notation(field.type))));
  }
  if (field.default_value) notes.push_back(default_note(*field.default_value));
  if (notes.empty()) return;
  std::string entry = std::format("dspy::field<&{}::{}>(", owner_, field.name);
  for (std::size_t i = 0; i < notes.size(); ++i) entry.append(i == 0 ? "" : ", ").append(notes[i]);
  notes_.push_back(entry + ")");
}

Members::Spelled Members::spell(const Type& type, const std::string& hint, std::string_view field) {
  const auto inner = [&](std::size_t i) {
    auto spelled = spell(type.arguments[i], hint, field);
    spelled.is_exact = spelled.is_exact && !type.arguments[i].limits.is_set();
    return spelled;
  };
  switch (type.kind) {
    case Type::Kind::string: return {"std::string"};
    case Type::Kind::integer: return {"std::int64_t"};
    case Type::Kind::number: return {"double"};
    case Type::Kind::boolean: return {"bool"};
    case Type::Kind::literal: return choice(type, hint, field);
    case Type::Kind::optional: {
      auto spelled = spell(type.arguments[0], hint, field);
      return {std::format("std::optional<{}>", spelled.type), spelled.is_exact};
    }
    case Type::Kind::list: {
      const auto spelled = inner(0);
      return {std::format("std::vector<{}>", spelled.type), spelled.is_exact && !type.limits->unique_items};
    }
    case Type::Kind::dict: {
      if (type.arguments[0].kind != Type::Kind::string) refuse(field, type);
      const auto spelled = inner(1);
      return {std::format("std::map<std::string, {}>", spelled.type),
              spelled.is_exact && !type.arguments[0].limits.is_set()};
    }
    default: refuse(field, type);
  }
}

Members::Spelled Members::choice(const Type& type, const std::string& hint, std::string_view field) {
  const auto& choices = type.choices;
  if (std::ranges::all_of(choices, [](const Json& each) { return each.is_bool(); })) return {"bool", false};
  if (std::ranges::all_of(choices, [](const Json& each) { return each.is_int64(); })) return {"std::int64_t", false};
  if (!std::ranges::all_of(choices, [](const Json& each) { return each.is_string(); })) refuse(field, type);
  const bool are_names = choices.size() <= most_enumerators && std::ranges::all_of(choices, [](const Json& each) {
                           return is_identifier(view(each.get_string()));
                         });
  if (!are_names) return {"std::string", false};

  const auto base = is_identifier(type.name) ? type.name : hint;
  auto name = base;
  for (int i = 2; !names_.insert(name).second; ++i) name = std::format("{}{}", base, i);
  enumerations_ += std::format("enum class {} {{", name);
  for (std::size_t i = 0; i < choices.size(); ++i)
    enumerations_ += std::format("{} {}", i == 0 ? "" : ",", view(choices[i].get_string()));
  enumerations_ += " };\n";
  return {name, false};
}

bool Members::limit_notes(const Type& type, std::vector<std::string>& notes) const {
  const auto& required = type.required();
  const auto& limits = *required.limits;
  if (limits.gt || limits.lt || limits.multiple_of || !limits.pattern.empty() || !limits.one_of.empty() ||
      limits.unique_items || limits.allow_inf_nan)
    return false;
  // A note holds a bound as a double.
  const auto is_plain = [](const std::optional<Number>& bound) {
    return !bound || (bound->value() >= -9007199254740992.0 && bound->value() <= 9007199254740992.0);
  };
  if (!is_plain(limits.ge) || !is_plain(limits.le)) return false;
  if (limits.ge && limits.le) {
    notes.push_back(std::format("dspy::between({}, {})", number(*limits.ge), number(*limits.le)));
  } else if (limits.ge) {
    notes.push_back(std::format("dspy::at_least{{{}}}", number(*limits.ge)));
  } else if (limits.le) {
    notes.push_back(std::format("dspy::at_most{{{}}}", number(*limits.le)));
  }
  if (limits.min_length) notes.push_back(std::format("dspy::min_length{{{}}}", *limits.min_length));
  if (limits.max_length) notes.push_back(std::format("dspy::max_length{{{}}}", *limits.max_length));
  return true;
}

}  // namespace dspy::codegen
