// A loaded model: text to tokens and back.  model_load.cpp loads it.
#include "dspy/llama/model.hpp"

#include "dspy/base/log.hpp"
#include "llama/lora/lora_cache.hpp"
#include "llama/mask/vocabulary.hpp"
#include "llama/media/senses.hpp"
#include "llama/model/marker_tokens.hpp"
#include "llama/model/piece_cache.hpp"
#include "llama/model/runtime.hpp"

#include <algorithm>
#include <format>

namespace dspy::llama {
namespace {

ChatTemplate template_of(const ModelInfo& info, const RuntimeModel& handle) {
  const auto& facts = handle.facts();
  const auto is_token = [&](std::string_view text) { return !text.empty() && handle.tokenize(text, true).size() == 1; };
  const auto text_of = [&](Token token) { return token < 0 ? std::string() : handle.token_text(token); };
  std::vector<std::string> control;
  for (Token token = 0; token < facts.vocabulary; ++token) {
    if (handle.token_facts(token).control) control.push_back(handle.token_text(token));
  }
  auto result = ChatTemplate::recognise(info.chat_template,
                                        {is_token, text_of(facts.bos), text_of(facts.eos), std::move(control)});
  if (!result.problem().empty() && handle.facts().has_decoder && !handle.facts().pooling) {
    log(LogLevel::warning, "llama",
        std::format("the chat template of `{}` cannot be run, so its prompts are written as `{}`: {}",
                    info.path.string(), result.name(), result.problem()));
  } else if (!result.recognised() && handle.facts().has_decoder && !handle.facts().pooling) {
    log(info.chat_template.empty() ? LogLevel::info : LogLevel::warning, "llama",
        std::format("`{}` has {}; its prompts are written as `{}`", info.path.string(),
                    info.chat_template.empty() ? "no chat template" : "a chat template of no known family",
                    result.name()));
  }
  return result;
}

}  // namespace

Model::Model(ModelInfo info, std::unique_ptr<RuntimeModel> handle, std::string placement, bool on_gpu, Kernels kernels)
    : info_(std::move(info)),
      handle_(std::move(handle)),
      loras_(std::make_unique<LoraCache>()),
      pieces_of_prompts_(std::make_unique<PieceCache>()),
      placement_(std::move(placement)),
      on_gpu_(on_gpu),
      kernels_(kernels),
      template_(template_of(info_, *handle_)),
      markers_(std::make_unique<MarkerTokens>(*handle_, ToolFormat::recognise(info_.chat_template))) {
  const auto& facts = handle_->facts();
  info_.vocabulary = facts.vocabulary;
  if (info_.context_length == 0) info_.context_length = facts.context_length;
  const auto count = static_cast<std::size_t>(facts.vocabulary);
  piece_ends_.reserve(count);
  ends_reply_.resize(count);
  for (Token token = 0; token < facts.vocabulary; ++token) {
    if (const auto* const marker = markers_->find(token))
      pieces_ += *marker;
    else
      pieces_ += handle_->piece(token);
    piece_ends_.push_back(static_cast<std::uint32_t>(pieces_.size()));
    ends_reply_[static_cast<std::size_t>(token)] = handle_->token_facts(token).ends_generation;
  }
  if (!template_.turn_end().empty())
    ends_reply_[static_cast<std::size_t>(handle_->tokenize(template_.turn_end(), true).front())] = true;
  if (facts.eos >= 0 && facts.eos < facts.vocabulary) ends_reply_[static_cast<std::size_t>(facts.eos)] = true;
}

Model::~Model() = default;

bool Model::sees() const noexcept {
  return senses_ && senses_->file().sees;
}

bool Model::hears() const noexcept {
  return senses_ && senses_->file().hears;
}

std::vector<Token> Model::tokenize(std::string_view text) const {
  return handle_->tokenize(text, false);
}

std::vector<Token> Model::tokenize_with_control(std::string_view text) const {
  return handle_->tokenize(text, true);
}

void Model::append(std::vector<Token>& tokens, std::string_view text, bool control) const {
  pieces_of_prompts_->append(tokens, text, control,
                             [&](std::string_view piece) { return handle_->tokenize(piece, control); });
}

std::vector<Token> Model::tokenize(const Chat& chat, const ChatOptions& options) const {
  return tokenize(template_.render(chat, options));
}

// Some control tokens swallow the white space beside them when the whole prompt is tokenized as one string, and models
// were trained that way.
std::vector<Token> Model::tokenize(const std::vector<PromptPart>& parts) const {
  return tokenize(parts, [this](std::vector<Token>& tokens, std::string_view text) { append(tokens, text, false); });
}

std::vector<Token> Model::tokenize(const std::vector<PromptPart>& parts, const TextWriter& write) const {
  std::vector<Token> tokens;
  const auto& facts = handle_->facts();
  if (facts.adds_bos && facts.bos >= 0) tokens.push_back(facts.bos);

  const auto first_of = [&](std::string_view control) {
    std::vector<Token> all;
    append(all, control, true);
    return all.front();
  };
  const auto control_facts = [&](std::size_t index) -> TokenFacts {
    if (index >= parts.size() || !parts[index].control) return {};
    return handle_->token_facts(first_of(parts[index].text));
  };
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::string_view text = parts[i].text;
    if (!parts[i].control) {
      constexpr std::string_view blank = " \t\n\r\v\f";
      if (i > 0 && control_facts(i - 1).strips_right)
        text.remove_prefix(std::min(text.find_first_not_of(blank), text.size()));
      if (control_facts(i + 1).strips_left) text = text.substr(0, text.find_last_not_of(blank) + 1);
      if (text.empty()) continue;
    }
    // A template that writes the first token itself must not double it.
    if (i == 0 && parts[i].control && !tokens.empty() && first_of(text) == tokens.front()) continue;
    if (parts[i].control)
      append(tokens, text, true);
    else
      write(tokens, text);
  }
  return tokens;
}

