#include "adapters/writing/value_text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

/// Python's `repr`: the shortest digits that read back the same, plain between 1e-4 and 1e16.
void append_float(std::string& out, double number) {
  std::array<char, 40> buffer{};
  const auto write = [&](std::chars_format format) {
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, format).ptr;
    out.append(buffer.data(), end);
  };
  const auto size = std::abs(number);
  if (number != 0 && (size < 1e-4 || size >= 1e16)) {
    write(std::chars_format::scientific);
    return;
  }
  write(std::chars_format::fixed);
  if (number == std::trunc(number)) out += ".0";
}

/// A passage between guillemets; over several lines if the text could be mistaken for their end.
void append_passage(std::string& out, std::string_view text) {
  constexpr std::string_view open = "\xC2\xAB";   // «
  constexpr std::string_view close = "\xC2\xBB";  // »
  if (!text.contains('\n') && !text.contains(open) && !text.contains(close)) {
    out.append(open).append(text).append(close);
    return;
  }
  out.append(open).append(open).append(open).append("\n    ");
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "    ";
  }
  out.append("\n").append(close).append(close).append(close);
}

void append_passages(std::string& out, const JsonArray& items) {
  if (items.empty()) out += "N/A";
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i != 0) out += '\n';
    if (items.size() > 1) out.append("[").append(std::to_string(i + 1)).append("] ");
    std::string text;
    if (const auto* const plain = items[i].if_string()) {
      text = view(*plain);
    } else {
      append_python_json(text, items[i]);
    }
    append_passage(out, text);
  }
}

}  // namespace

void append_python_json(std::string& out, const Json& value) {
  if (const auto* const items = value.if_array()) {
    out += '[';
    for (std::size_t i = 0; i < items->size(); ++i) {
      if (i != 0) out += ", ";
      append_python_json(out, (*items)[i]);
    }
    out += ']';
  } else if (const auto* const members = value.if_object()) {
    out += '{';
    bool first = true;
    for (const auto& member : *members) {
      if (!std::exchange(first, false)) out += ", ";
      append_text(out, Json(member.key()));
      out += ": ";
      append_python_json(out, member.value());
    }
    out += '}';
  } else if (value.is_double()) {
    append_float(out, value.get_double());
  } else {
    append_text(out, value);
  }
}

void append_value(std::string& out, const Field& field, const Json& value) {
  if (const auto* const text = value.if_string()) {
    out += view(*text);
  } else if (value.is_array() && field.type.required().kind == Type::Kind::string) {
    append_passages(out, value.get_array());
  } else if (value.is_bool()) {
    out += value.get_bool() ? "True" : "False";
  } else if (value.is_null()) {
    out += "None";
  } else {
    append_python_json(out, value);
  }
}

}  // namespace dspy
