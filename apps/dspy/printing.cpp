#include "printing.hpp"

#include "dspy/base/error.hpp"

#include <unistd.h>

#include <iostream>

namespace dspy::app {

std::string for_terminal(std::string_view text) {
  static const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (!is_terminal || code >= 0x80 || (code >= 0x20 && code != 0x7F) || c == '\n' || c == '\t')
      out += c;
    else
      out.append("\xE2\x90").append(1, static_cast<char>(code == 0x7F ? 0xA1 : 0x80 + code));  // U+2400: its picture
  }
  return out;
}

void print_line(std::string_view text) {
  std::cout << for_terminal(text) << '\n';
}

void print_json(const JsonObject& object) {
  print_line(to_text(object));
}

std::string shown(const Json& value) {
  if (value.is_string()) return std::string(view(value.get_string()));
  return value.is_null() ? "none" : to_text(value);
}

void print_outputs(const Signature& signature, const Prediction& prediction, bool bare) {
  for (const auto& field : signature.outputs) {
    const auto* const value = prediction.get(field.name);
    if (value == nullptr) continue;  // accepted without it
    print_line(bare && signature.outputs.size() == 1 ? shown(*value) : field.label + ": " + shown(*value));
  }
  tell_what_was_accepted(prediction);
}

void tell_what_was_not_held(const std::vector<std::string>& unenforced) {
  std::cout.flush();
  for (const auto& part : unenforced) std::cerr << "dspy: not constrained to its type: " << part << '\n';
}

void tell_what_was_accepted(const Prediction& prediction) {
  tell_what_was_not_held(prediction.unenforced);
  if (prediction.violations.empty()) return;
  std::cout.flush();
  std::cerr << "dspy: accepted although " << to_sentence(prediction.violations, "the output") << '\n';
}

}  // namespace dspy::app
