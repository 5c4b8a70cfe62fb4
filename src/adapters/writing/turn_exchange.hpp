#pragma once

#include "adapters/reading/reading_exchange.hpp"
#include "adapters/writing/media_parts.hpp"
#include "adapters/writing/turns.hpp"
#include "dspy/adapters/profile.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

/// Throws `Error` (`config_error`) if the adapter of that name does not have the profile.
void require_profile(std::string_view adapter, Profile profile);

/// The parts of an adapter's texts that turns need, and what keeps them alive.
struct TurnTexts {
  std::string_view partial_example;
  std::string_view missing_in_example;
  Profile profile;
  std::shared_ptr<const void> owner;

  template <class Options>
  explicit TurnTexts(std::shared_ptr<const Options> options)
      : partial_example(options->texts.partial_example),
        missing_in_example(options->texts.missing_in_example),
        profile(options->profile),
        owner(std::move(options)) {}
};

/// An exchange whose prompts are a system message, then demonstrations, history and the question
/// as turns, the last one with a request for the outputs.  What an adapter adds is how the inputs
/// and an output are written.
class TurnExchange : public ReadingExchange {
 public:
  Chat format(const JsonObject& inputs, std::span<const Example> history) const final {
    Chat chat(prefix_);
    if (conversation_ == nullptr) {
      for (const auto& turn : history) add_turn(chat, turn.data);
      chat.push_back(user_turn(inputs, [&](const JsonObject& data) { return asked(data); }));
    } else {
      const auto taken = take_turns(inputs, *conversation_, history);
      for (const auto& turn : taken.turns) add_turn(chat, turn);
      chat.push_back(user_turn(taken.inputs, [&](const JsonObject& data) { return asked(data); }));
    }
    return chat;
  }

 protected:
  TurnExchange(const std::shared_ptr<const Signature>& signature, OutputContract::Form form, TurnTexts texts,
               std::string request, XmlText text = XmlText::entities)
      : ReadingExchange(signature, form, text),
        texts_(std::move(texts)),
        request_(std::move(request)),
        conversation_(conversation_input(*signature)),
        has_media_(std::ranges::any_of(signature->inputs, [](const Field& field) { return holds_media(field.type); })) {
  }

  /// For the constructors of final classes, which have what writing a turn needs.
  void write_prefix(std::string system, std::span<const Example> demos) {
    std::vector<Message> messages;
    messages.reserve(1 + 2 * demos.size());
    messages.push_back({Role::system, std::move(system)});
    for (const auto& demo : arrange_demos(demos, signature())) {
      const auto preface = demo.coverage == Coverage::partial ? texts_.partial_example : std::string_view();
      messages.push_back(user_turn(*demo.data, [&](const JsonObject& data) { return question(data, preface); }));
      messages.push_back({Role::assistant, answer(*demo.data, Json(texts_.missing_in_example))});
    }
    prefix_ = std::make_shared<const std::vector<Message>>(std::move(messages));
  }

  /// Appends those of the inputs that `data` has.
  virtual void append_inputs(std::string& out, const JsonObject& data) const = 0;
  /// Appends the value of the output with that index; the first is appended to an empty text.
  virtual void append_output(std::string& out, std::size_t output, const Json& value) const = 0;
  /// Appends what follows the last output.
  virtual void end_answer(std::string& /*out*/) const {}

 private:
  /// As DSPy does: no user turn without an input, and always an answer, with null for what is missing.
  void add_turn(Chat& chat, const JsonObject& data) const {
    const auto& inputs = signature().inputs;
    const bool has_question =
        inputs.empty() || std::ranges::any_of(inputs, [&](const Field& field) { return data.contains(field.name); });
    if (has_question) {
      chat.push_back(user_turn(data, [&](const JsonObject& turn) {
        return texts_.profile == Profile::dspy_3_3 ? question(turn, {}) : asked(turn);
      }));
    }
    chat.push_back({Role::assistant, answer(data, nullptr)});
  }

  /// A message that `write` makes from the inputs; media among them are parts of their own.
  template <class F>
  Message user_turn(const JsonObject& data, F write) const {
    if (!has_media_) return {Role::user, write(data)};
    return {Role::user, parts_with_media(data, signature().inputs, write)};
  }

  /// A user turn with its request.
  std::string asked(const JsonObject& data) const {
    auto out = question(data, {});
    if (!out.empty() && !request_.empty()) out += "\n\n";
    return std::move(out.append(request_));
  }

  /// A user turn without its request.
  std::string question(const JsonObject& data, std::string_view preface) const {
    std::string out;
    out.reserve(preface.size() + likely_size(data, signature().inputs) + request_.size() + 2);
    out += preface;
    append_inputs(out, data);
    return out;
  }

  /// An assistant turn, with `missing` for a required output that `data` lacks; null: for any of them.
  std::string answer(const JsonObject& data, const Json& missing) const {
    const auto& outputs = signature().outputs;
    std::string out;
    out.reserve(likely_size(data, outputs) + 32);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (const auto* const value = value_of(data, outputs[i])) {
        append_output(out, i, *value);
      } else if (missing.is_null() || outputs[i].is_required()) {
        append_output(out, i, missing);
      }
    }
    end_answer(out);
    return out;
  }

  TurnTexts texts_;
  std::string request_;
  const Field* conversation_;  ///< Of the signature; null if it has none.
  bool has_media_;
  Chat::Prefix prefix_;
};

}  // namespace dspy
