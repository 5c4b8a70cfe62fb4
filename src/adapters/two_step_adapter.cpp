#include "dspy/adapters/two_step_adapter.hpp"

#include "adapters/writing/field_format.hpp"
#include "adapters/writing/media_parts.hpp"
#include "adapters/writing/prompt_format.hpp"
#include "adapters/writing/turns.hpp"
#include "dspy/adapters/chat_adapter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/lm/reply_notation.hpp"

#include <utility>

namespace dspy {
namespace {

/// The signature of the second step: the outputs of the first, from one text.
Signature extraction_signature(const Signature& signature, std::string instructions) {
  std::string input = "text";
  while (signature.find(input) != nullptr) input += '_';
  auto out = signature;  // with its rules on the outputs
  out.instructions = std::move(instructions);
  out.inputs = {make_field(input)};
  return out;
}

class TwoStepExchange final : public Exchange {
 public:
  TwoStepExchange(const std::shared_ptr<const Signature>& owned, std::span<const Example> demos,
                  const TwoStepAdapterOptions& options)
      : Exchange(owned), labels_(*owned) {
    const auto& texts = options.texts;
    auto system = field_lists(signature(), texts.inputs, texts.outputs);
    append_task(system, signature(), texts.task);
    append_paragraph(system, texts.request);
    Chat chat;
    chat.push_back({Role::system, std::move(system)});
    for (const auto& demo : arrange_demos(demos, signature())) add_turn(chat, *demo.data);
    prefix_ = std::make_shared<const std::vector<Message>>(chat.begin(), chat.end());

    auto second = std::make_shared<const Signature>(extraction_signature(signature(), texts.extraction));
    extraction_ = {
        .lm = options.extraction_lm, .exchange = options.extraction->prepare(second), .input = second->inputs[0].name};
  }

  Chat format(const JsonObject& inputs, std::span<const Example> history) const override {
    Chat chat(prefix_);
    const auto asked = take_shown_turns(inputs, signature(), history);
    for (const auto& turn : asked.turns) add_turn(chat, turn);
    chat.push_back(user_turn(asked.inputs));
    return chat;
  }

  using Exchange::parse;
  std::expected<Reading, Unreadable> parse(const Completion& completion) const override {
    return extraction_.exchange->parse(completion);
  }
  std::unique_ptr<FieldStream> open_stream() const override { return extraction_.exchange->open_stream(); }
  OutputContract contract() const override { return {}; }
  const Extraction* extraction() const noexcept override { return &extraction_; }

 private:
  void add_turn(Chat& chat, const JsonObject& data) const {
    chat.push_back(user_turn(data));
    chat.push_back({Role::assistant, lines(data, signature().outputs)});
  }

  Message user_turn(const JsonObject& data) const {
    const auto& inputs = signature().inputs;
    return {Role::user, parts_with_media(data, inputs, [&](const JsonObject& shown) { return lines(shown, inputs); })};
  }

  std::string lines(const JsonObject& data, const std::vector<Field>& fields) const {
    std::string out;
    out.reserve(likely_size(data, fields));
    for (const auto& field : fields) {
      const auto* const value = value_of(data, field);
      if (value == nullptr) continue;
      if (!out.empty()) out += '\n';
      out += ReplyNotation::of(OutputContract::Form::fields).opening(field);
      append_input(out, labels_, *value);
    }
    return out;
  }

  Labels labels_;
  Chat::Prefix prefix_;
  Extraction extraction_;
};

TwoStepAdapterOptions completed(TwoStepAdapterOptions options) {
  if (!options.extraction) options.extraction = std::make_shared<ChatAdapter>();
  if (dynamic_cast<const TwoStepAdapter*>(options.extraction.get()) != nullptr) {
    throw Error(
        Errc::config_error,
        "the second step of `two_step` cannot be a two-step adapter itself; use `chat`, `json`, `xml` or `field`");
  }
  return options;
}

}  // namespace

TwoStepAdapter::TwoStepAdapter(TwoStepAdapterOptions options)
    : options_(std::make_shared<const TwoStepAdapterOptions>(completed(std::move(options)))) {}

std::shared_ptr<const Exchange> TwoStepAdapter::prepare(std::shared_ptr<const Signature> signature,
                                                        std::span<const Example> demos) const {
  return std::make_shared<TwoStepExchange>(signature, demos, *options_);
}

}  // namespace dspy
