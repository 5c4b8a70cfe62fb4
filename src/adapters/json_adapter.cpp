#include "dspy/adapters/json_adapter.hpp"

#include "adapters/marker_format.hpp"
#include "adapters/prompt_format.hpp"
#include "adapters/turn_exchange.hpp"

#include <utility>

namespace dspy {
namespace {

/// The object that a reply is, with the fields' names in braces for values.
std::string object_structure(const Signature& signature) {
  JsonObject object;
  for (const auto& field : signature.outputs) {
    auto text = "{" + field.name + "}";
    append_notes(text, field);
    object.emplace(field.name, text);
  }
  return to_pretty_text(object);
}

std::string system_text(const Signature& signature, const JsonTexts& texts) {
  auto out = field_lists(signature, texts.inputs, texts.outputs);
  if (!signature.inputs.empty()) {
    append_paragraph(out, texts.input_structure);
    append_paragraph(out, structure_of(signature.inputs, signature));
  }
  append_paragraph(out, texts.output_structure);
  append_paragraph(out, object_structure(signature));
  append_task(out, signature, texts.task);
  return out;
}

std::string request_text(const Signature& signature, const JsonTexts& texts) {
  return with_outputs(texts.request, list_outputs(signature, [](const Field& field) { return field.name; }));
}

class JsonExchange final : public TurnExchange {
 public:
  JsonExchange(const std::shared_ptr<const Signature>& owned, std::span<const Example> demos,
               std::shared_ptr<const JsonAdapterOptions> options)
      : TurnExchange(
            owned, OutputContract::Form::json,
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
    JsonObject object;
    for (const auto& field : signature().outputs) {
      if (const auto* const value = value_of(data, field)) {
        object.emplace(field.name, *value);
      } else if (field.is_required()) {
        object.emplace(field.name, missing);
      }
    }
    return to_pretty_text(object);
  }

  std::shared_ptr<const JsonAdapterOptions> options_;
};

}  // namespace

JsonAdapter::JsonAdapter(JsonAdapterOptions options)
    : options_(std::make_shared<const JsonAdapterOptions>(std::move(options))) {}

std::shared_ptr<const Exchange> JsonAdapter::prepare(std::shared_ptr<const Signature> signature,
                                                     std::span<const Example> demos) const {
  return std::make_shared<JsonExchange>(signature, demos, options_);
}

}  // namespace dspy
