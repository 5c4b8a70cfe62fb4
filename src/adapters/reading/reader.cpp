#include "adapters/reading/reader.hpp"

#include "adapters/reading/prelude.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy {
namespace {

/// Takes a fence line off the end (start) of what surrounds a JSON value.
bool drop_last_fence(std::string_view& before) {
  before = text::trim(before);
  const auto line_end = before.rfind('\n');
  const auto start = line_end == std::string_view::npos ? 0 : line_end + 1;
  if (match_fence(before.substr(start)).kind != FenceLine::Kind::fence) return false;
  before = text::trim(before.substr(0, start));
  return true;
}

bool drop_first_fence(std::string_view& after) {
  after = text::trim(after);
  const auto line_end = std::min(after.find('\n'), after.size());
  if (match_fence(after.substr(0, line_end)).kind != FenceLine::Kind::fence) return false;
  after = text::trim(after.substr(line_end));
  return true;
}

/// The text ends within a JSON object.
bool ends_within_object(std::string_view text) {
  const auto begin = text.find('{');
  if (begin == std::string_view::npos) return false;
  const auto read = read_lenient_json(text, begin);
  return read && read->repairs.has(JsonRepair::unclosed);
}

thread_local std::size_t readings = 0;

}  // namespace

std::size_t ReplyReader::count() noexcept {
  return readings;
}

bool holds_nothing(std::string_view reply) {
  reply = text::trim(reply);
  drop_first_fence(reply);
  drop_last_fence(reply);
  return reply.empty() || (reply.starts_with('{') && text::trim(reply.substr(1)) == "}");
}

ReplyReader::ReplyReader(const ReplyForm& form, std::string_view completion)
    : form_(form), signature_(*form.signature), text_(completion) {
  ++readings;
  make_valid_utf8();
  const bool may_have_marks = may_end_thoughts(text_);
  if (may_have_marks) text_ = without_end_of_message(text_);
  skip_prelude();
  found_ = find();
  if (may_have_marks && start_ < text_.size()) settle_thoughts();
}

ReplyReader::ReplyReader(const ReplyForm& form, std::string_view part, Behind)
    : form_(form), signature_(*form.signature), text_(part) {
  skip_prelude();
  found_ = find();
}

void ReplyReader::make_valid_utf8() {
  if (!text::invalid_utf8(text_)) return;
  text::Utf8Buffer buffer;
  repaired_ = buffer.push(text_);
  repaired_ += buffer.finish();
  text_ = repaired_;
  take("invalid_utf8");
}

void ReplyReader::skip_prelude() {
  if (!may_have_prelude(text_.substr(start_))) return;
  const auto prelude = find_prelude(text_.substr(start_), form_.labels);
  start_ += prelude.end;
  if (prelude.has_thoughts) take("thoughts");
}

ReplyReader::Found ReplyReader::find() {
  if (const auto found = find_as(form_.form)) return *found;
  for (const auto form : {Form::json, Form::markers, Form::xml, Form::fields}) {
    if (form == form_.form) continue;
    if (const auto found = find_as(form)) return *found;
  }
  // Of a reply that was to be JSON, what has braces is not a plain text.
  const bool may_be_whole = form_.form != Form::json || !text_.substr(start_).contains('{');
  if (signature_.outputs.size() != 1 || has_marker() || !may_be_whole) return Found::nothing;
  take_whole();
  if (whole_.empty()) return Found::nothing;
  if (ends_in_mark()) {
    cause_ = "it ends within the first mark of a field";
    return Found::nothing;
  }
  if (signature_.outputs[0].type.required().kind == Type::Kind::string && ends_within_object(whole_)) {
    cause_ = "it ends within a JSON object that names none of the fields";
    return Found::nothing;
  }
  if (is_other_object()) {
    cause_ = "its JSON object names none of the fields";
    return Found::nothing;
  }
  Repairs(flags_, signature_.outputs[0].name).take("whole_text");
  return Found::whole;
}

/// Reads the reply as being of that form; nothing if it is not.
std::optional<ReplyReader::Found> ReplyReader::find_as(Form form) {
  if (form == Form::json) {
    return find_json(text_.size(), start_);
  }
  if (!cut_into_sections(form)) return std::nullopt;
  const bool as_asked = form == form_.form;
  if (form == Form::xml && !as_asked && !is_sure_of_tags()) return std::nullopt;
  if (!as_asked) take(form == Form::markers ? "markers" : form == Form::xml ? "tags" : "labels");
  return accept_sections();
}

/// True if that found a section of an output.
bool ReplyReader::cut_into_sections(Form form) {
  Sections* sections = nullptr;
  if (form == Form::fields) {
    sections = &labels_.emplace(form_.labels);
  } else {
    const bool markers = form == Form::markers;
    if (text_.find(markers ? '[' : '<', start_) == std::string_view::npos) return false;
    if (markers) {
      sections = &markers_.emplace(form_.markers);
    } else {
      sections = &tags_.emplace(form_.tags);
    }
  }
  sections->start_at(start_);
  while (sections->step(text_, true)) {
  }
  sections_ = sections;
  return sections->found_any();
}

