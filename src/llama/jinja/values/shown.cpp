// Values as Python writes them.

#include "llama/jinja/values/value.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <format>
#include <string>
#include <string_view>

namespace dspy::llama::jinja {
namespace {

Text quoted(const Text& text) {
  const auto& bytes = text.bytes();
  const char quote = bytes.contains('\'') && !bytes.contains('"') ? '"' : '\'';
  std::string out(1, quote);
  for (const char byte : bytes) {
    const auto code = static_cast<unsigned char>(byte);
    if (byte == quote || byte == '\\')
      (out += '\\') += byte;
    else if (byte == '\n')
      out += "\\n";
    else if (byte == '\r')
      out += "\\r";
    else if (byte == '\t')
      out += "\\t";
    else if (code < 0x20 || code == 0x7f)
      out += std::format("\\x{:02x}", code);
    else
      out += byte;
  }
  return text.with(out += quote);
}

Text listed(const List& list, bool is_tuple) {
  Text out(is_tuple ? "(" : "[");
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out.append(std::string_view(", "));
    out.append(repr(list[i]));
  }
  if (is_tuple && list.size() == 1) out.append(std::string_view(","));
  out.append(std::string_view(is_tuple ? ")" : "]"));
  return out;
}

Text written(const Dict& dict) {
  Text out("{");
  bool is_first = true;
  for (const auto& [key, value] : dict.members) {
    if (!is_first) out.append(std::string_view(", "));
    is_first = false;
    out.append(repr(key));
    out.append(std::string_view(": "));
    out.append(repr(value));
  }
  out.append(std::string_view("}"));
  return out;
}

}  // namespace

// The shortest digits that give the number again; with an exponent from 1e16 on and below 1e-4.
std::string float_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  std::array<char, 64> buffer{};
  const auto size = std::abs(number);
  const bool is_scientific = size != 0 && (size >= 1e16 || size < 1e-4);
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number,
                                 is_scientific ? std::chars_format::scientific : std::chars_format::fixed)
                       .ptr;
  std::string out(buffer.data(), end);
  if (!is_scientific && !out.contains('.')) out += ".0";
  return out;
}

Text repr(const Value& value) {
  if (const auto* const text = value.text()) return quoted(*text);
  return shown(value);
}

Text shown(const Value& value) {
  if (const auto* const text = value.text()) return *text;
  if (value.is_undefined()) return {};
  if (value.is_none()) return Text("None");
  if (value.is_bool()) return Text(value.truth() ? "True" : "False");
  if (value.is_integer()) return Text(std::to_string(*value.integer()));
  if (value.is_float()) return Text(float_text(*value.number()));
  if (const auto* const list = value.list()) return listed(*list, value.is_tuple());
  if (const auto* const dict = value.dict()) return written(*dict);
  if (const auto* const space = value.changeable()) {
    Text out("<Namespace ");
    out.append(written(space->members));
    out.append(std::string_view(">"));
    return out;
  }
  return Text(std::format("<function {}>", value.callable()->name));
}

}  // namespace dspy::llama::jinja
