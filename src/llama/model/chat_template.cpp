// Chat formats as data.  A format's texts are cut at its control tokens; everything between two of them is one piece of
// plain text together with the message in it, so that the tokenizer sees the same pieces as for the whole string.

#include "dspy/llama/chat_template.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "llama/model/jinja_chat.hpp"

#include <algorithm>
#include <array>
#include <memory>

namespace dspy::llama {
namespace {

/// In the texts, `{bos}` and `{eos}` stand for the vocabulary's own; control tokens stand between `‹` … `›`.
struct Format {
  struct Around {
    std::string_view before;
    std::string_view after;
  };

  std::string_view name;
  std::array<std::string_view, 2> marks;  ///< All must occur in the Jinja source.
  Around system;                          ///< With an empty `before` and `after`: joins the first user message.
  Around user;
  Around assistant;
  std::string_view reply;
  std::string_view turn_end;
  bool trims = false;
  std::string_view start{};
  Around tool{};  ///< Results of tools; empty: as the user's.
};

// The first that fits wins, so a format stands before those whose marks it shares.
constexpr std::array formats = std::to_array<Format>({
    {"phi-4",
     {"<|im_start|>", "<|im_sep|>"},
     {"‹<|im_start|>›system‹<|im_sep|>›", "‹<|im_end|>›"},
     {"‹<|im_start|>›user‹<|im_sep|>›", "‹<|im_end|>›"},
     {"‹<|im_start|>›assistant‹<|im_sep|>›", "‹<|im_end|>›"},
     "‹<|im_start|>›assistant‹<|im_sep|>›",
     "<|im_end|>"},
    {"chatml",
     {"<|im_start|>", ""},
     {"‹<|im_start|>›system\n", "‹<|im_end|>›\n"},
     {"‹<|im_start|>›user\n", "‹<|im_end|>›\n"},
     {"‹<|im_start|>›assistant\n", "‹<|im_end|>›\n"},
     "‹<|im_start|>›assistant\n",
     "<|im_end|>"},
    {"kimi-k2",
     {"<|im_middle|>", "<|im_user|>"},
     {"‹<|im_system|>›system‹<|im_middle|>›", "‹<|im_end|>›"},
     {"‹<|im_user|>›user‹<|im_middle|>›", "‹<|im_end|>›"},
     {"‹<|im_assistant|>›assistant‹<|im_middle|>›", "‹<|im_end|>›"},
     "‹<|im_assistant|>›assistant‹<|im_middle|>›",
     "<|im_end|>"},
    {"mistral-v7",
     {"[SYSTEM_PROMPT]", "[INST] "},
     {"‹[SYSTEM_PROMPT]› ", "‹[/SYSTEM_PROMPT]›"},
     {"‹[INST]› ", "‹[/INST]›"},
     {" ", "‹{eos}›"},
     "",
     "{eos}"},
    {"mistral-v7-tekken",
     {"[SYSTEM_PROMPT]", "[INST]"},
     {"‹[SYSTEM_PROMPT]›", "‹[/SYSTEM_PROMPT]›"},
     {"‹[INST]›", "‹[/INST]›"},
     {"", "‹{eos}›"},
     "",
     "{eos}"},
    {"llama-2", {"[INST]", "<<SYS>>"}, {"", ""}, {"[INST] ", " [/INST]"}, {" ", " ‹{eos}›‹{bos}›"}, "", "{eos}", true},
    {"mistral-v1", {" [INST] ", ""}, {"", ""}, {" [INST] ", " [/INST]"}, {" ", "‹{eos}›"}, "", "{eos}"},
    {"mistral-v3", {"[INST] ", ""}, {"", ""}, {"‹[INST]› ", "‹[/INST]›"}, {" ", "‹{eos}›"}, "", "{eos}"},
    {"mistral-v3-tekken", {"[INST]", ""}, {"", ""}, {"‹[INST]›", "‹[/INST]›"}, {"", "‹{eos}›"}, "", "{eos}"},
    {"llama-3",
     {"<|start_header_id|>", "<|end_header_id|>"},
     {"‹<|start_header_id|>›system‹<|end_header_id|>›\n\n", "‹<|eot_id|>›"},
     {"‹<|start_header_id|>›user‹<|end_header_id|>›\n\n", "‹<|eot_id|>›"},
     {"‹<|start_header_id|>›assistant‹<|end_header_id|>›\n\n", "‹<|eot_id|>›"},
     "‹<|start_header_id|>›assistant‹<|end_header_id|>›\n\n",
     "<|eot_id|>",
     true,
     "",
     {"‹<|start_header_id|>›ipython‹<|end_header_id|>›\n\n", "‹<|eot_id|>›"}},
    {"llama-4",
     {"<|header_start|>", "<|header_end|>"},
     {"‹<|header_start|>›system‹<|header_end|>›\n\n", "‹<|eot|>›"},
     {"‹<|header_start|>›user‹<|header_end|>›\n\n", "‹<|eot|>›"},
     {"‹<|header_start|>›assistant‹<|header_end|>›\n\n", "‹<|eot|>›"},
     "‹<|header_start|>›assistant‹<|header_end|>›\n\n",
     "<|eot|>",
     true},
    {"gemma",
     {"<start_of_turn>", ""},
     {"", ""},
     {"‹<start_of_turn>›user\n", "‹<end_of_turn>›\n"},
     {"‹<start_of_turn>›model\n", "‹<end_of_turn>›\n"},
     "‹<start_of_turn>›model\n",
     "<end_of_turn>",
     true},
    // The reply goes to the channel that users see; without it the model would reason first.
    {"gpt-oss",
     {"<|channel|>", "<|message|>"},
     {"‹<|start|>›developer‹<|message|>›# Instructions\n\n", "‹<|end|>›"},
     {"‹<|start|>›user‹<|message|>›", "‹<|end|>›"},
     {"‹<|start|>›assistant‹<|channel|>›final‹<|message|>›", "‹<|end|>›"},
     "‹<|start|>›assistant‹<|channel|>›final‹<|message|>›",
     "<|return|>"},
    {"granite",
     {"<|start_of_role|>", ""},
     {"‹<|start_of_role|>›system‹<|end_of_role|>›", "‹<|end_of_text|>›\n"},
     {"‹<|start_of_role|>›user‹<|end_of_role|>›", "‹<|end_of_text|>›\n"},
     {"‹<|start_of_role|>›assistant‹<|end_of_role|>›", "‹<|end_of_text|>›\n"},
     "‹<|start_of_role|>›assistant‹<|end_of_role|>›",
     "<|end_of_text|>"},
    {"command-r",
     {"<|START_OF_TURN_TOKEN|>", "<|USER_TOKEN|>"},
     {"‹<|START_OF_TURN_TOKEN|>›‹<|SYSTEM_TOKEN|>›", "‹<|END_OF_TURN_TOKEN|>›"},
     {"‹<|START_OF_TURN_TOKEN|>›‹<|USER_TOKEN|>›", "‹<|END_OF_TURN_TOKEN|>›"},
     {"‹<|START_OF_TURN_TOKEN|>›‹<|CHATBOT_TOKEN|>›", "‹<|END_OF_TURN_TOKEN|>›"},
     "‹<|START_OF_TURN_TOKEN|>›‹<|CHATBOT_TOKEN|>›",
     "<|END_OF_TURN_TOKEN|>",
     true},
    {"deepseek-3",
     {"<｜User｜>", "<｜Assistant｜>"},
     {"", "\n\n"},
     {"‹<｜User｜>›", ""},
     {"‹<｜Assistant｜>›", "‹<｜end▁of▁sentence｜>›"},
     "‹<｜Assistant｜>›",
     "<｜end▁of▁sentence｜>"},
    {"deepseek-2",
     {"'User: '", "'Assistant: '"},
     {"", "\n\n"},
     {"User: ", "\n\n"},
     {"Assistant: ", "‹{eos}›"},
     "Assistant:",
     "{eos}"},
    {"glm-4",
     {"[gMASK]", "<sop>"},
     {"‹<|system|>›\n", ""},
     {"‹<|user|>›\n", ""},
     {"‹<|assistant|>›\n", ""},
     "‹<|assistant|>›\n",
     "<|user|>",
     false,
     "‹[gMASK]›‹<sop>›"},
    {"phi-3",
     {"<|assistant|>", "<|end|>"},
     {"‹<|system|>›\n", "‹<|end|>›\n"},
     {"‹<|user|>›\n", "‹<|end|>›\n"},
     {"‹<|assistant|>›\n", "‹<|end|>›\n"},
     "‹<|assistant|>›\n",
     "<|end|>"},
    {"zephyr",
     {"<|user|>", "eos_token"},
     {"‹<|system|>›\n", "‹{eos}›\n"},
     {"‹<|user|>›\n", "‹{eos}›\n"},
     {"‹<|assistant|>›\n", "‹{eos}›\n"},
     "‹<|assistant|>›\n",
     "{eos}"},
    {"falcon-3",
     {"<|user|>", "<|assistant|>"},
     {"‹<|system|>›\n", "\n"},
     {"‹<|user|>›\n", "\n"},
     {"‹<|assistant|>›\n", "\n"},
     "‹<|assistant|>›\n",
     "<|user|>"},
    {"exaone",
     {"[|user|]", "[|assistant|]"},
     {"‹[|system|]›", "‹[|endofturn|]›\n"},
     {"‹[|user|]›", "\n"},
     {"‹[|assistant|]›", "‹[|endofturn|]›\n"},
     "‹[|assistant|]›",
     "[|endofturn|]",
     true},
    {"vicuna",
     {"USER: ", "ASSISTANT:"},
     {"", "\n\n"},
     {"USER: ", "\n"},
     {"ASSISTANT: ", "‹{eos}›\n"},
     "ASSISTANT:",
     "{eos}"},
});

constexpr Format plain = {"plain",      {"", ""}, {"System: ", "\n\n"}, {"User: ", "\n\n"}, {"Assistant: ", "\n\n"},
                          "Assistant:", ""};

constexpr std::string_view jinja_name = "jinja";

bool fits(const Format& format, std::string_view jinja) {
  const auto occurs = [&](std::string_view mark) { return jinja.contains(mark); };
  return std::ranges::all_of(format.marks, occurs);
}

/// Jinja sources escape line ends and may spell control tokens with a variable in the middle; only whole ones count.
const Format* family_of(std::string_view jinja) {
  const auto found = std::ranges::find_if(formats, [&](const Format& format) { return fits(format, jinja); });
  return found == formats.end() ? nullptr : &*found;
}

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
  result.reserve(formats.size() + 1);
  for (const auto& format : formats) result.emplace_back(format.name);
  result.emplace_back(jinja_name);
  result.emplace_back(plain.name);
  return result;
}

ChatTemplate ChatTemplate::recognise(std::string_view jinja, const Vocabulary& vocabulary) {
  const auto* format = family_of(jinja);
  ChatTemplate result;
  result.recognised_ = format != nullptr;
  if (!format) {
    const bool has_chatml = vocabulary.is_token("<|im_start|>") && vocabulary.is_token("<|im_end|>");
    format = has_chatml ? family_of("<|im_start|>") : &plain;
  }

  const auto turn = [&](const Format::Around& around) {
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
  if (format == &plain) result.stops_ = {"\nUser:", "\nSystem:"};
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
