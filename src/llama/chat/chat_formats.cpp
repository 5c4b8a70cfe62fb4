#include "llama/chat/chat_formats.hpp"

#include <algorithm>

namespace dspy::llama {
namespace {

// The first that fits wins, so a format stands before those whose marks it shares.
constexpr std::array formats = std::to_array<ChatFormat>({
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

constexpr ChatFormat plain = {"plain",      {"", ""}, {"System: ", "\n\n"}, {"User: ", "\n\n"}, {"Assistant: ", "\n\n"},
                              "Assistant:", ""};

/// Jinja sources escape line ends and may spell control tokens with a variable in the middle; only whole ones count.
bool fits(const ChatFormat& format, std::string_view jinja) {
  const auto occurs = [&](std::string_view mark) { return jinja.contains(mark); };
  return std::ranges::all_of(format.marks, occurs);
}

}  // namespace

std::span<const ChatFormat> chat_formats() noexcept {
  return formats;
}

const ChatFormat& plain_chat_format() noexcept {
  return plain;
}

const ChatFormat* chat_format_of(std::string_view jinja) noexcept {
  const auto found = std::ranges::find_if(formats, [&](const ChatFormat& format) { return fits(format, jinja); });
  return found == formats.end() ? nullptr : &*found;
}

}  // namespace dspy::llama
