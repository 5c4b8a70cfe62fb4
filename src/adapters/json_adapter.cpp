#include "dspy/adapters/json_adapter.hpp"

#include "adapters/writing/marker_format.hpp"
#include "adapters/writing/prompt_format.hpp"
#include "adapters/writing/turn_exchange.hpp"
#include "dspy/lm/reply_notation.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

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

/// Appends a value to the members of an object over several lines.
void append_member_value(std::string& out, const Json& value) {
  if (!value.is_structured()) {
    append_text(out, value);
    return;
  }
  // No line end of a JSON text is inside a string.
  const auto lines = to_pretty_text(value);
  for (std::size_t at = 0; at < lines.size();) {
    const auto end = std::min(lines.find('\n', at), lines.size() - 1) + 1;
    out.append(at == 0 ? "" : "  ").append(lines, at, end - at);
    at = end;
  }
}

class JsonExchange final : public TurnExchange {
 public:
  JsonExchange(const std::shared_ptr<const Signature>& owned, std::span<const Example> demos,
               const std::shared_ptr<const JsonAdapterOptions>& options)
      : TurnExchange(owned, OutputContract::Form::json, TurnTexts(options), request_text(*owned, options->texts)) {
    for (const auto& output : signature().outputs)
      keys_.push_back(std::string(notation_.anchor).append(notation_.opening(output)).append(notation_.before_value));
    write_prefix(system_text(signature(), options->texts), demos);
  }

 private:
  void append_inputs(std::string& out, const JsonObject& data) const override {
    append_sections(out, form().markers, signature().inputs, data);
  }
  void append_output(std::string& out, std::size_t output, const Json& value) const override {
    out += out.empty() ? notation_.begin : notation_.between;
    append_member_value(out += keys_[output], value);
  }
  void end_answer(std::string& out) const override { out += out.empty() ? "{}" : notation_.end; }

  const ReplyNotation& notation_ = ReplyNotation::of(OutputContract::Form::json);
  std::vector<std::string> keys_;  ///< By output, with the text around it.
};

}  // namespace

JsonAdapter::JsonAdapter(JsonAdapterOptions options)
    : options_(std::make_shared<const JsonAdapterOptions>(std::move(options))) {
  require_profile("json", options_->profile);
}

std::string_view JsonAdapter::name() const noexcept {
  return options_->profile == Profile::dspy_3_3 ? "json@dspy-3.3" : "json";
}

std::shared_ptr<const Exchange> JsonAdapter::prepare(std::shared_ptr<const Signature> signature,
                                                     std::span<const Example> demos) const {
  return std::make_shared<JsonExchange>(signature, demos, options_);
}

}  // namespace dspy