std::string_view Model::piece(Token token) const noexcept {
  const auto index = static_cast<std::size_t>(token);
  if (token < 0 || index >= piece_ends_.size()) return {};
  const auto start = index == 0 ? 0 : piece_ends_[index - 1];
  return std::string_view(pieces_).substr(start, piece_ends_[index] - start);
}

std::string Model::detokenize(std::span<const Token> tokens) const {
  std::string text;
  for (const auto token : tokens) text += piece(token);
  if (handle_->facts().adds_space_prefix && text.starts_with(' ')) text.erase(0, 1);
  return text;
}

bool Model::ends_reply(Token token) const noexcept {
  const auto index = static_cast<std::size_t>(token);
  return token >= 0 && index < ends_reply_.size() && ends_reply_[index];
}

std::shared_ptr<const mask::Vocabulary> Model::mask_vocabulary() const {
  using mask::Vocabulary;
  std::call_once(vocabulary_made_, [this] {
    std::vector<std::string> pieces;
    std::vector<Token> ends;
    for (Token token = 0; token < vocabulary_size(); ++token) {
      const bool is_hidden = handle_->token_facts(token).control && markers_->find(token) == nullptr;
      pieces.emplace_back(is_hidden ? std::string_view() : piece(token));
      if (ends_reply(token)) ends.push_back(token);
    }
    for (const auto token : suppressed()) pieces[static_cast<std::size_t>(token)].clear();
    const bool blank = handle_->facts().adds_space_prefix;
    vocabulary_ = std::make_shared<const Vocabulary>(
        std::move(pieces), std::move(ends),
        [this](std::string_view text) {
          return markers_->tokenize(text, [this](std::string_view part) { return continuation(part); });
        },
        blank ? Vocabulary::FirstBlank::dropped : Vocabulary::FirstBlank::belongs);
  });
  return vocabulary_;
}

/// The tokens of text that stands in the middle of a reply.  A tokenizer that puts a blank first is given a line end to
/// put it before: no token goes across that.
std::vector<Token> Model::continuation(std::string_view text) const {
  if (!handle_->facts().adds_space_prefix) return handle_->tokenize(text, false);
  auto tokens = handle_->tokenize("\n" + std::string(text), false);
  std::size_t size = 0;
  std::size_t count = 0;
  while (count < tokens.size() && size < 2) size += piece(tokens[count++]).size();
  if (size != 2) return {};
  tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(count));
  return tokens;
}

std::span<const Token> Model::suppressed() const noexcept {
  return handle_->facts().suppressed;
}

}  // namespace dspy::llama
