#include "adapters/labels.hpp"

namespace dspy {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool is_emphasis(char c) {
  return c == '*' || c == '_' || c == '`';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::size_t skip_blanks(std::string_view line, std::size_t at) {
  while (at < line.size() && is_blank(line[at])) ++at;
  return at;
}

std::size_t skip_emphasis(std::string_view line, std::size_t at) {
  while (at < line.size() && is_emphasis(line[at])) ++at;
  return at;
}

/// Past what may stand before a label: blanks, `## `, `- `, `1. `, `**`.
std::size_t skip_decoration(std::string_view line) {
  auto at = skip_blanks(line, 0);
  auto mark = at;
  if (mark < line.size() && line[mark] == '#') {
    while (mark < line.size() && line[mark] == '#') ++mark;
  } else if (mark < line.size() && is_digit(line[mark])) {
    while (mark < line.size() && is_digit(line[mark])) ++mark;
    if (mark < line.size() && (line[mark] == '.' || line[mark] == ')')) {
      ++mark;
    } else {
      mark = at;
    }
  } else if (mark < line.size() && (line[mark] == '-' || line[mark] == '*' || line[mark] == '+')) {
    ++mark;
  }
  if (mark > at && mark < line.size() && is_blank(line[mark])) at = skip_blanks(line, mark);
  return skip_emphasis(line, at);
}

constexpr std::string_view wide_colon = "：";  // as keyboards for Chinese and Japanese write it

}  // namespace

Labels::Labels(const Signature& signature) {
  keys_.reserve(2 * (signature.inputs.size() + signature.outputs.size()));
  for (std::size_t i = 0; i < signature.outputs.size(); ++i) {
    add(signature.outputs[i].label, Match::Kind::output, i);
    add(signature.outputs[i].name, Match::Kind::output, i);
  }
  for (std::size_t i = 0; i < signature.inputs.size(); ++i) {
    add(signature.inputs[i].label, Match::Kind::input, i);
    add(signature.inputs[i].name, Match::Kind::input, i);
  }
}

void Labels::add(std::string_view name, Match::Kind kind, std::size_t field) {
  std::string letters;
  for (const char c : name) {
    if (!is_blank(c) && c != '_' && c != '-') letters += lower(c);
  }
  if (letters.empty()) return;
  for (const auto& key : keys_) {
    if (key.letters == letters) return;
  }
  keys_.push_back({std::move(letters), kind, field});
}

Labels::Match Labels::match(std::string_view line, bool whole) const {
  const Match cut{.kind = whole ? Match::Kind::none : Match::Kind::partial};
  const auto begin = skip_decoration(line);
  if (begin == line.size()) return cut;

  bool may_grow = false;
  // Bare digits and marks before a label look like decoration only once a blank follows them.
  for (auto i = skip_blanks(line, 0); !whole && i < line.size(); ++i) {
    if (!is_digit(line[i]) && !is_emphasis(line[i]) && line[i] != '#' && line[i] != '-' && line[i] != '+' &&
        line[i] != '.' && line[i] != ')') {
      break;
    }
    may_grow = i + 1 == line.size();
  }

  for (const auto& key : keys_) {
    auto at = begin;
    std::size_t letter = 0;
    while (at < line.size() && letter < key.letters.size()) {
      if (lower(line[at]) == key.letters[letter]) {
        ++letter;
      } else if (letter == 0 || (!is_blank(line[at]) && line[at] != '_' && line[at] != '-')) {
        break;
      }
      ++at;
    }
    if (letter < key.letters.size()) {
      may_grow = may_grow || at == line.size();
      continue;
    }
    at = skip_blanks(line, skip_emphasis(line, skip_blanks(line, at)));
    const auto rest = line.substr(at);
    if (rest.empty() || wide_colon.starts_with(rest)) {
      may_grow = true;
      continue;
    }
    if (!rest.starts_with(':') && !rest.starts_with(wide_colon)) continue;
    at += rest[0] == ':' ? 1 : wide_colon.size();
    // Bold may close behind the colon, `**Answer:** yes`, but not belong to the value, `Answer: **yes**`.
    if (begin > 0 && is_emphasis(line[begin - 1])) {
      if (at == line.size() && !whole) return cut;
      at = skip_emphasis(line, at);
      if (at == line.size() && !whole) return cut;
    }
    return {.kind = key.kind, .field = key.field, .value = skip_blanks(line, at)};
  }
  return may_grow ? cut : Match{};
}

bool Labels::is_label(std::string_view line) const {
  const auto kind = match(line, true).kind;
  return kind == Match::Kind::input || kind == Match::Kind::output;
}

}  // namespace dspy
