// Finds out which form a reply has.  reader_sections.cpp, reader_json.cpp and reader_whole.cpp handle each form;
// reader_values.cpp reads the values.

#include "adapters/reading/reader.hpp"

#include "adapters/reading/fences.hpp"
#include "adapters/reading/prelude.hpp"
#include "dspy/base/text.hpp"

namespace dspy {
namespace {

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

ReplyReader::ReplyReader(const ReplyForm& form, std::string_view part, Behind behind)
    : form_(form), signature_(*form.signature), text_(part), is_part_(true), is_doubted_(behind.is_doubted) {
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
  if (is_cut_object()) {
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

/// Reads the reply in that form; nothing if it has another one.
std::optional<ReplyReader::Found> ReplyReader::find_as(Form form) {
  if (form == Form::json) {
    return find_json(text_.size(), start_);
  }
  if (!cut_into_sections(form)) return std::nullopt;
  const bool as_asked = form == form_.form;
  if (form == Form::xml && !as_asked && !is_doubted_ && !is_sure_of_tags()) return std::nullopt;
  if (!as_asked) take(form == Form::markers ? "markers" : form == Form::xml ? "tags" : "labels");
  return accept_sections();
}

/// True if a section of an output was found.
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

}  // namespace dspy
