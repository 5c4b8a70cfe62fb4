// The values of what was found in a reply.

#include "adapters/coercion/scalars.hpp"
#include "adapters/coercion/xml/xml_value.hpp"
#include "adapters/reading/reader.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy {
namespace {

/// True if no text at all is a value of the type.
bool may_be_empty(const Type& type) {
  if (type.is_optional()) return type.required().kind == Type::Kind::literal && may_be_empty(type.required());
  return type.kind == Type::Kind::bytes ||
         (type.kind == Type::Kind::union_ && std::ranges::any_of(type.arguments, may_be_empty)) ||
         (type.kind == Type::Kind::literal && std::ranges::contains(type.choices, Json("")));
}

bool is_blank(const Json& value) {
  return value.is_null() || (value.is_string() && text::trim(view(value.get_string())).empty());
}

/// True if the blank text that JSON has for a value is that value.
bool takes_blank(const Type& type, const Json& text) {
  const auto& plain = type.required();
  switch (plain.kind) {
    case Type::Kind::string:
    case Type::Kind::code:
    case Type::Kind::reasoning:
    case Type::Kind::any: return true;
    case Type::Kind::bytes: return view(text.get_string()).empty();
    case Type::Kind::literal: return std::ranges::contains(plain.choices, text);
    case Type::Kind::union_:
      return std::ranges::any_of(plain.arguments, [&](const Type& each) { return takes_blank(each, text); });
    default: return false;
  }
}

/// True if JSON gives the output no value: null, or a blank text where that means no value.
bool is_left_out(const Type& type, const Json& value) {
  if (value.is_null()) return type.is_optional() || !takes_null(type);
  return is_blank(value) && !takes_blank(type, value);
}

}  // namespace

std::optional<std::string> ReplyReader::raw_text(std::size_t output) const {
  std::string out;
  switch (found_) {
    case Found::nothing: break;
    case Found::sections:
      if (!(*sections_)[output].has_text) break;
      if (const auto raw = sections_->value(text_, output, out); raw.data() != out.data()) out = raw;
      break;
    case Found::json:
      if (!json_[output] || is_blank(*json_[output])) break;
      out = json_[output]->is_string() ? std::string(view(json_[output]->get_string())) : to_text(*json_[output]);
      break;
    case Found::whole: out = whole_; break;
  }
  return out.empty() ? std::nullopt : std::optional(std::move(out));
}

/// True if the output's value ends where the text does, without anything that closes it.
bool ReplyReader::touches_end(std::size_t output) const {
  switch (found_) {
    case Found::nothing: return false;
    case Found::whole: return true;
    case Found::json: return last_member_ == output;
    case Found::sections: break;
  }
  const auto& section = (*sections_)[output];
  return section.has_text && !section.closed && text::trim_end(text_).size() <= section.end;
}

/// True if the value may be incomplete: more digits of a number, the rest of a choice, more items of a list. A text
/// that is cut gets its own flag.
bool ReplyReader::may_lack_a_part(std::size_t output, const Field& field, const Json& value) const {
  if (!is_cut_ || !touches_end(output)) return false;
  const auto& plain = field.type.required();
  switch (plain.kind) {
    case Type::Kind::string:
    case Type::Kind::code:
    case Type::Kind::reasoning:
    case Type::Kind::boolean: return false;
    case Type::Kind::literal:
      return value.is_string() && std::ranges::any_of(plain.choices, [&](const Json& choice) {
               return choice.is_string() && choice != value &&
                      view(choice.get_string()).starts_with(view(value.get_string()));
             });
    default: break;
  }
  const auto text = text::trim_end(text_);
  return text.empty() || !std::string_view("]}\"'").contains(text.back());
}

