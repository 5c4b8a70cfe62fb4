// What stands behind a marker on its line and belongs to it.

#include "adapters/sections/marker_sections.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <format>

namespace dspy {
namespace {

using Kind = MarkerMatch::Kind;

/// How much of the line is looked at.
constexpr std::size_t longest_line = 256;
/// How much punctuation, alone on the line, is no value.
constexpr std::size_t most_punctuation = 3;

}  // namespace

/// How much behind a marker is part of it: a colon or bracket too much, and on a line without anything else also other
/// punctuation, or the type as the prompt shows it.
std::size_t MarkerSections::size_of_rest(std::string_view rest, const Mark& mark) const {
  if (!mark.starts_line) return rest.starts_with(':') ? 1 : 0;
  const auto near = rest.substr(0, longest_line);
  const auto line = near.substr(0, near.find('\n'));
  const auto first = std::min(line.find_first_not_of(" \t"), line.size());
  const auto said = text::trim(line);
  if (said.empty()) return 0;
  const auto size = first + said.size();
  if (said.size() <= most_punctuation && said.find_first_not_of(":.,;=]})\\-") == std::string_view::npos) return size;
  constexpr std::string_view narrow_blank = "\xE2\x80\x8B";  // without width
  if (line.starts_with(narrow_blank)) return narrow_blank.size();
  // Right behind the marker, and apart from the value.
  const bool is_apart = first == 0 && line.size() > 1 && (line[1] == ' ' || line[1] == '\t');
  if (is_apart && std::string_view(".,;}\\-)").contains(line[0])) return 1;
  if (said[0] == ':' || said[0] == '=' || said[0] == ']') return first + 1;
  if (mark.match.kind != Kind::output || said[0] != '(') return 0;
  const auto& type = markers_.signature().outputs[mark.match.field].type;
  return said == std::format("({})", annotation_name(type)) ? size : 0;
}

/// True if what is there of the line may still turn out to belong to the marker before it.
bool MarkerSections::may_be_rest(std::string_view line) noexcept {
  line = text::trim(line);
  return line.size() <= most_punctuation || line[0] == '(';
}

}  // namespace dspy
