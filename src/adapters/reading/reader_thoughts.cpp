// Where a reply's thoughts end, and the answer begins.

#include "adapters/reading/prelude.hpp"
#include "adapters/reading/reader.hpp"

#include <algorithm>
#include <vector>

namespace dspy {

/// The text before a mark that ends thoughts is not an answer, unless the mark is part of a value.
void ReplyReader::settle_thoughts() {
  const auto ends = find_ends_of_thoughts(text_, start_, form_.labels);
  if (ends.empty()) return;
  const auto first = std::min(text_.find_first_not_of(" \t\r\n", start_), text_.size());
  // A reply of which all is as it was asked for holds such marks as text.
  if (found_ == Found::sections && flags_.empty() && is_in_value(ends.front().begin)) return;
  const bool begins_as_object = found_ == Found::json && object_begin_ == first;
  for (const auto& mark : ends) {
    if (begins_as_object && is_in_value(mark.begin)) continue;
    const ReplyReader rest(form_, text_.substr(mark.end), Behind());
    if (rest.covers(*this)) return begin_anew(mark.end);
  }
  const auto& last = ends.front();
  if (found_ == Found::sections || found_ == Found::json) {
    const auto mark = found_ == Found::json ? object_begin_ : sections_->first_mark();
    const bool opened = mark < last.begin && opens_thoughts(text_.substr(mark, last.begin - mark), form_.labels);
    if (is_in_value(last.begin) ? opened || mark <= first : opened) return;
  }
  begin_anew(last.end);
}

/// True if this has each output that `other` has.
bool ReplyReader::covers(const ReplyReader& other) const {
  const bool is_named = found_ == Found::sections || found_ == Found::json;
  if (other.found_ == Found::whole || other.found_ == Found::nothing) return is_named || found_ == Found::whole;
  bool any = false;
  for (std::size_t i = 0; i < signature_.outputs.size(); ++i) {
    const bool has = raw_text(i).has_value();
    if (!has && other.raw_text(i)) return false;
    any |= has;
  }
  return is_named && any;
}

bool ReplyReader::is_in_value(std::size_t at) const {
  if (found_ == Found::json) return object_begin_ <= at && at < object_end_;
  for (std::size_t i = 0; i < signature_.outputs.size(); ++i) {
    const auto& section = (*sections_)[i];
    if (section.found && section.begin <= at && at < section.end) return true;
  }
  return false;
}

/// Reads what begins there, behind thoughts, as the whole reply.
void ReplyReader::begin_anew(std::size_t start) {
  labels_.reset();
  markers_.reset();
  tags_.reset();
  sections_ = nullptr;
  json_.clear();
  extra_keys_.clear();
  cut_member_.reset();
  last_member_.reset();
  whole_ = {};
  cause_.clear();
  std::erase_if(flags_, [](const Flag& flag) { return flag.repair != "invalid_utf8"; });
  start_ = start;
  take("thoughts");
  skip_prelude();
  found_ = find();
}

}  // namespace dspy