/// True for the field's name in braces, which prompts show where the value goes.
bool ReplyReader::is_braced_name(std::size_t output) const {
  const auto& type = signature_.outputs[output].type.required();
  if (type.kind == Type::Kind::literal || !type.limits->one_of.empty()) return false;
  std::string_view raw;
  if (found_ == Found::whole) raw = whole_;
  if (found_ == Found::sections) {
    const auto& section = (*sections_)[output];
    raw = text::trim(text_.substr(section.begin, section.end - section.begin));
  }
  if (found_ == Found::json && json_[output] && json_[output]->is_string()) raw = view(json_[output]->get_string());
  const auto& name = signature_.outputs[output].name;
  return raw.size() == name.size() + 2 && raw.front() == '{' && raw.back() == '}' && raw.substr(1, name.size()) == name;
}

/// The value of an output for `field`, which is the output's own or one like it; nothing if the
/// reply has no text for it.
std::optional<Coerced> ReplyReader::value_of(std::size_t output, const Field& field, Repairs& repairs) const {
  if (is_braced_name(output)) {
    const auto braced_name = std::format("{{{}}}", signature_.outputs[output].name);
    return within_limits(field, refuse(Json(braced_name), "is the prompt's placeholder",
                                       std::format("`{}` is the prompt's placeholder, not a value", braced_name)));
  }
  switch (found_) {
    case Found::nothing: return std::nullopt;
    case Found::whole: return unless_taken_back(whole_, output, field, coerce(field, whole_, repairs));
    case Found::sections: return section_value(output, field, repairs);
    case Found::json: break;
  }
  const auto& json = json_[output];
  if (!json) return std::nullopt;
  if (is_left_out(field.type, *json) || (cut_member_ == output && is_blank(*json))) {
    if (field.type.is_optional() && json->is_string()) repairs.take("null_word");
    return std::nullopt;
  }
  if (cut_member_ == output && field.type.required().kind != Type::Kind::string)
    return within_limits(field, refuse(*json, "is cut off", "the value is cut off"));
  return coerce(field, *json, repairs);
}

std::optional<Coerced> ReplyReader::section_value(std::size_t output, const Field& field, Repairs& repairs) const {
  const auto& section = (*sections_)[output];
  const auto style = form_.tags.text();
  const auto raw = text::trim(text_.substr(section.begin, section.end - section.begin));
  const bool has_elements = is_nested_xml(field.type) || begins_alternative(field.type.required(), raw);
  if (is_tagged() && has_elements) {
    const bool is_empty = raw.empty() && section.closed && !(field.type.is_optional() && section.is_empty_tag);
    const auto elements = tags_->elements(text_, output);
    if (elements.size() > 1) return within_limits(field, read_xml(field.type, elements, style, repairs));
    if (is_empty || raw.starts_with('<')) return within_limits(field, read_xml(field.type, raw, style, repairs));
  }
  const bool holds_itself =
      is_tagged() && !section.has_escapes && is_scalar(field.type.required()) && raw.contains("<" + field.name + ">");
  if (section.is_ambiguous || holds_itself) {
    return within_limits(field, refuse(Json(), "ends in several places",
                                       std::format("the tag that closes `{}` comes more than once", field.name)));
  }
  if (!section.has_text) {
    const bool is_element = is_tagged() && section.closed;
    const bool may_be_null = field.type.is_optional() || takes_null(field.type);
    if (is_element && section.is_empty_tag && may_be_null) return within_limits(field, Json());
    if (is_element && !section.is_empty_tag && field.type.required().kind == Type::Kind::string)
      return within_limits(field, Json(""));
    if (section.found && !section.is_empty_tag && may_be_empty(field.type))
      return coerce(field, std::string_view(), repairs);
    return std::nullopt;
  }
  std::string storage;
  const auto text = sections_->value(text_, output, storage);
  // What is CDATA as a whole is a text, as in quotes.
  const bool is_whole_cdata = is_tagged() && section.has_escapes && cdata_run_size(raw, 0) == raw.size();
  const bool is_text =
      is_tagged() && section.has_escapes && (style == XmlText::literal || (is_whole_cdata && is_null_word(text)));
  auto value = is_text ? coerce(field, Json(text), repairs) : coerce(field, text, repairs);
  if (!value) return value;
  if (is_answered_twice())
    return within_limits(field, refuse(Json(text), "comes twice", std::format("`{}` comes twice", field.name)));
  if (!is_contradicted(output, field, *value)) return unless_taken_back(text, output, field, std::move(value));
  return within_limits(field, refuse(Json(text), "comes twice with different values",
                                     std::format("`{}` comes twice with different values", field.name)));
}