/// `a <b>bold</b> word` may hold an output `b`, or not: where tags were not asked for, they must
/// be all there is, or name several outputs.
bool ReplyReader::is_sure_of_tags() const noexcept {
  std::size_t closed = 0;
  for (std::size_t i = 0; i < signature_.outputs.size(); ++i) {
    const bool is_there = (*tags_)[i].closed && (*tags_)[i].has_text;
    if (!is_there && signature_.outputs[i].is_required()) return false;
    closed += is_there ? 1 : 0;
  }
  const auto before = text_.substr(start_, tags_->first_mark() - start_);
  const auto after = text_.substr(tags_->end().value_or(text_.size()));
  return closed > 1 || (text::trim(before).empty() && text::trim(after).empty());
}

ReplyReader::Found ReplyReader::accept_sections() {
  // A JSON text whose keys have no quotes, or with line ends in its strings, holds such lines too.
  if (const auto found = find_json(sections_->first_mark(), sections_->first_mark())) return *found;
  if (holds_json_lines()) {
    take("malformed_json");
    cause_ = "its lines are those of a JSON object that cannot be read";
    return Found::nothing;
  }
  if (is_ambiguous()) {
    take("ran_on");
    return Found::nothing;
  }
  note_sections();
  return Found::sections;
}

/// `a: 'x',`, more such lines, and a `}`; or lines behind a `{` or `[` that nothing before them closes.
bool ReplyReader::holds_json_lines() const noexcept {
  if (sections_ != static_cast<const Sections*>(labels_ ? &*labels_ : nullptr)) return false;
  const auto before = text_.substr(start_, sections_->first_mark() - start_);
  if (!before.empty() && std::ranges::count(before, '{') > std::ranges::count(before, '}')) return true;
  if (text::trim(before).ends_with('[')) return true;
  auto reply = text_.substr(start_);
  while (reply.back() == ' ' || reply.back() == '\n') reply.remove_suffix(1);  // a label stands in it
  if (reply.back() != '}' && reply.back() != '`') return false;
  if (reply.ends_with("```")) reply = text::trim(reply.substr(0, reply.size() - 3));
  const auto first = text_.substr(sections_->first_mark());
  const auto line = text::trim(first.substr(0, first.find('\n')));
  const bool is_member = line.ends_with("\",") || line.ends_with("',") || (line.ends_with(',') && before.contains('{'));
  return is_member && reply.ends_with("\n}");
}

/// `Paris`, an invented question, and its labelled answer: is the value before or after the
/// input's label?  Only text that ends in a colon surely introduces what follows.
bool ReplyReader::is_ambiguous() const noexcept {
  const auto input = sections_->leading_input();
  if (!input || signature_.outputs.size() != 1) return false;
  const auto before = text::trim(text_.substr(start_, *input - start_));
  return !before.empty() && !before.ends_with(':');
}

void ReplyReader::note_sections() {
  const auto& facts = sections_->facts();
  auto before = text_.substr(start_, sections_->first_mark() - start_);
  auto after = text_.substr(sections_->end().value_or(text_.size()));
  if (facts.fenced || is_tagged()) {
    const bool opened = drop_last_fence(before);
    const bool closed = drop_first_fence(after);
    if (facts.fenced || opened || closed) take("fenced");
  }
  if (!before.empty() && !text::trim(before).empty()) take("leading_text");
  if (!after.empty() && !text::trim(after).empty()) take("trailing_text");
  if (!std::ranges::all_of(gaps(), [](std::string_view gap) { return text::trim(gap).empty(); })) take("extra_section");
  if (facts.unclosed_fence) take("unclosed_fence");
  if (facts.ran_on) take("ran_on");
  if (facts.extra_section) take("extra_section");
  if (facts.unfinished) take("unfinished");
  for (std::size_t i = 0; i < signature_.outputs.size(); ++i) {
    const auto& section = (*sections_)[i];
    Repairs repairs(flags_, signature_.outputs[i].name);
    if (!section.spelled_as_is) repairs.take("label_spelling");
    if (section.decorated) repairs.take("decorated_label");
    if (section.inside_line) repairs.take("label_inside_line");
    if (section.repeated) repairs.take("repeated_label");
    if (section.has_inner_end) repairs.take("inner_closing_tag");
  }
}

/// The object that begins before `until` and ends behind `beyond`; nothing if there is none, and nothing in the reply
/// is to be read if it would be a guess.
std::optional<ReplyReader::Found> ReplyReader::find_json(std::size_t until, std::size_t beyond) {
  auto found = find_object(form_.labels, text_, start_, until);
  if (!found) {
    take("malformed_json");
    cause_ =
        std::format("its JSON object cannot be read: {} at byte {}", found.error().message, found.error().position);
    return Found::nothing;
  }
  if (!*found || (*found)->end <= beyond) return std::nullopt;
  note_json(**found);
  place_members(**std::move(found));
  return Found::json;
}

