#include "dspy/adapters/chat_adapter.hpp"

#include "adapters/writing/marker_format.hpp"
#include "adapters/writing/prompt_format.hpp"
#include "adapters/writing/turn_exchange.hpp"
#include "dspy/lm/reply_notation.hpp"

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
               const std::shared_ptr<const ChatAdapterOptions>& options)
      : TurnExchange(owned, OutputContract::Form::markers, TurnTexts(options), request_text(*owned, options->texts)) {
    write_prefix(system_text(signature(), options->texts), demos);
  }

 private:
  void append_inputs(std::string& out, const JsonObject& data) const override {
    append_sections(out, form().markers, signature().inputs, data);
  }
  void append_output(std::string& out, std::size_t output, const Json& value) const override {
    append_output_section(out, form().markers, signature().outputs[output], value);
  }
  void end_answer(std::string& out) const override {
    append_paragraph(out, marker(completed_name));
    out += '\n';
  }
};

}  // namespace

ChatAdapter::ChatAdapter(ChatAdapterOptions options)
    : options_(std::make_shared<const ChatAdapterOptions>(std::move(options))) {
  require_profile("chat", options_->profile);
}

std::string_view ChatAdapter::name() const noexcept {
  return options_->profile == Profile::dspy_3_3 ? "chat@dspy-3.3" : "chat";
}

std::shared_ptr<const Exchange> ChatAdapter::prepare(std::shared_ptr<const Signature> signature,
                                                     std::span<const Example> demos) const {
  return std::make_shared<ChatExchange>(signature, demos, options_);
}

}  // namespace dspy
