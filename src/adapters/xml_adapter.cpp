#include "dspy/adapters/xml_adapter.hpp"

#include "adapters/writing/prompt_format.hpp"
#include "adapters/writing/turn_exchange.hpp"
#include "adapters/writing/value_text.hpp"
#include "adapters/writing/xml_writer.hpp"
#include "dspy/lm/reply_notation.hpp"

#include <utility>

namespace dspy {
namespace {

const ReplyNotation& notation() noexcept {
  return ReplyNotation::of(OutputContract::Form::xml);
}

/// Appends an element whose text is on separate lines.
void append_element(std::string& out, std::string_view name, std::string_view text) {
  append_paragraph(out, notation().opening(name));
  out.append(notation().before_value).append(text).append(notation().after_value).append(notation().closing(name));
}

XmlText text_style(Profile profile) {
  return profile == Profile::dspy_3_5 ? XmlText::literal : XmlText::entities;
}

Nesting nesting_of(Profile profile) {
  return profile == Profile::dspy_3_5 ? Nesting::literal_elements : Nesting::elements;
}

std::string structure_of(const Signature& signature, Nesting nesting) {
  std::string out;
  for (const auto& field : signature.inputs) append_element(out, field.name, "{" + field.name + "}");
  for (const auto& field : signature.outputs) {
    auto text = "{" + field.name + "}";
    append_notes(text, field, nesting);
    append_element(out, field.name, text);
  }
  return out;
}

std::string system_text(const Signature& signature, const XmlAdapterOptions& options) {
  const auto& texts = options.texts;
  auto out = field_lists(signature, texts.inputs, texts.outputs);
  append_paragraph(out, texts.structure);
  append_paragraph(out, structure_of(signature, nesting_of(options.profile)));
  if (options.profile == Profile::dspy_3_5) append_paragraph(out, texts.literal);
  append_task(out, signature, texts.task);
  return out;
}

std::string request_text(const Signature& signature, const XmlAdapterOptions& options) {
  const auto nesting = nesting_of(options.profile);
  return with_outputs(options.texts.request,
                      list_outputs(signature, [](const Field& field) { return notation().opening(field); }, nesting));
}

class XmlExchange final : public TurnExchange {
 public:
  XmlExchange(const std::shared_ptr<const Signature>& owned, std::span<const Example> demos,
              const std::shared_ptr<const XmlAdapterOptions>& options)
      : TurnExchange(owned, OutputContract::Form::xml, TurnTexts(options), request_text(*owned, *options),
                     text_style(options->profile)) {
    write_prefix(system_text(signature(), *options), demos);
  }

 private:
  void append_inputs(std::string& out, const JsonObject& data) const override {
    for (const auto& field : signature().inputs) {
      const auto* const value = data.if_contains(field.name);
      if (value == nullptr) continue;
      std::string plain;
      append_value(plain, field, *value);
      std::string guarded;
      append_guarding_tags(guarded, form().tags, plain);
      append_element(out, field.name, guarded);
    }
  }

  void append_output(std::string& out, std::size_t output, const Json& value) const override {
    append_xml(out, form().tags, signature().outputs[output], value);
  }
};

}  // namespace

XmlAdapter::XmlAdapter(XmlAdapterOptions options)
    : options_(std::make_shared<const XmlAdapterOptions>(std::move(options))) {}

std::string_view XmlAdapter::name() const noexcept {
  switch (options_->profile) {
    case Profile::dspy_3_3: return "xml@dspy-3.3";
    case Profile::dspy_3_5: return "xml@dspy-3.5";
    default: return "xml";
  }
}

std::shared_ptr<const Exchange> XmlAdapter::prepare(std::shared_ptr<const Signature> signature,
                                                    std::span<const Example> demos) const {
  return std::make_shared<XmlExchange>(signature, demos, options_);
}

}  // namespace dspy
