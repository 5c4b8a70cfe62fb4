#include "adapters/json/json_search.hpp"

#include "adapters/json/json_candidates.hpp"
#include "adapters/json/json_members.hpp"
#include "adapters/json/json_repair.hpp"
#include "adapters/json/json_text.hpp"
#include "adapters/reading/prelude.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using json_text::longest_key;
using json_text::quote_at;
using json_text::skip_blanks;

/// Goes through the JSON values of a text, and keeps the object that names outputs.
class Search {
 public:
  Search(const Labels& labels, std::string_view text, std::size_t from, std::size_t until)
      : labels_(labels), text_(text), from_(from), until_(until) {}

  std::expected<std::optional<FoundObject>, JsonProblem> run() {
    // What fails late may be tried again from every bracket inside it, so the sum is bounded.
    auto budget = 4 * text_.size() + 1024;
    gap_ = from_;
    for (auto at = next(from_); at < until_; at = next(at)) {
      if (text_[at] == '[' && !begins_array(at)) {
        ++at;
        continue;
      }
      if (!found_) suspect_ = at;
      auto read = read_lenient_json(text_, at);
      const auto looked_at = (read ? read->end : read.error().position) - at + 1;
      if (looked_at > budget) return std::move(found_);
      budget -= looked_at;
      if (!read && text_[at] == '{' && begins_object(text_, at)) return std::unexpected(std::move(read.error()));
      if (!read) {
        ++at;
        continue;
      }
      if (is_endless(*read)) return problem("it contains an unterminated string", read->end);
      const auto end = read->end;
      if (auto problem = take(at, *std::move(read))) return std::unexpected(*std::move(problem));
      at = end;
    }
    if (!found_) return lost_opening();
    if (continues_object(text_.substr(gap_)) || continues_list(text_.substr(gap_)))
      return problem("members follow the object", gap_);
    return std::move(found_);
  }

  /// True if objects were found and it is not clear which one is meant: a repair cannot help there.
  bool is_ambiguous() const noexcept { return is_ambiguous_; }

  /// Where the object begins that cannot be read.
  std::size_t broken_begin() const noexcept {
    return has_quoted_key(text_.substr(from_, suspect_ - from_)) ? start() : suspect_;
  }

  /// Called where no object was found: looks for members of one whose `{` is missing.
  std::expected<std::optional<FoundObject>, JsonProblem> lost_opening() {
    const auto first = skip_blanks(text_, from_);
    const auto mark = quote_at(text_, first);
    if (mark == 0) return std::nullopt;
    const auto line = text_.substr(first + mark, longest_key);
    const auto end = line.find_first_of("\"'\n:");
    if (end == std::string_view::npos || line[end] == '\n') return std::nullopt;
    auto key = text::trim(line.substr(0, end));
    if (key.ends_with("”") || key.ends_with("’")) key.remove_suffix(3);
    if (labels_.find_output(key) == labels_.signature().outputs.size()) return std::nullopt;
    const auto colon = skip_blanks(line, line[end] == ':' ? end : end + 1);
    if (colon == line.size() || line[colon] != ':') return std::nullopt;
    suspect_ = first;
    return problem("the object lacks its `{`", first);
  }

 private:
  std::size_t next(std::size_t at) const noexcept {
    while (at < until_ && text_[at] != '{' && text_[at] != '[') ++at;
    return at;
  }

  bool begins_array(std::size_t at) const noexcept {
    const auto first = skip_blanks(text_, at + 1);
    return first < text_.size() && text_[first] == '{';
  }

  /// The start of the text, after the line that opens a fence.
  std::size_t start() const noexcept {
    const auto first = skip_blanks(text_, from_);
    const auto line_end = std::min(text_.find('\n', first), text_.size());
    const auto line = text_.substr(first, line_end - first);
    return match_fence(line).kind == FenceLine::Kind::fence ? skip_blanks(text_, line_end) : first;
  }

  std::unexpected<JsonProblem> problem(std::string_view message, std::size_t at) const {
    return std::unexpected(JsonProblem{.message = std::string(message), .position = at});
  }

