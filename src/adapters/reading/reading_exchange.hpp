#pragma once

#include "adapters/reading/reader.hpp"
#include "adapters/reading/reply_form.hpp"
#include "adapters/reading/reply_stream.hpp"
#include "adapters/reading/typed_parts.hpp"
#include "adapters/reading/whole_rules.hpp"
#include "dspy/adapters/adapter.hpp"

#include <memory>
#include <utility>

namespace dspy {

/// An exchange whose replies are read by the reader's rules; what is left to say is how its
/// prompts are written.
class ReadingExchange : public Exchange {
 public:
  ReadingExchange(const std::shared_ptr<const Signature>& signature, OutputContract::Form form,
                  XmlText text = XmlText::entities)
      : Exchange(signature), form_(std::make_shared<const ReplyForm>(signature, form, text)) {}

  using Exchange::parse;
  std::expected<Reading, Unreadable> parse(const Completion& completion) const override {
    ReplyReader reader(*form_, completion.text);
    return parse_with(reader, completion);
  }
  /// Takes the values from a reader of the completion's text, which is used up.
  std::expected<Reading, Unreadable> parse_with(ReplyReader& reader, const Completion& completion) const {
    reader.set_cut(completion.finish == FinishReason::length || completion.finish == FinishReason::content_filter);
    auto reading = std::move(reader).read();
    if (has_typed_parts(completion)) reading = with_typed_parts(signature(), completion, std::move(reading));
    if (!reading || !has_whole_rules(signature())) return reading;
    return hold_to_rules(signature(), *std::move(reading), completion.text);
  }
  std::unique_ptr<FieldStream> open_stream() const override { return std::make_unique<ReplyStream>(form_); }
  OutputContract contract() const override {
    return {.form = form_->form,
            .signature = form_->signature,
            .literal_text = form_->form == OutputContract::Form::xml && form_->tags.text() == XmlText::literal};
  }
  const std::shared_ptr<const ReplyForm>& shared_form() const noexcept { return form_; }

 protected:
  const ReplyForm& form() const noexcept { return *form_; }

 private:
  std::shared_ptr<const ReplyForm> form_;
};

}  // namespace dspy
