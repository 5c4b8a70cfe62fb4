#include "adapters/json/json_repair.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

/// How many bytes may be read in all attempts together.
constexpr std::size_t most_bytes = std::size_t{1} << 20;

constexpr std::string_view structural = "{}[]:,";
/// Two that any other letter or digit could stand for: they give different values, so neither is the only reading.
constexpr std::string_view any_others = "12";

constexpr bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
constexpr bool is_quote(char c) noexcept {
  return c == '"' || c == '\'';
}
constexpr bool is_of_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.' || static_cast<unsigned char>(c) >= 0x80;
}

/// Tries the edits of one object.
class Repair {
 public:
  Repair(const Labels& labels, std::string_view text, std::size_t begin, std::size_t problem)
      : labels_(labels), text_(text.substr(begin)), begin_(begin) {
    last_ = std::min(problem - begin, text_.size());
    // Where a number or word cannot be read, any part of it may be wrong.
    while (last_ < text_.size() && is_of_word(text_[last_])) ++last_;
    last_ = std::min(last_ + 2, text_.size());
  }

  std::optional<FoundObject> run() {
    if (last_ * text_.size() > most_bytes) return std::nullopt;
    std::vector<std::size_t> places;
    for (std::size_t at = 0; at <= last_; ++at) {
      if (is_place(at)) places.push_back(at);
    }
    constexpr std::size_t edits_of_place = 24;
    if (places.size() * edits_of_place * text_.size() > most_bytes) return std::nullopt;
    for (const auto at : places) {
      if (!edit_at(at)) return std::nullopt;
    }
    if (!found_ || !is_kept_) return std::nullopt;
    found_->repairs.add(JsonRepair::json_slip);
    return std::move(found_);
  }

 private:
  char at(std::size_t place) const noexcept { return place < text_.size() ? text_[place] : '\n'; }
  char before(std::size_t place) const noexcept { return place == 0 ? '\n' : text_[place - 1]; }

  static bool is_mark(char c) noexcept { return structural.contains(c) || is_quote(c) || c == '\\'; }

  /// Where the structure of the object may be wrong: at its marks, and where words and numbers begin and end.
  bool is_place(std::size_t place) const noexcept {
    const char here = at(place);
    return is_mark(here) || is_mark(before(place)) || is_mark(at(place + 1)) ||
           is_of_word(here) != is_of_word(before(place)) || (place + 3 >= last_);
  }

  /// False as soon as two edits give different values.
  bool edit_at(std::size_t place) {
    const auto replace = [&](std::size_t size, std::string_view with) {
      std::string edited(text_.substr(0, place));
      edited += with;
      edited += text_.substr(std::min(place + size, text_.size()));
      return attempt(edited, with.size() - size, !loses_content(place, size));
    };
    const char here = at(place);
    if (place < text_.size()) {
      // Of blanks, those between two parts of a number or word may be the slip.
      const bool joins = is_blank(here) && is_of_word(before(place)) && is_of_word(at(place + 1));
      if ((!is_blank(here) || joins) && place != 0 && !replace(1, "")) return false;
      for (const char c : structural) {
        if (c != here && !is_blank(here) && !replace(1, std::string_view(&c, 1))) return false;
      }
      for (const char c : quotes()) {
        if (c != here && !is_blank(here) && fits_quote(place, place + 1) && !replace(1, std::string_view(&c, 1)))
          return false;
      }
      for (const char c : any_others) {
        if (c != here && !is_blank(here) && !replace(1, std::string_view(&c, 1))) return false;
      }
      if (is_quote(here) && !replace(0, "\\")) return false;
      if (is_swapped(place) && !replace(2, std::string{at(place + 1), here})) return false;
    }
    for (const char c : structural) {
      if (!replace(0, std::string_view(&c, 1))) return false;
    }
    for (const char c : quotes()) {
      if (fits_quote(place, place) && !replace(0, std::string_view(&c, 1))) return false;
    }
    for (const char c : any_others) {
      if (!replace(0, std::string_view(&c, 1))) return false;
    }
    return true;
  }

  std::string_view quotes() const noexcept { return text_.contains('\'') ? "\"'" : "\""; }

  /// A quote is next to its text, not next to blanks inside it.
  bool fits_quote(std::size_t place, std::size_t next) const noexcept {
    const char left = before(place);
    const char right = at(next);
    const bool opens = is_blank(left) || structural.contains(left);
    const bool closes = is_blank(right) || structural.contains(right);
    return opens != closes;
  }

  /// Whether an edit of these bytes removes a part of a value.  Such an edit may show that there is another reading,
  /// but is not one by itself.  A swap keeps both.
  bool loses_content(std::size_t place, std::size_t size) const noexcept {
    return size == 1 && place < text_.size() && !is_mark(text_[place]) && !is_blank(text_[place]);
  }

  /// A letter or digit and a mark, which may have changed places.
  bool is_swapped(std::size_t place) const noexcept {
    const char here = at(place);
    const char next = at(place + 1);
    if (place == 0 || place + 1 >= text_.size() || here == next) return false;
    const auto is_text = [](char c) { return !is_blank(c) && !structural.contains(c) && !is_quote(c); };
    return (is_text(here) && is_quote(next)) || (is_quote(here) && is_text(next)) ||
           (is_text(here) && structural.contains(next)) || (structural.contains(here) && is_text(next));
  }

  /// False if the edited text gives other values than the one before.
  bool attempt(std::string_view edited, std::size_t growth, bool keeps_content) {
    if (edited[0] != '{') return true;
    auto read = find_object_as_it_is(labels_, edited);
    if (!read || !*read) return true;
    auto& object = **read;
    if (object.begin != 0 || object.nested || object.repairs.has(JsonRepair::unclosed_string)) return true;
    if (!is_rest(edited.substr(object.end)) || !has_required(object.members)) return true;
    if (object.repairs.has(JsonRepair::duplicate_key)) return false;
    is_kept_ |= keeps_content;
    if (found_) return found_->members == object.members;
    object.begin = begin_;
    object.end = begin_ + object.end - growth;
    found_ = std::move(object);
    return true;
  }

  /// True for what may follow an object and is surely no part of it: other lines, without closing brackets.
  static bool is_rest(std::string_view text) noexcept {
    const auto line = text.substr(0, text.find('\n'));
    return std::ranges::all_of(line, is_blank) && text.find_first_of("]}") == std::string_view::npos;
  }

  bool has_required(const JsonObject& members) const {
    const auto& outputs = labels_.signature().outputs;
    std::vector<bool> has(outputs.size() + 1);
    for (const auto& member : members) has[labels_.find_output(member.key())] = true;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (!has[i] && outputs[i].is_required()) return false;
    }
    return true;
  }

  const Labels& labels_;
  std::string_view text_;  ///< The object and what follows it.
  std::size_t begin_;
  std::size_t last_ = 0;  ///< Up to where edits may help.
  std::optional<FoundObject> found_;
  bool is_kept_ = false;  ///< An edit that takes nothing of a value away gives it.
};

}  // namespace

std::optional<FoundObject> repair_object(const Labels& labels, std::string_view text, std::size_t begin,
                                         std::size_t problem) {
  return Repair(labels, text, begin, problem).run();
}

}  // namespace dspy