  /// Takes a value that was read, if it names outputs.
  std::optional<JsonProblem> take(std::size_t begin, LenientJson read) {
    Candidates candidates(labels_);
    candidates.look_into(read.value, true);
    const auto before = text_.substr(gap_, begin - gap_);
    const bool is_empty = read.value.is_object() && read.value.get_object().empty();
    if (is_empty && continues(read.end))
      return JsonProblem{.message = "members follow the object", .position = read.end};
    if (candidates.any()) {
      if (found_ && (has_input(before) || opens_thoughts(before, labels_))) {
        gap_ = text_.size();
        until_ = 0;
        return std::nullopt;
      }
      if (continues_object(before) && (found_ || has_quoted_key(before)))
        return JsonProblem{.message = "it is among the members of another object", .position = begin};
      auto* const members = candidates.only();
      if (candidates.is_schema() && members == nullptr && !found_)
        return JsonProblem{.message = "it is a JSON Schema, not a reply", .position = begin};
      const bool nested = members != read.value.if_object();
      if (members == nullptr || (nested && read.repairs.has(JsonRepair::unclosed)))
        return JsonProblem{.message = "it is unclear which object inside it is meant", .position = begin};
      if (read.repairs.has(JsonRepair::unclosed) && holds_lost_member(*members))
        return JsonProblem{.message = "some of its members are in a nested object", .position = begin};
      if (echoes_schema(*members, labels_))
        return JsonProblem{.message = "it is a JSON Schema, not a reply", .position = begin};
      if (!is_start(before) && closes_more(read.end))
        return JsonProblem{.message = "it is inside malformed JSON", .position = begin};
      if (found_) {
        if (found_->members != *members) {
          is_ambiguous_ = true;
          return JsonProblem{.message = "there is another object with other values", .position = begin};
        }
      } else {
        found_ = FoundObject{
            .members = std::move(*members), .begin = begin, .end = read.end, .repairs = read.repairs, .nested = nested};
      }
    }
    if (!is_empty) gap_ = read.end;
    return std::nullopt;
  }

  /// For an object without its `}`: true if one of its members lost its own end and swallowed the members after it.
  bool holds_lost_member(const JsonObject& members) const {
    const auto outputs = labels_.signature().outputs.size();
    std::vector<bool> has(outputs + 1);
    for (const auto& member : members) has[labels_.find_output(member.key())] = true;
    for (const auto& member : members) {
      const auto* const inner = member.value().if_object();
      const auto output = labels_.find_output(member.key());
      if (inner == nullptr || output == outputs) continue;
      const auto& type = labels_.signature().outputs[output].type.required();
      for (const auto& each : *inner) {
        const auto named = labels_.find_output(each.key());
        const bool is_own = type.kind != Type::Kind::object ||
                            std::ranges::contains(*type.members, std::string_view(each.key()), &Field::name);
        if (named != outputs && !has[named] && !is_own) return true;
      }
    }
    return false;
  }

  bool continues(std::size_t end) const noexcept {
    const auto next = text_.substr(end, longest_key);
    const auto first = skip_blanks(next, 0);
    return first < next.size() && (quote_at(next, first) != 0 || continues_object(next));
  }

  /// True if the text ends inside a string, yet with a closing bracket: the string's closing quote was left out.
  bool is_endless(const LenientJson& read) const noexcept {
    if (!read.repairs.has(JsonRepair::unclosed_string)) return false;
    auto inner = text::trim(text_);
    if (inner.ends_with("```")) inner = text::trim(inner.substr(0, inner.size() - 3));
    return inner.ends_with('}') || inner.ends_with(']');
  }

  /// Nothing but the line that opens a fence.
  static bool is_start(std::string_view before) noexcept {
    before = text::trim(before);
    return before.empty() || (!before.contains('\n') && match_fence(before).kind == FenceLine::Kind::fence);
  }

  bool closes_more(std::size_t end) const noexcept {
    const auto first = skip_blanks(text_, end);
    return first < text_.size() && (text_[first] == '}' || text_[first] == ']' || text_[first] == ',');
  }

  /// A line that begins with an input's label: the model has gone on to another question.
  bool has_input(std::string_view between) const noexcept {
    while (!between.empty()) {
      const auto end = std::min(between.find('\n'), between.size());
      if (labels_.match(between.substr(0, end)).kind == LabelMatch::Kind::input) return true;
      between.remove_prefix(std::min(end + 1, between.size()));
    }
    return false;
  }

  const Labels& labels_;
  std::string_view text_;
  std::size_t from_;
  std::size_t until_;
  std::size_t gap_ = 0;      ///< Where the last value that was read ends.
  std::size_t suspect_ = 0;  ///< Where the value begins that was read last, before an object was found.
  std::optional<FoundObject> found_;
  bool is_ambiguous_ = false;
};

}  // namespace

std::expected<std::optional<FoundObject>, JsonProblem> find_object(const Labels& labels, std::string_view text,
                                                                   std::size_t from, std::size_t until) {
  until = std::min(until, text.size());
  if (from >= until) return std::nullopt;
  Search search(labels, text, from, until);
  // Without a brace there is no object, nor a list of them.
  auto found = text.substr(from, until - from).contains('{') ? search.run() : search.lost_opening();
  if (!found && !search.is_ambiguous()) {
    if (auto repaired = repair_object(labels, text, search.broken_begin(), found.error().position)) return repaired;
  }
  return found;
}

std::expected<std::optional<FoundObject>, JsonProblem> find_object_as_it_is(const Labels& labels,
                                                                            std::string_view text) {
  return Search(labels, text, 0, text.size()).run();
}

}  // namespace dspy
