// A chat written by the format of a family, or by the model's own Jinja template.  The texts of a format are cut at its
// control tokens; everything between two of them is one piece of plain text together with the message in it, so that
// the tokenizer sees the same pieces as for the whole string.

#include "dspy/llama/chat_template.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "llama/chat/chat_formats.hpp"
#include "llama/chat/jinja_chat.hpp"

#include <memory>

namespace dspy::llama {
namespace {

constexpr std::string_view jinja_name = "jinja";

void add(std::vector<PromptPart>& parts, std::string_view text, bool control) {
  if (text.empty()) return;
  if (!control && !parts.empty() && !parts.back().control)
    parts.back().text += text;
  else
    parts.push_back({std::string(text), control});
}

void add(std::vector<PromptPart>& parts, const std::vector<PromptPart>& more) {
  for (const auto& [text, control] : more) add(parts, text, control);
}

std::string fill_in(std::string_view text, const ChatTemplate::Vocabulary& vocabulary) {
  if (text == "{bos}") return vocabulary.bos;
  if (text == "{eos}") return vocabulary.eos;
  return std::string(text);
}

/// `‹<|im_start|>›user\n` → a control part and a text part.  What the vocabulary does not know as one token is text.
std::vector<PromptPart> cut(std::string_view text, const ChatTemplate::Vocabulary& vocabulary) {
  constexpr std::string_view open = "‹", close = "›";
  std::vector<PromptPart> parts;
  while (!text.empty()) {
    const auto start = text.find(open);
    add(parts, text.substr(0, start), false);
    if (start == text.npos) break;
    const auto end = text.find(close, start);
    const auto token = fill_in(text.substr(start + open.size(), end - start - open.size()), vocabulary);
    add(parts, token, vocabulary.is_token(token));
    text.remove_prefix(end + close.size());
  }
  return parts;
}

}  // namespace

std::vector<std::string> ChatTemplate::names() {
  std::vector<std::string> result;
  result.reserve(chat_formats().size() + 1);
  for (const auto& format : chat_formats()) result.emplace_back(format.name);
  result.emplace_back(jinja_name);
  result.emplace_back(plain_chat_format().name);
  return result;
}

ChatTemplate ChatTemplate::recognise(std::string_view jinja, const Vocabulary& vocabulary) {
  const auto* format = chat_format_of(jinja);
  ChatTemplate result;
  result.recognised_ = format != nullptr;
  if (!format) {
    const bool has_chatml = vocabulary.is_token("<|im_start|>") && vocabulary.is_token("<|im_end|>");
    format = has_chatml ? chat_format_of("<|im_start|>") : &plain_chat_format();
  }

  const auto turn = [&](const ChatFormat::Around& around) {
    return Turn{cut(around.before, vocabulary), cut(around.after, vocabulary)};
  };
  result.name_ = format->name;
  result.trims_ = format->trims;
  result.start_ = cut(format->start, vocabulary);
  result.system_ = turn(format->system);
  result.user_ = turn(format->user);
  result.assistant_ = turn(format->assistant);
  result.tool_ = format->tool.before.empty() ? result.user_ : turn(format->tool);
  result.reply_ = cut(format->reply, vocabulary);
  if (format->system.before.empty() && format->system.after.empty()) result.system_style_ = System::joins_user;
  const auto end = fill_in(format->turn_end, vocabulary);
  if (vocabulary.is_token(end)) result.turn_end_ = end;
  if (format == &plain_chat_format()) result.stops_ = {"\nUser:", "\nSystem:"};
  if (jinja.empty()) return result;
  try {
    result.jinja_ = std::make_shared<const JinjaChat>(jinja, vocabulary);
  } catch (const Error& error) {
    result.problem_ = error.what();
    return result;
  }
  if (!result.recognised_) {
    result.name_ = jinja_name;
    result.recognised_ = true;
    result.stops_.clear();
    result.turn_end_ = result.jinja_->turn_end();
    result.reply_.clear();
  }
  return result;
}

ChatAbilities ChatTemplate::abilities() const noexcept {
  return jinja_ ? jinja_->abilities() : ChatAbilities();
}

std::vector<PromptPart> ChatTemplate::render(const Chat& chat, const ChatOptions& options) const {
  if (!jinja_) return render_family(chat, options.begins_reply);
  auto parts = jinja_->render(chat, options);
  if (options.begins_reply && !jinja_->abilities().reply_start) add(parts, reply_);
  return parts;
}

std::vector<PromptPart> ChatTemplate::render_family(const Chat& chat, bool begins_reply) const {
  std::vector<PromptPart> parts = start_;
  std::string waiting;  // a system message on its way into the user's
  const auto emit = [&](const Turn& turn, std::string_view content) {
    add(parts, turn.before);
    add(parts, content, false);
    add(parts, turn.after);
  };
  for (const auto& message : chat) {
    const auto whole = message.text();
    const auto content = trims_ ? text::trim(whole) : std::string_view(whole);
    switch (message.role) {
      case Role::system:
      case Role::developer:
        if (system_style_ == System::own_turn)
          emit(system_, content);
        else
          (waiting += content) += name_ == "llama-2" ? "\n<</SYS>>\n\n" : "\n\n";
        break;
      case Role::tool:
        emit(tool_, waiting + std::string(content));
        waiting.clear();
        break;
      case Role::user:
        if (!waiting.empty() && name_ == "llama-2") waiting.insert(0, "<<SYS>>\n");
        emit(user_, waiting + std::string(content));
        waiting.clear();
        break;
      case Role::assistant: emit(assistant_, content); break;
    }
  }
  if (!waiting.empty()) emit(user_, text::trim(waiting));
  if (begins_reply) add(parts, reply_);
  return parts;
}

}  // namespace dspy::llama
