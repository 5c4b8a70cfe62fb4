#include "adapters/sections/labels.hpp"

#include <algorithm>

namespace dspy {
namespace {

using Kind = LabelMatch::Kind;

/// How much of a line may surround its label: blanks and decoration.  It bounds what a line can
/// cost, and how much of one a stream must hold back.
constexpr std::size_t longest_surroundings = 256;
constexpr std::size_t longest_emphasis = 4;
constexpr std::size_t longest_fence = 100;

constexpr bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\r';
}
constexpr bool is_separator(char c) noexcept {
  return c == ' ' || c == '_' || c == '-';
}
constexpr bool is_emphasis(char c) noexcept {
  return c == '*' || c == '_' || c == '`';
}
constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

constexpr std::string_view wide_colon = "\xEF\xBC\x9A";  // ：
constexpr std::string_view bullet = "\xE2\x80\xA2";      // •

/// The first letter that counts in comparing, or 0.
char first_letter(std::string_view label) noexcept {
  for (const char c : label) {
    if (!is_separator(c)) return lower(c);
  }
  return 0;
}

/// The outcome of comparing the start of `text` with a label.
struct Walk {
  enum class Kind { differs, ran_out, same };
  Kind kind;
  std::size_t end = 0;  ///< Where in the text the label ends.
};

Walk walk(std::string_view text, std::string_view label) noexcept {
  std::size_t i = 0;
  for (const char wanted : label) {
    if (is_separator(wanted)) continue;
    if (i != 0) {
      while (i < text.size() && is_separator(text[i])) ++i;
    }
    if (i == text.size()) return {Walk::Kind::ran_out};
    if (lower(text[i]) != lower(wanted)) return {Walk::Kind::differs};
    ++i;
  }
  return {i == 0 ? Walk::Kind::differs : Walk::Kind::same, i};
}

/// Reads what surrounds a label; `position` moves along the line.
class Cursor {
 public:
  explicit Cursor(std::string_view line) : line_(line) {}

  bool at_end() const noexcept { return position == line_.size(); }
  char here() const noexcept { return line_[position]; }
  std::string_view rest() const noexcept { return line_.substr(position); }

  void skip_blanks() noexcept {
    while (!at_end() && is_blank(here())) ++position;
  }

  /// Skips bullets, numbers, heading marks and quote marks, each with the blanks after it.
  void skip_decoration() noexcept {
    for (auto before = position + 1; before != position;) {
      before = position;
      if (at_end()) break;
      const bool bullets = here() == '-' || here() == '*' || here() == '+';
      if (here() == '>' || (bullets && rest().size() > 1 && is_blank(rest()[1]))) {
        ++position;
      } else if (here() == '#') {
        while (!at_end() && here() == '#') ++position;
      } else if (rest().starts_with(bullet)) {
        position += bullet.size();
      } else {
        position += number_size();
      }
      skip_blanks();
    }
  }

  /// The size of `1.` or `1)` here, if a blank follows it; else 0.
  std::size_t number_size() const noexcept {
    const auto digits = count_digits();
    if (digits == 0 || digits + 1 >= rest().size()) return 0;
    const char mark = rest()[digits];
    return (mark == '.' || mark == ')') && is_blank(rest()[digits + 1]) ? digits + 1 : 0;
  }

  /// True if what is left may be the beginning of a bullet or number.
  bool may_be_decoration() const noexcept {
    const auto digits = count_digits();
    const auto left = rest().substr(digits);
    return digits != 0 ? left.empty() || left == "." || left == ")"
                       : left == "-" || left == "+" || bullet.starts_with(left);
  }

  std::size_t skip_emphasis(std::size_t most) noexcept {
    const auto start = position;
    while (!at_end() && is_emphasis(here()) && position - start < most) ++position;
    return position - start;
  }

  enum class Colon { none, cut, skipped };

  Colon skip_colon() noexcept {
    skip_blanks();
    if (at_end()) return Colon::cut;
    if (here() == ':') {
      ++position;
      return Colon::skipped;
    }
    if (rest().starts_with(wide_colon)) {
      position += wide_colon.size();
      return Colon::skipped;
    }
    return wide_colon.starts_with(rest()) ? Colon::cut : Colon::none;
  }

  std::size_t position = 0;

 private:
  std::size_t count_digits() const noexcept {
    std::size_t digits = 0;
    while (position + digits < line_.size() && line_[position + digits] >= '0' && line_[position + digits] <= '9')
      ++digits;
    return digits;
  }

  std::string_view line_;
};

/// What follows a label that ends at `end`: closing emphasis and blanks at most, then a colon.
/// Gives `output` for any label.
LabelMatch follow(std::string_view text, std::size_t end, std::size_t opened, bool complete) noexcept {
  Cursor cursor(text);
  cursor.position = end;
  auto open = opened - cursor.skip_emphasis(opened);
  switch (cursor.skip_colon()) {
    case Cursor::Colon::none: return {};
    case Cursor::Colon::cut: return {.kind = complete ? Kind::none : Kind::possible};
    case Cursor::Colon::skipped: break;
  }
  open -= cursor.skip_emphasis(open);
  if (open != 0 && cursor.at_end() && !complete) return {.kind = Kind::possible};
  return {.kind = Kind::output, .value = cursor.position, .emphasis = open};
}

/// The field that all of `key` names; one that is spelt just so goes before the others.
std::size_t find_field(const std::vector<Field>& fields, std::string_view key) noexcept {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name == key) return i;
  }
  if (key.empty()) return fields.size();
  const auto letter = lower(key[0]);
  const auto same = [&](std::string_view label) {
    if (letter != first_letter(label)) return false;
    const auto walked = walk(key, label);
    return walked.kind == Walk::Kind::same && walked.end == key.size();
  };
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (same(fields[i].label) || same(fields[i].name)) return i;
  }
  return fields.size();
}

}  // namespace

