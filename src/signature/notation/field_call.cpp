#include "field_call.hpp"

#include "dspy/signature/field.hpp"
#include "notation.hpp"
#include "signature/types/type_rules.hpp"

#include <format>

namespace dspy {

void append_quoted(std::string& out, std::string_view text) {
  const char quote = text.contains('\'') && !text.contains('"') ? '"' : '\'';
  out += quote;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += std::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  out += quote;
}

namespace notation {

void append_constant(std::string& out, const Json& value) {
  if (value.is_null()) {
    out += "None";
  } else if (value.is_bool()) {
    out += value.get_bool() ? "True" : "False";
  } else if (value.is_string()) {
    append_quoted(out, view(value.get_string()));
  } else if (const auto* items = value.if_array()) {
    out += '[';
    for (std::size_t i = 0; i < items->size(); ++i) {
      if (i != 0) out += ", ";
      append_constant(out, (*items)[i]);
    }
    out += ']';
  } else if (const auto* members = value.if_object()) {
    out += '{';
    bool first = true;
    for (const auto& [key, member] : *members) {
      if (!first) out += ", ";
      first = false;
      append_quoted(out, key);
      out += ": ";
      append_constant(out, member);
    }
    out += '}';
  } else {
    append_text(out, value);
  }
}

std::string& FieldCall::argument(std::string_view key) {
  if (!text_.empty()) text_ += ", ";
  text_ += key;
  text_ += '=';
  return text_;
}

void FieldCall::number(std::string_view key, const std::optional<Number>& value) {
  if (value) argument(key) += to_text(*value);
}

void FieldCall::count(std::string_view key, const std::optional<std::size_t>& value) {
  if (value) argument(key) += std::to_string(*value);
}

void FieldCall::limits(const Limits& limits, bool as_set) {
  number("gt", limits.gt);
  number("ge", limits.ge);
  number("lt", limits.lt);
  number("le", limits.le);
  number("multiple_of", limits.multiple_of);
  count("min_length", limits.min_length);
  count("max_length", limits.max_length);
  if (!limits.pattern.empty()) append_quoted(argument("pattern"), limits.pattern.text());
  if (!limits.one_of.empty()) constant("one_of", JsonArray(limits.one_of.begin(), limits.one_of.end()));
  if (limits.unique_items && !as_set) constant("unique_items", true);
  if (limits.allow_inf_nan) constant("allow_inf_nan", true);
}

void FieldCall::enumeration(const Type& type) {
  if (type.kind != Type::Kind::literal) return;
  if (!type.name.empty()) append_quoted(argument("title"), type.name);
  if (!type.labels.empty()) constant("labels", JsonArray(type.labels.begin(), type.labels.end()));
}

}  // namespace notation

void append_default(std::string& out, const Field& field) {
  if (field.default_value) notation::append_constant(out += " = ", *field.default_value);
}

}  // namespace dspy