/// The value of an output that breaks its limits, if it has the type.
std::optional<Json> ReplyReader::value_without_limits(std::size_t output) const {
  auto field = signature_.outputs[output];
  auto& type = field.type.is_optional() ? field.type.arguments[0] : field.type;
  if (*type.limits == Limits{} && field.validators.empty()) return std::nullopt;
  type.limits = {.unique_items = type.limits->unique_items};
  field.validators.clear();
  std::vector<Flag> flags;
  Repairs repairs(flags, field.name);
  auto value = value_of(output, field, repairs);
  return value && *value ? std::optional(**std::move(value)) : std::nullopt;
}

std::expected<Reading, Unreadable> ReplyReader::read() && {
  Reading reading;
  reading.flags = std::move(flags_);
  reading.outputs.reserve(signature_.outputs.size());
  std::vector<std::string> missing;
  std::vector<Unreadable::Invalid> invalid;
  JsonObject absent;
  // What was said but cannot be read may have been a value.
  const bool is_unread = found_ == Found::nothing && !has_marker() && !holds_nothing(text_.substr(start_));
  const bool is_blank_reply = text::trim(text_.substr(start_)).empty();
  const auto behind = text_behind();

  for (std::size_t i = 0; i < signature_.outputs.size(); ++i) {
    const auto& field = signature_.outputs[i];
    Repairs repairs(reading.flags, field.name);
    auto value = value_of(i, field, repairs);
    if (value && *value && may_lack_a_part(i, field, **value)) {
      value = within_limits(field, refuse(**value, "may be cut off",
                                          "the reply was cut off there and the value may lack a part; raise "
                                          "`max_tokens`"));
    }
    if (value && *value && says_otherwise(behind, i, field, **value)) {
      value = within_limits(field, refuse(**value, "comes twice with different values",
                                          std::format("`{}` comes twice with different values", field.name)));
    }
    if (const auto* const key = value && *value ? member_outside(i, **value) : nullptr) {
      const auto reason = std::format("`{}` is outside it and may belong inside it", *key);
      value = within_limits(field, refuse(**value, "may have been closed too early", reason));
    }
    if (value) {
      if (*value) {
        reading.outputs.emplace(field.name, **std::move(value));
      } else {
        auto& fault = value->error();
        invalid.push_back({.field = field.name,
                           .reason = std::move(fault.reason),
                           .value = value_without_limits(i),
                           .violations = std::move(fault.violations)});
      }
    } else if (field.default_value && !is_unread && !may_be_said(i)) {
      repairs.take("defaulted");
      reading.outputs.emplace(field.name, *field.default_value);
      absent.emplace(field.name, nullptr);
    } else if (field.type.is_optional() && !is_unread && !is_blank_reply && !may_be_said(i)) {
      reading.outputs.emplace(field.name, nullptr);
      absent.emplace(field.name, nullptr);
    } else {
      missing.push_back(field.name);
    }
  }
  if (missing.empty() && invalid.empty()) return reading;

  for (const auto& member : absent) reading.outputs.stable_erase(member.key());
  if (missing.empty()) cause_.clear();
  return std::unexpected(Unreadable{.missing = std::move(missing),
                                    .cause = std::move(cause_),
                                    .invalid = std::move(invalid),
                                    .partial = std::move(reading.outputs),
                                    .flags = std::move(reading.flags),
                                    .raw = std::string(text_)});
}

}  // namespace dspy
