// Whether an output that is absent may have been said in a way that was not understood.

#include "adapters/coercion/lost_members.hpp"
#include "adapters/reading/reader.hpp"
#include "adapters/sections/xml_names.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

/// `refunds` for `refund`, `Refund` for `refund`: equal but for case, blanks and one letter.
bool resembles(std::string_view said, std::string_view name) {
  const auto plain = [](std::string_view text) {
    std::string out;
    for (const char c : text) {
      if (c != ' ' && c != '_' && c != '-') out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
  };
  constexpr std::size_t shortest = 4;  // of shorter names, one letter makes another word
  const auto a = plain(said);
  const auto b = plain(name);
  if (a == b) return true;
  const auto& longer = a.size() > b.size() ? a : b;
  const auto& shorter = a.size() > b.size() ? b : a;
  if (shorter.size() < shortest || longer.size() - shorter.size() > 1) return false;
  const auto differs = std::ranges::mismatch(shorter, longer);
  const auto rest = static_cast<std::size_t>(differs.in1 - shorter.begin());
  const auto left = std::string_view(shorter).substr(rest + (longer.size() == shorter.size() ? 1 : 0));
  return std::string_view(longer).substr(rest + 1) == left;
}

/// The name that a line begins with, if something that may open a value follows it: `Refund = `, `Refund (maybe):`.
std::string_view leading_name(std::string_view line) {
  const auto first = line.find_first_not_of("*_#`>-+[<{\"'|(/ \t");
  if (first == std::string_view::npos) return {};
  line.remove_prefix(first);
  const auto end = line.find_first_of("=:(>#\"]*`}");
  return end == std::string_view::npos ? std::string_view() : text::trim(line.substr(0, end));
}

/// The value as if members that are null had been left out.
Json without_nulls(Json value) {
  if (auto* const items = value.if_array()) {
    for (auto& item : *items) item = without_nulls(std::move(item));
  } else if (auto* const members = value.if_object()) {
    JsonObject out;
    for (auto& member : *members) {
      if (!member.value().is_null()) out.emplace(member.key(), without_nulls(std::move(member.value())));
    }
    value = std::move(out);
  }
  return value;
}

}  // namespace

/// The key or element of the reply that names no output, but a member which an output lacks: the output's object may
/// have been closed too early.
const std::string* ReplyReader::member_outside(std::size_t output, const Json& value) const {
  if (extra_keys_.empty()) return nullptr;
  if (found_ == Found::json ? !json_[output] : !is_tagged()) return nullptr;
  const auto given = found_ == Found::json ? *json_[output] : without_nulls(value);
  const auto found = std::ranges::find_if(
      extra_keys_, [&](const std::string& key) { return lacks_member(signature_.outputs[output].type, given, key); });
  return found == extra_keys_.end() ? nullptr : &*found;
}

/// The names of the elements in a text that is part of no output.
void ReplyReader::note_elements(std::string_view text) {
  constexpr std::size_t most = 64;
  for (auto at = text.find('<'); at != std::string_view::npos && extra_keys_.size() < most;
       at = text.find('<', at + 1)) {
    const auto rest = text.substr(at + 1);
    const auto size = static_cast<std::size_t>(std::ranges::find_if_not(rest, is_of_tag_name) - rest.begin());
    if (size != 0 && rest.substr(size).starts_with('>')) extra_keys_.emplace_back(rest.substr(0, size));
  }
}

/// Between the elements of a tagged reply: what is part of none.
std::vector<std::string_view> ReplyReader::gaps() const {
  std::vector<std::string_view> out;
  if (!is_tagged()) return out;
  std::vector<std::pair<std::size_t, std::size_t>> elements;
  for (std::size_t i = 0; i < signature_.outputs.size(); ++i) {
    const auto& section = (*sections_)[i];
    if (!section.found || section.begin == 0) continue;
    const auto opens = text_.rfind('<', section.begin - 1);
    const auto close = section.is_empty_tag ? section.begin : text_.find('>', section.end);
    if (opens == std::string_view::npos || close == std::string_view::npos) continue;
    elements.emplace_back(opens, section.is_empty_tag ? section.begin : close + 1);
  }
  std::ranges::sort(elements);
  for (std::size_t i = 0; i + 1 < elements.size(); ++i) {
    const auto begin = elements[i].second;
    if (elements[i + 1].first > begin) out.push_back(text_.substr(begin, elements[i + 1].first - begin));
  }
  return out;
}

/// True if a key, an element or a line may be the output, which was not found: a default or null would be another
/// value.
bool ReplyReader::may_be_said(std::size_t output) const {
  const auto& field = signature_.outputs[output];
  const auto is_meant = [&](std::string_view said) {
    return !said.empty() && (resembles(said, field.name) || resembles(said, field.label));
  };
  if (found_ == Found::json) return std::ranges::any_of(extra_keys_, is_meant);
  if (found_ != Found::sections || (*sections_)[output].found) return false;
  if (is_tagged()) {
    return std::ranges::any_of(gaps(), [&](std::string_view gap) { return is_meant(leading_name(text::trim(gap))); });
  }
  for (auto rest = text_.substr(start_); !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    if (is_meant(leading_name(rest.substr(0, end)))) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

}  // namespace dspy
