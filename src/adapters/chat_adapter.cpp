#include "dspy/adapters/chat_adapter.hpp"

#include "adapters/marker_format.hpp"
#include "adapters/prompt_format.hpp"
#include "adapters/turn_exchange.hpp"

#include <utility>

namespace dspy {
namespace {

std::string system_text(const Signature& signature, const ChatTexts& texts) {
  auto sections = structure_of(signature.inputs, signature);
  append_paragraph(sections, structure_of(signature.outputs, signature));
  append_paragraph(sections, marker(completed_name));
  auto out = field_lists(signature, texts.inputs, texts.outputs);
  append_paragraph(out, texts.structure);
  append_paragraph(out, sections);
  append_task(out, signature, texts.task);
  return out;
}

std::string request_text(const Signature& signature, const ChatTexts& texts) {
  auto outputs = list_outputs(signature, [](const Field& field) { return marker(field.name); });
  outputs.append(", and end with `").append(marker(completed_name)).append("`");
  return with_outputs(texts.request, outputs);
}

class ChatExchange final : public TurnExchange {
 public:
  ChatExchange(const std::shared_ptr<const Signature>& owned, std::span<const Example> demos,
               std::shared_ptr<const ChatAdapterOptions> options)
      : TurnExchange(
            owned, OutputContract::Form::markers,
            {options->texts.partial_example, options->texts.missing_in_example, options->texts.missing_in_history},
            request_text(*owned, options->texts)),
        options_(std::move(options)) {
    write_prefix(system_text(signature(), options_->texts), demos);
  }

 private:
  std::string question(const JsonObject& data, std::string_view preface) const override {
    std::string out;
    out.reserve(question_size(data, preface));
    out += preface;
    append_sections(out, form().markers, signature().inputs, data);
    return out;
  }

  std::string answer(const JsonObject& data, std::string_view missing) const override {
    std::string out;
    out.reserve(likely_size(data, signature().outputs) + 32);
    for (const auto& field : signature().outputs) {
      if (const auto* const value = value_of(data, field)) {
        append_section(out, form().markers, field, *value);
      } else if (field.is_required()) {
        append_section(out, field.name, missing);
      }
    }
    append_paragraph(out, marker(completed_name));
    return out += '\n';
  }

  std::shared_ptr<const ChatAdapterOptions> options_;
};

}  // namespace

ChatAdapter::ChatAdapter(ChatAdapterOptions options)
    : options_(std::make_shared<const ChatAdapterOptions>(std::move(options))) {}

std::shared_ptr<const Exchange> ChatAdapter::prepare(std::shared_ptr<const Signature> signature,
                                                     std::span<const Example> demos) const {
  return std::make_shared<ChatExchange>(signature, demos, options_);
}

}  // namespace dspy