Labels::Labels(const Signature& signature) noexcept : signature_(signature) {
  const auto add = [&](std::string_view label) {
    const auto letter = static_cast<unsigned char>(first_letter(label));
    reach_ = std::max(reach_, longest_surroundings + label.size());
    first_letters_[letter / 64] |= std::uint64_t{1} << (letter % 64);
  };
  for (const auto* fields : {&signature.inputs, &signature.outputs}) {
    for (const auto& field : *fields) {
      add(field.label);
      add(field.name);
    }
  }
}

bool Labels::may_start(char letter) const noexcept {
  const auto byte = static_cast<unsigned char>(lower(letter));
  return (first_letters_[byte / 64] >> (byte % 64) & 1) != 0;
}

LabelMatch Labels::match(std::string_view line, bool complete) const noexcept {
  if (line.size() > reach_) {
    line = line.substr(0, reach_);
    complete = true;
  }
  Cursor plain(line);
  plain.skip_blanks();
  auto inner = plain;
  inner.skip_decoration();
  const auto opened = inner.skip_emphasis(longest_emphasis);

  auto found = match_at(inner.rest(), inner.position, opened, complete);
  if (inner.position == plain.position) return found;
  found.decorated = true;
  if (plain.at_end() || !may_start(plain.here())) return found;
  // A label may begin with a decorating character itself.
  const auto undecorated = match_at(plain.rest(), plain.position, 0, complete);
  return undecorated.is_label() || found.kind == Kind::none ? undecorated : found;
}

LabelMatch Labels::match_at(std::string_view text, std::size_t offset, std::size_t opened,
                            bool complete) const noexcept {
  if (text.empty()) return {.kind = complete ? Kind::none : Kind::possible};
  if (!may_start(text[0])) {
    const bool cut = !complete && Cursor(text).may_be_decoration();
    return {.kind = cut ? Kind::possible : Kind::none};
  }

  LabelMatch best;
  bool cut = false;
  const auto letter = lower(text[0]);
  const auto consider = [&](std::string_view label, Kind side, std::size_t index) {
    if (letter != first_letter(label)) return;  // as most do: every line of a prompt's values comes here
    const bool as_is = text.starts_with(label);
    const auto walked = as_is && !is_separator(label.back()) ? Walk{Walk::Kind::same, label.size()} : walk(text, label);
    cut |= walked.kind == Walk::Kind::ran_out;
    if (walked.kind != Walk::Kind::same) return;
    if (best.is_label() && !as_is) return;
    auto found = follow(text, walked.end, opened, complete);
    cut |= found.kind == Kind::possible;
    if (found.kind != Kind::output) return;
    found.kind = side;
    found.field = index;
    found.value += offset;
    found.spelled_as_is = as_is;
    best = found;
  };
  const auto is_certain = [&] { return best.is_label() && best.spelled_as_is; };
  const auto consider_all = [&](const std::vector<Field>& fields, Kind side) {
    for (std::size_t i = 0; i < fields.size() && !is_certain(); ++i) {
      consider(fields[i].label, side, i);
      if (!is_certain()) consider(fields[i].name, side, i);
    }
  };
  consider_all(signature_.outputs, Kind::output);
  consider_all(signature_.inputs, Kind::input);
  if (!best.is_label() && cut && !complete) best.kind = Kind::possible;
  return best;
}

std::size_t Labels::find_output(std::string_view key) const noexcept {
  return find_field(signature_.outputs, key);
}

std::size_t Labels::find_input(std::string_view key) const noexcept {
  return find_field(signature_.inputs, key);
}

bool Labels::is_cut_label(std::string_view text) const noexcept {
  return text.size() > 1 && std::ranges::any_of(signature_.outputs, [&](const Field& field) {
           return std::string_view(field.label).starts_with(text) || std::string_view(field.name).starts_with(text);
         });
}

FenceLine match_fence(std::string_view line, bool complete) noexcept {
  using FenceKind = FenceLine::Kind;
  const auto first = std::min(line.find_first_not_of(" \t\r"), line.size());
  const auto after = std::min(line.find_first_not_of('`', first), line.size());
  if (first > longest_fence || after - first > longest_fence) return {};
  if (after == line.size() && !complete) return {.kind = FenceKind::possible};
  if (after - first < 3) return {};
  const auto info = line.substr(after);
  if (info.size() > longest_fence || info.contains('`')) return {};
  if (!complete) return {.kind = FenceKind::possible};
  return {.kind = FenceKind::fence,
          .ticks = after - first,
          .bare = info.find_first_not_of(" \t\r") == std::string_view::npos};
}

}  // namespace dspy
