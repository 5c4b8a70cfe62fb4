#include "adapters/coercion/lists.hpp"

#include "base/unicode/letters.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>

namespace dspy {
namespace {

using text::is_digit;

enum class Mark { none, bullet, dot, parenthesis, brackets };

/// The number that a line begins with; 0 if there is none.
std::size_t number_of(std::string_view line) noexcept {
  constexpr std::size_t most = 1'000'000;
  std::size_t out = 0;
  line = text::trim(line);
  if (line.starts_with('[')) line.remove_prefix(1);
  for (; !line.empty() && is_digit(line[0]) && out < most; line.remove_prefix(1))
    out = out * 10 + static_cast<std::size_t>(line[0] - '0');
  return out;
}

/// The mark that `line` begins with; takes it off.
Mark take_mark(std::string_view& line) noexcept {
  const auto followed_by_blank = [&](std::size_t at) {
    return at >= line.size() || line[at] == ' ' || line[at] == '\t';
  };
  for (const std::string_view bullet : {"-", "*", "+", "\xE2\x80\xA2", "\xE2\x80\x93"}) {  // • –
    if (!line.starts_with(bullet) || !followed_by_blank(bullet.size())) continue;
    line.remove_prefix(bullet.size());
    return Mark::bullet;
  }
  const bool bracket = line.starts_with('[');
  std::size_t end = bracket ? 1 : 0;
  const auto first = end;
  while (end < line.size() && is_digit(line[end])) ++end;
  if (end == first || end == line.size()) return Mark::none;
  const char close = line[end++];
  if (!followed_by_blank(end)) return Mark::none;
  const auto mark = bracket        ? (close == ']' ? Mark::brackets : Mark::none)
                    : close == '.' ? Mark::dot
                    : close == ')' ? Mark::parenthesis
                                   : Mark::none;
  if (mark != Mark::none) line.remove_prefix(end);
  return mark;
}

/// True if such a mark is inside a line: `a 2. b` may be two items.
bool has_inner_mark(std::string_view item, Mark kind) noexcept {
  for (auto at = item.find(' '); at != std::string_view::npos; at = item.find(' ', at + 1)) {
    auto rest = item.substr(at + 1);
    if (take_mark(rest) == kind) return true;
  }
  return false;
}

/// Calls `visit` with each line that is not blank, without its line end.
template <class F>
void for_each_line(std::string_view text, F&& visit) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    if (!text::trim(line).empty()) visit(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

std::optional<std::vector<std::string>> split_marked_lines(std::string_view text) {
  std::vector<std::string> items;
  auto kind = Mark::none;
  bool fits = true;
  std::size_t number = 0;             // of the last item
  std::optional<std::size_t> indent;  // of the second item and those that follow: the first one's may be cut off
  for_each_line(text, [&](std::string_view line) {
    if (!fits) return;
    auto rest = text::trim(line);
    const auto mark = take_mark(rest);
    const auto blanks = line.find_first_not_of(" \t");
    const bool indented = blanks != 0;
    if (!items.empty() && indented && mark != kind) {
      items.back().append("\n").append(text::trim(line));
    } else if (mark == Mark::none || (!items.empty() && mark != kind)) {
      fits = false;
    } else {
      const auto here = number_of(line);
      const bool is_next = items.empty() || mark == Mark::bullet || here >= number;
      fits = is_next && (items.empty() || !indent || *indent == blanks);
      if (!items.empty()) indent = blanks;
      number = here;
      kind = mark;
      items.emplace_back(text::trim(rest));
    }
  });
  if (!fits || items.empty() || std::ranges::any_of(items, &std::string::empty)) return std::nullopt;
  if (items.size() == 1 && has_inner_mark(items[0], kind)) return std::nullopt;
  return items;
}

std::vector<std::string_view> split_pieces(std::string_view text) {
  std::vector<std::string_view> pieces;
  for_each_line(text, [&](std::string_view line) { pieces.push_back(text::trim(line)); });
  if (pieces.size() != 1) return pieces;

  auto rest = pieces[0];
  pieces.clear();
  while (true) {
    const auto end = std::min(rest.find(','), rest.size());
    if (const auto piece = text::trim(rest.substr(0, end)); !piece.empty()) pieces.push_back(piece);
    if (end == rest.size()) return pieces;
    rest.remove_prefix(end + 1);
  }
}

bool has_marked_line(std::string_view text) noexcept {
  bool found = false;
  for_each_line(text, [&](std::string_view line) {
    auto rest = text::trim(line);
    found = found || take_mark(rest) != Mark::none;
  });
  return found;
}

bool has_empty_piece(std::string_view line) noexcept {
  bool is_empty = true;
  for (const char c : line) {
    if (c == ',' && is_empty) return true;
    if (c == ',' || (c != ' ' && c != '\t')) is_empty = c == ',';
  }
  return false;
}

bool may_group_digits(std::string_view text) noexcept {
  bool tight = false;
  bool loose = false;
  for (auto at = text.find(','); at != std::string_view::npos; at = text.find(',', at + 1)) {
    const bool has_next = at + 1 < text.size();
    tight |= at > 0 && has_next && is_digit(text[at - 1]) && is_digit(text[at + 1]);
    loose |= has_next && text[at + 1] == ' ';
  }
  return tight && loose;
}

bool is_short_item(std::string_view piece) noexcept {
  constexpr std::size_t longest = 40;
  if (piece.size() > longest || piece.find_first_of(".!?;:\"()[]{}") != std::string_view::npos) return false;
  for (const std::string_view joint : {"and ", "or ", "but "}) {
    if (text::equals_ignoring_case(piece.substr(0, joint.size()), joint)) return false;
  }
  return std::ranges::count(piece, ' ') <= 2;
}

bool joins_items(std::string_view piece) noexcept {
  while (!piece.empty()) {
    const auto end = std::min(piece.find(' '), piece.size());
    const auto word = piece.substr(0, end);
    for (const std::string_view joint : {"and", "or", "nor", "but", "plus", "&", "/", "+"}) {
      if (text::equals_ignoring_case(word, joint)) return true;
    }
    piece.remove_prefix(std::min(end + 1, piece.size()));
  }
  return false;
}

}  // namespace dspy
