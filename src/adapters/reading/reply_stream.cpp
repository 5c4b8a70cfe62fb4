#include "adapters/reading/reply_stream.hpp"

#include "adapters/reading/prelude.hpp"
#include "adapters/reading/reader.hpp"
#include "adapters/sections/label_sections.hpp"
#include "adapters/sections/marker_sections.hpp"
#include "adapters/sections/tag_sections.hpp"
#include "base/unicode/letters.hpp"

#include <algorithm>
#include <utility>

namespace dspy {
namespace {

constexpr std::string_view white = " \t\r\n\v\f";

using text::is_space;

}  // namespace

ReplyStream::ReplyStream(std::shared_ptr<const ReplyForm> form)
    : form_(std::move(form)), progress_(signature().outputs.size()) {
  switch (form_->form) {
    case OutputContract::Form::markers: sections_ = std::make_unique<MarkerSections>(form_->markers); break;
    case OutputContract::Form::xml: sections_ = std::make_unique<TagSections>(form_->tags); break;
    default: sections_ = std::make_unique<LabelSections>(form_->labels); break;
  }
}

void ReplyStream::push(std::string_view bytes, const FieldSink& sink) {
  text_ += utf8_.push(bytes);
  if (mode_ == Mode::start && !(skip_prelude() && choose_mode())) return;
  if (mode_ == Mode::sections) follow_sections(sink);
  if (mode_ == Mode::json) {
    json_->advance(text_,
                   [&](std::size_t output, std::string_view text, bool done) { send(sink, output, text, done); });
  }
}

/// False while it is unknown whether thoughts come first, or where they end.
bool ReplyStream::skip_prelude() {
  if (start_known_) return true;
  if (in_thoughts_) {
    // What was searched before is not searched again, but for the start of the mark that ends thoughts.
    const auto from = searched_ > closing_.size() ? searched_ - closing_.size() : 0;
    searched_ = text_.size();
    if (find_closing(text_, closing_, from) == std::string::npos) return false;
  } else {
    searched_ = std::min(text_.find_first_not_of(white, searched_), text_.size());
    if (searched_ == text_.size()) return false;
  }
  auto prelude = find_prelude(text_, form_->labels);
  closing_ = std::move(prelude.closing);
  in_thoughts_ = prelude.kind == Prelude::Kind::open;
  start_known_ = prelude.kind == Prelude::Kind::none;
  if (start_known_) start_ = searched_ = prelude.end;
  return start_known_;
}

/// False while the first characters do not tell.
bool ReplyStream::choose_mode() {
  auto first = std::min(text_.find_first_not_of(white, searched_), text_.size());
  if (first == text_.size()) {
    searched_ = first;
    return false;
  }
  if (text_[first] == '`') {
    const auto line_end = text_.find('\n', first);
    const auto fence =
        match_fence(std::string_view(text_).substr(first, line_end - first), line_end != std::string::npos);
    if (fence.kind == FenceLine::Kind::possible) return false;
    if (fence.kind == FenceLine::Kind::fence) {
      fenced_ = true;
      first = std::min(text_.find_first_not_of(white, line_end), text_.size());
      if (first == text_.size()) return false;
    }
  }
  if (form_->form == OutputContract::Form::json) {
    // Chatter comes before the object at most.
    first = std::min(text_.find('{', first), text_.size());
    if (first == text_.size()) {
      searched_ = first;
      return false;
    }
  }
  if (text_[first] == '{') {
    json_.emplace(form_->labels, first);
    mode_ = Mode::json;
    return true;
  }
  mode_ = Mode::sections;
  sections_->start_at(start_);
  sent_to_ = scanned_ = solid_ = start_;
  return true;
}

void ReplyStream::follow_sections(const FieldSink& sink) {
  for (auto before = sections_->current(); sections_->step(text_, false); before = sections_->current()) {
    change_section(before, sink);
    if (mode_ != Mode::sections) return;
  }
  if (const auto open = sections_->current()) {
    if ((*sections_)[*open].emphasis == 0) flow(*open, (*sections_)[*open].end, sink);
  } else if (!opened_ && may_be_whole()) {
    // An input's label after some text ends it, as it ends a section.
    const auto input = sections_->leading_input();
    const bool ended = input && text_.find_first_not_of(white, start_) < *input;
    flow(0, ended ? *input : sections_->decided(), sink);
  }
}

/// A text without sections may be the only output's.  Not if markers were asked for: what comes
/// before the first is chatter as a rule.
bool ReplyStream::may_be_whole() const noexcept {
  return progress_.size() == 1 && !fenced_ && form_->form == OutputContract::Form::fields;
}

/// A mark has come, which ends the section before it, and may begin one.
void ReplyStream::change_section(std::optional<std::size_t> before, const FieldSink& sink) {
  if (before && (*sections_)[*before].emphasis == 0) {
    flow(*before, (*sections_)[*before].end, sink);
    if (!progress_[*before].sent.empty()) send(sink, *before, {}, true);
  }
  const auto opened = sections_->current();
  if (!opened) return;
  if (!std::exchange(opened_, true)) {
    const auto leading = std::string_view(text_).substr(start_, sections_->first_mark() - start_);
    if (leading.contains('{') || sections_->leading_input()) {
      mode_ = Mode::silent;
      return;
    }
    // What was handed out as the only output's text was chatter.
    if (!progress_[0].sent.empty()) {
      progress_[0].sent.clear();
      sink({.field = signature().outputs[0].name, .restart = true});
    }
  }
  sent_to_ = scanned_ = solid_ = (*sections_)[*opened].begin;
}

/// Hands out the open section's text up to `end`, but for white space at its ends.
void ReplyStream::flow(std::size_t output, std::size_t end, const FieldSink& sink) {
  for (; scanned_ < end; ++scanned_) {
    if (is_space(text_[scanned_])) continue;
    if (progress_[output].sent.empty() && solid_ <= sent_to_) sent_to_ = scanned_;
    solid_ = scanned_ + 1;
  }
  if (solid_ <= sent_to_) return;
  const bool is_section = sections_->current().has_value();
  if (is_section && (*sections_)[output].has_escapes) {
    piece_.clear();
    sections_->append(piece_, text_, output, sent_to_, solid_);
    sent_to_ = solid_;
    send(sink, output, piece_, false);
  } else {
    const auto piece = std::string_view(text_).substr(sent_to_, solid_ - sent_to_);
    sent_to_ = solid_;
    send(sink, output, piece, false);
  }
}

void ReplyStream::send(const FieldSink& sink, std::size_t output, std::string_view text, bool done) {
  auto& progress = progress_[output];
  if (progress.done || (text.empty() && !done)) return;
  progress.sent += text;
  progress.done = done;
  sink({.field = signature().outputs[output].name, .text = text, .done = done});
}

void ReplyStream::finish(const FieldSink& sink) {
  text_ += utf8_.finish();
  const auto& reader = reader_.emplace(*form_, text_);
  for (std::size_t i = 0; i < progress_.size(); ++i) correct(sink, i, reader.raw_text(i));
}

ReplyReader* ReplyStream::reader_of(const std::shared_ptr<const ReplyForm>& form,
                                    std::string_view completion) noexcept {
  if (!reader_ || form != form_ || completion != text_ || std::exchange(is_reader_taken_, true)) return nullptr;
  return &*reader_;
}

void ReplyStream::correct(const FieldSink& sink, std::size_t output, const std::optional<std::string>& raw) {
  const auto& name = signature().outputs[output].name;
  auto& [sent, done] = progress_[output];
  const bool was_done = std::exchange(done, true);
  if (!raw) {
    if (!sent.empty()) sink({.field = name, .done = true, .restart = true});
  } else if (was_done ? *raw == sent : raw->starts_with(sent)) {
    if (!was_done) sink({.field = name, .text = std::string_view(*raw).substr(sent.size()), .done = true});
  } else {
    sink({.field = name, .text = *raw, .done = true, .restart = true});
  }
}

}  // namespace dspy
