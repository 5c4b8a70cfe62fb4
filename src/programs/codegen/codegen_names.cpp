#include "programs/codegen/codegen_names.hpp"

#include "base/unicode/letters.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <utility>

namespace dspy::codegen {
namespace {

using text::is_digit;
using text::is_letter;

constexpr auto keywords = std::to_array<std::string_view>({
    "alignas",     "alignof",  "and",        "and_eq",    "asm",       "auto",         "bitand",
    "bitor",       "bool",     "break",      "case",      "catch",     "char",         "char16_t",
    "char32_t",    "char8_t",  "class",      "co_await",  "co_return", "co_yield",     "compl",
    "concept",     "const",    "const_cast", "consteval", "constexpr", "constinit",    "continue",
    "decltype",    "default",  "delete",     "do",        "double",    "dynamic_cast", "else",
    "enum",        "explicit", "export",     "extern",    "false",     "float",        "for",
    "friend",      "goto",     "if",         "inline",    "int",       "long",         "mutable",
    "namespace",   "new",      "noexcept",   "not",       "not_eq",    "nullptr",      "operator",
    "or",          "or_eq",    "private",    "protected", "public",    "register",     "reinterpret_cast",
    "requires",    "return",   "short",      "signed",    "sizeof",    "static",       "static_assert",
    "static_cast", "struct",   "switch",     "template",  "this",      "thread_local", "throw",
    "true",        "try",      "typedef",    "typeid",    "typename",  "union",        "unsigned",
    "using",       "virtual",  "void",       "volatile",  "wchar_t",   "while",        "xor",
    "xor_eq",
});

// What common headers define as macros, and the namespaces that generated code names.
constexpr auto others = std::to_array<std::string_view>({
    "NULL",     "EOF",      "NAN",       "INFINITY", "HUGE_VAL", "TRUE",     "FALSE",        "BUFSIZ",       "RAND_MAX",
    "CHAR_BIT", "INT_MAX",  "INT_MIN",   "UINT_MAX", "LONG_MAX", "LONG_MIN", "EXIT_SUCCESS", "EXIT_FAILURE", "SEEK_SET",
    "SEEK_CUR", "SEEK_END", "SIGINT",    "SIGTERM",  "SIGABRT",  "SIGSEGV",  "SIGFPE",       "SIGILL",       "EDOM",
    "ERANGE",   "EILSEQ",   "errno",     "assert",   "stdin",    "stdout",   "stderr",       "linux",        "unix",
    "DOMAIN",   "OVERFLOW", "UNDERFLOW", "ERROR",    "IN",       "OUT",      "std",          "dspy",
});

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

std::string comment(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find_first_of("\r\n"));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    // A backslash at the end would take the next line into the comment.
    const auto shown = line.ends_with('\\') ? std::format("{} .", line) : std::string(line);
    if (!text::trim(line).empty()) out += std::format("/// {}\n", shown);
  }
  return out;
}

bool is_usable(std::string_view name) {
  const auto part = [](char c) { return is_letter(c) || c == '_' || is_digit(c); };
  if (name.empty() || is_digit(name[0]) || !std::ranges::all_of(name, part)) return false;
  const bool is_reserved =
      name.contains("__") || (name.size() > 1 && name[0] == '_' && name[1] >= 'A' && name[1] <= 'Z');
  return !is_reserved && !std::ranges::contains(keywords, name) && !std::ranges::contains(others, name);
}

void check_usable(std::string_view name, std::string_view what) {
  if (is_usable(name)) return;
  throw Error(Errc::config_error,
              std::format("the {} `{}` cannot be a name in C++, as a keyword or for its characters; "
                          "rename it",
                          what, name));
}

std::string to_usable(std::string_view name, std::string_view fallback) {
  if (is_usable(name)) return std::string(name);
  std::string out;
  for (const char c : name) {
    if (is_letter(c) || is_digit(c)) {
      out += c;
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  if (out.ends_with('_')) out.pop_back();
  if (out.empty()) return std::string(fallback);
  if (is_digit(out[0])) out.insert(0, "_");
  return is_usable(out) ? out : out + '_';
}

std::string to_type_name(std::string_view name) {
  std::string out;
  bool begins = true;
  for (const char c : name) {
    if (c == '_') {
      begins = true;
      continue;
    }
    out += begins ? text::upper(c) : c;
    begins = false;
  }
  return out;
}

std::string Scope::add(std::string_view name) {
  std::string out(name);
  for (int i = 2; !taken_.insert(out).second; ++i) out = std::format("{}{}", name, i);
  return out;
}

std::vector<std::string> member_names(const std::vector<Field>& fields, std::string_view owner) {
  Scope scope;
  for (const auto name : {owner, std::string_view("fields"), std::string_view("type_name")})
    scope.take(std::string(name));
  // Those that can keep their name have the first choice.
  std::vector<std::string> out(fields.size());
  for (const bool usable : {true, false}) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (is_usable(fields[i].name) == usable) out[i] = scope.add(to_usable(fields[i].name, "member"));
    }
  }
  return out;
}

}  // namespace dspy::codegen
