#include "llama/tools/python_arguments.hpp"

#include "dspy/base/text.hpp"
#include "llama/tools/python_literal.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy::llama {
namespace {

constexpr std::string_view spaces = " \t\r\n";

bool is_name(std::string_view key) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto part = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  return !key.empty() && letter(key[0]) && std::ranges::all_of(key, part);
}

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(spaces), text.size()));
}

/// The key, without the sign after it.
std::expected<std::string, std::string> take_key(std::string_view& text) {
  std::string key;
  if (text.starts_with('"') || text.starts_with('\'')) {
    const auto quoted = take_python_literal(text);
    if (!quoted) return std::unexpected(quoted.error());
    key = view(quoted->get_string());
  } else {
    const auto end = std::min(text.find_first_of("=,()"), text.size());
    const auto name = text::trim(text.substr(0, end));
    if (end < text.size() && text[end] != '=')
      return std::unexpected(std::format("its argument `{}` has no name", name));
    if (end < text.size() && !is_name(name))
      return std::unexpected(std::format("`{}` is not a name of an argument", name));
    key = name;
    text.remove_prefix(end);
  }
  skip_blanks(text);
  if (!text.starts_with('=')) return std::unexpected(std::format("its argument `{}` has no value", key));
  text.remove_prefix(1);
  return key;
}

}  // namespace

std::string python_key(std::string_view key) {
  return (is_name(key) ? std::string(key) : to_text(Json(key))) + "=";
}

std::expected<JsonObject, std::string> take_python_arguments(std::string_view& text) {
  JsonObject out;
  for (bool is_first = true;; is_first = false) {
    skip_blanks(text);
    if (!is_first && text.starts_with(',')) {
      text.remove_prefix(1);
      skip_blanks(text);
    } else if (!is_first && !text.starts_with(')')) {
      return std::unexpected("it has neither another argument nor an end");
    }
    if (text.starts_with(')')) {
      text.remove_prefix(1);
      return out;
    }
    JsonObject some;
    if (text.starts_with("**")) {
      text.remove_prefix(2);
      auto members = take_python_literal(text);
      if (!members) return std::unexpected(std::move(members.error()));
      if (!members->is_object()) return std::unexpected("what stands after `**` is not an object");
      some = std::move(members->get_object());
    } else {
      auto key = take_key(text);
      if (!key) return std::unexpected(std::move(key.error()));
      auto value = take_python_literal(text);
      if (!value) return std::unexpected(std::format("its argument `{}`: {}", *key, value.error()));
      some.emplace(*key, *std::move(value));
    }
    for (auto& [key, value] : some) {
      if (!out.emplace(key, std::move(value)).second)
        return std::unexpected(std::format("it has the argument `{}` twice", view(key)));
    }
  }
}

std::string write_python_arguments(const JsonObject& arguments) {
  std::string out;
  for (const auto& [key, value] : arguments) {
    if (!out.empty()) out += ", ";
    out += python_key(view(key)) + python_literal(value);
  }
  return out;
}

}  // namespace dspy::llama