void ReplyReader::note_json(const FoundObject& found) {
  object_begin_ = found.begin;
  object_end_ = found.end;
  auto before = text_.substr(start_, found.begin - start_);
  auto after = text_.substr(found.end);
  if (form_.form != Form::json) take("json");
  const bool opened = drop_last_fence(before);
  const bool closed = drop_first_fence(after);
  if (opened || closed) take("fenced");
  if (found.nested) take("nested_object");
  if (!text::trim(before).empty()) take("leading_text");
  if (!text::trim(after).empty()) take("trailing_text");
  Repairs(flags_, {}).take(found.repairs);
}

void ReplyReader::place_members(FoundObject found) {
  json_.resize(signature_.outputs.size());
  for (auto& member : found.members) {
    const auto output = form_.labels.find_output(member.key());
    if (found.repairs.has(JsonRepair::unclosed)) last_member_ = output;
    if (output == signature_.outputs.size()) {
      take("extra_key");
      extra_keys_.emplace_back(member.key());
      continue;
    }
    const auto& name = signature_.outputs[output].name;
    const bool as_is = member.key() == name;
    if (!as_is) Repairs(flags_, name).take("label_spelling");
    if (json_[output]) {
      take("duplicate_key");
      if (!as_is) continue;
    }
    json_[output] = std::move(member.value());
    if (found.repairs.has(JsonRepair::unclosed_string)) cut_member_ = output;
  }
}

void ReplyReader::take_whole() {
  auto end = text_.size();
  const auto input = labels_->leading_input();
  const auto before = text_.substr(start_, input ? *input - start_ : 0);
  const auto last = before.find_last_not_of(" \t\r\n");
  // Another question comes after an empty line: without one, a line of a letter may begin so.
  const bool is_apart = last != std::string_view::npos && std::ranges::count(before.substr(last), '\n') > 1;
  const bool is_text = signature_.outputs[0].type.required().kind == Type::Kind::string;
  if (input && (is_text ? is_apart : last != std::string_view::npos)) {
    take("ran_on");
    end = *input;
  }
  whole_ = text::trim(text_.substr(start_, end - start_));
  const auto first_end = whole_.find('\n');
  const auto last_start = whole_.rfind('\n');
  if (first_end == last_start) return;
  const auto opening = match_fence(whole_.substr(0, first_end));
  const auto closing = match_fence(whole_.substr(last_start + 1));
  if (opening.kind != FenceLine::Kind::fence || !closing.bare || closing.ticks < opening.ticks) return;
  whole_ = text::trim(whole_.substr(first_end, last_start - first_end));
  take("fenced");
}

/// True if a marker, tag or label is begun at the end of the whole text, and no more of it is there.
bool ReplyReader::ends_in_mark() const {
  const auto line = text::trim(whole_.substr(whole_.rfind('\n') + 1));
  const auto first = line.find_first_not_of("*_#`>-+ \t");
  if (first == std::string_view::npos) return false;
  const auto rest = line.substr(first);
  const auto word = rest.substr(0, rest.find_last_not_of("*_` \t") + 1);
  // Of a choice or a number its type tells enough: `cat` may be one of the categories.
  const bool is_text = signature_.outputs[0].type.required().kind == Type::Kind::string;
  if (is_text && form_.labels.is_cut_label(word)) return true;
  const auto bracket = whole_.rfind('[');
  if (bracket != std::string_view::npos) {
    const auto begin = bracket != 0 && whole_[bracket - 1] == '[' ? bracket - 1 : bracket;
    const auto mark = whole_.substr(begin);
    const bool may_be = mark.size() == 1 ? form_.form == Form::markers : mark[1] == '[' || mark.contains('#');
    if (may_be && form_.markers.match(mark, false).kind == MarkerMatch::Kind::possible) return true;
  }
  const auto tag = whole_.rfind('<');
  if (tag == std::string_view::npos || form_.tags.match(whole_.substr(tag), false).kind != TagMatch::Kind::possible)
    return false;
  auto name = whole_.substr(tag + 1);
  if (name.starts_with('/')) name.remove_prefix(1);
  return name.empty() ? form_.form == Form::xml : form_.labels.is_cut_label(name) || name.size() == 1;
}

/// True if the whole text is an object, and the only output is a text: what the model meant has other names.
bool ReplyReader::is_other_object() const {
  if (!whole_.starts_with('{') || signature_.outputs[0].type.required().kind != Type::Kind::string) return false;
  const auto read = read_lenient_json(whole_, 0);
  if (!read || !text::trim(whole_.substr(read->end)).empty()) return false;
  const auto* const members = read->value.if_object();
  return members != nullptr && !members->empty();
}

}  // namespace dspy
