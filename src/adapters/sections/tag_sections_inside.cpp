// Tags inside an open section: which one ends it, and which belong to its text.

#include "adapters/coercion/xml/xml_value.hpp"
#include "adapters/sections/tag_sections.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <vector>

namespace dspy {
namespace {

using Kind = TagMatch::Kind;

/// The most white space between the items of a list; it bounds what a stream must look at again.
constexpr std::size_t longest_blanks = 64;

/// True if a tag at `at` begins its line.
bool begins_line(std::string_view text, std::size_t at) noexcept {
  const auto before = text.substr(0, at);
  const auto last = before.find_last_not_of(" \t");
  return last != std::string_view::npos && before[last] == '\n';
}

/// True if values of the type may hold an element of that name, such as the `<item>` of a list.
bool may_hold(const Type& type, std::string_view name) {
  const bool is_list = type.kind == Type::Kind::list || type.kind == Type::Kind::tuple;
  if (is_list ? name == "item" : type.kind == Type::Kind::object && name == "entry") return true;
  if (type.kind == Type::Kind::dict || (type.kind == Type::Kind::object && !type.arguments.empty())) return true;
  return std::ranges::any_of(type.arguments, [&](const Type& part) { return may_hold(part, name); }) ||
         std::ranges::any_of(*type.members,
                             [&](const Field& member) { return member.name == name || may_hold(member.type, name); });
}

}  // namespace

TagSections::Verdict TagSections::read_inside(std::size_t at, const TagMatch& match, std::string_view text,
                                              bool complete) {
  if (match.is_input) return Verdict::passed;
  if (match.kind == Kind::close && match.field == *current_) {
    if (complete && !is_nested_xml(tags_.signature().outputs[*current_].type)) return read_end(at, text);
    if (nested_ == 0) return read_close(at, match, text, complete);
    --nested_;
    return Verdict::passed;
  }
  if (match.kind == Kind::open && match.field == *current_) {
    const auto& field = tags_.signature().outputs[match.field];
    const auto begin = sections_[match.field].begin;
    const bool is_first = text::trim(text.substr(begin, at - begin)).empty();
    has_items_of_its_name_ |= is_first && field.type.required().kind == Type::Kind::list;
    if (has_items_of_its_name_ || !is_nested_xml(field.type) || may_hold(field.type, field.name)) ++nested_;
    return Verdict::passed;
  }
  if (match.kind == Kind::close && inside_[match.field] == Inside::opened) inside_[match.field] = Inside::whole;
  if (match.kind != Kind::open || sections_[match.field].has_text) return Verdict::passed;
  if (last_close_[*current_] > at) {
    // In nested elements it may be a member of that name.
    if (!is_nested_xml(tags_.signature().outputs[*current_].type)) inside_[match.field] = Inside::opened;
    return Verdict::passed;
  }
  read_to(text, at);
  if (!complete) return Verdict::wait;
  facts_.unfinished = true;
  return open(at, match) ? Verdict::changed : Verdict::passed;
}

/// At the first closing tag in a text: finds the one that ends the section.
TagSections::Verdict TagSections::read_end(std::size_t first, std::string_view text) {
  auto& section = sections_[*current_];
  const auto match_at = [&](std::size_t at) { return tags_.match(text.substr(at)); };
  const bool opens_line =
      text.substr(section.begin).starts_with('\n') || text.substr(section.begin).starts_with("\r\n");
  std::size_t depth = nested_;
  std::vector<std::size_t> ends;      // closing tags that answer no inner one
  std::size_t last = first;           // the last closing tag of all
  std::vector<std::size_t> on_lines;  // those that begin a line
  for (auto at = first; at < text.size();) {
    const auto match = match_at(at);
    if (match.kind == Kind::close && !match.is_input && match.field == *current_) {
      if (depth == 0) ends.push_back(at);
      depth -= depth == 0 ? 0 : 1;
      if (begins_line(text, at)) on_lines.push_back(at);
      last = at;
    } else if (match.kind == Kind::open && !match.is_input && match.field == *current_) {
      if (!ends.empty()) break;
      ++depth;
    } else if (match.kind == Kind::open && (match.is_input || !sections_[match.field].has_text)) {
      if (depth == 0 && !ends.empty()) break;
    }
    const auto cdata = tags_.text() == XmlText::entities ? find_cdata(text, at) : 0;
    const auto size = std::max({cdata, match.size, std::size_t{1}});
    at = text.find('<', at + size);
  }
  auto end = last;
  if (ends.size() == 1) {
    end = ends[0];
  } else if (ends.empty()) {
    // More is opened than closed: tags are talked about.
    end = first;
    section.is_ambiguous = last != first;
  } else if (opens_line && on_lines.size() == 1) {
    end = on_lines[0];
  } else {
    end = ends[0];
    section.is_ambiguous = true;
  }
  section.has_inner_end = end != first || section.is_ambiguous;
  read_to(text, end);
  close(end + match_at(end).size);
  return Verdict::changed;
}

/// At the open section's closing tag, after which another item of the same list may begin.
TagSections::Verdict TagSections::read_close(std::size_t at, const TagMatch& match, std::string_view text,
                                             bool complete) {
  read_to(text, at);
  const auto end = at + match.size;
  const bool is_list = tags_.signature().outputs[match.field].type.required().kind == Type::Kind::list;
  if (is_list && sections_[match.field].has_text) {  // an empty element is an empty list
    const auto near = text.substr(end, longest_blanks);
    const auto next = end + std::min(near.find_first_not_of(" \t\r\n"), near.size());
    if (next == text.size() && !complete) return Verdict::wait;
    const auto following =
        next < text.size() && text[next] == '<' ? tags_.match(text.substr(next), complete) : TagMatch();
    if (following.kind == Kind::possible) return Verdict::wait;
    if (following.kind == Kind::open && !following.is_input && following.field == match.field) {
      looked_at_ = next + following.size;
      gaps_.push_back({.output = match.field, .begin = at, .end = looked_at_});
      return Verdict::passed;
    }
  }
  close(end);
  return Verdict::changed;
}

}  // namespace dspy
