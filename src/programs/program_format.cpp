#include "programs/program_format.hpp"

#include "base/unicode/letters.hpp"
#include "dspy/base/sha256.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <span>
#include <vector>

namespace dspy::program_format {
namespace {

using text::is_digit;
using text::is_lower;
using text::is_upper;

void append_canonical(std::string& out, const Json& value);

void append_canonical(std::string& out, const JsonObject& members) {
  std::vector<const JsonObject::value_type*> sorted;
  for (const auto& member : members) sorted.push_back(&member);
  std::ranges::sort(sorted, {}, [](const auto* member) { return std::string_view(member->key()); });
  out += '{';
  for (const auto* member : sorted) {
    append_text(out, Json(member->key()));
    out += ':';
    append_canonical(out, member->value());
    out += ',';
  }
  out += '}';
}

void append_canonical(std::string& out, const Json& value) {
  if (const auto* members = value.if_object()) return append_canonical(out, *members);
  if (const auto* items = value.if_array()) {
    out += '[';
    for (const auto& item : *items) {
      append_canonical(out, item);
      out += ',';
    }
    out += ']';
    return;
  }
  // Other programs write 2.0 as 2, and the reverse.
  constexpr double exact = 9007199254740992.0;  // 2^53: up to there a double holds every integer
  if (const auto* number = value.if_double();
      number != nullptr && std::abs(*number) <= exact && *number == std::trunc(*number))
    return append_text(out, Json(static_cast<std::int64_t>(*number)));
  append_text(out, value);
}

/// True where DSPy's `infer_prefix` begins a new word at `i`: at digits, at a capital behind a
/// small letter or digit, and at the last capital of a run that a small letter follows.
bool starts_word(std::string_view name, std::size_t i) noexcept {
  const char before = name[i - 1];
  const char here = name[i];
  if (is_digit(before) != is_digit(here)) return before != '_' && here != '_';
  if (!is_upper(here)) return false;
  return is_lower(before) || (is_upper(before) && i + 1 < name.size() && is_lower(name[i + 1]));
}

}  // namespace

std::string content_hash(const JsonObject& root) {
  auto copy = root;
  if (auto* own = copy.if_contains(own_key); own != nullptr && own->is_object()) own->get_object().erase("hash");
  std::string text;
  append_canonical(text, copy);
  return "sha256:" + sha256(text);
}

std::string prefix_of(std::string_view name) {
  std::string out;
  std::string word;
  const auto end_word = [&] {
    const bool capitals = std::ranges::any_of(word, is_upper) && std::ranges::none_of(word, is_lower);
    for (std::size_t i = 0; i < word.size(); ++i)
      out += capitals ? word[i] : i == 0 ? text::upper(word[i]) : text::lower(word[i]);
    word.clear();
  };
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '_') {
      end_word();
      out += ' ';
      continue;
    }
    if (i != 0 && name[i - 1] != '_' && starts_word(name, i)) {
      end_word();
      out += ' ';
    }
    word += name[i];
  }
  end_word();
  return out + ":";
}

std::string default_instructions(const Signature& signature, std::string_view path) {
  const auto names = [](std::span<const Field> fields) {
    std::string out;
    for (const auto& field : fields) out.append(out.empty() ? "`" : ", `").append(field.name).append("`");
    return out;
  };
  std::span<const Field> outputs = signature.outputs;
  const bool reasons = path == "predict" || path.ends_with(".predict");
  if (reasons && outputs.size() > 1 && outputs[0].name == "reasoning") outputs = outputs.subspan(1);
  return std::format("Given the fields {}, produce the fields {}.", names(signature.inputs), names(outputs));
}

std::string default_description(std::string_view name) {
  return std::format("${{{}}}", name);
}

}  // namespace dspy::program_format
