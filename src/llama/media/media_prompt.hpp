#pragma once

#include "dspy/llama/chat_template.hpp"
#include "dspy/llama/model.hpp"
#include "dspy/lm/message.hpp"
#include "llama/media/senses.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dspy::llama {

/// A conversation whose pictures and sounds were read, and replaced by marks that no message has in it.
struct MediaChat {
  Chat chat{};
  std::vector<std::pair<std::string, std::shared_ptr<const Medium>>> media{};  ///< By their marks, in order.
};

/// Whether any message shows a picture, a sound or a document.
bool has_media(const Chat& chat) noexcept;

/// Reads what messages show; files are read from disk, and PDFs become pictures of their pages.  That may take seconds.
/// Throws `Error`: `unsupported` (a kind that the model does not read, or something on the network), `bad_input`
/// (unreadable, or above a limit), `io_error`.
MediaChat read_media(const Model& model, const Chat& chat);

/// The tokens of a prompt that a chat template wrote, with those of pictures and sounds where their marks are.
std::vector<Token> tokenize(const Model& model, const std::vector<PromptPart>& parts, const MediaChat& read);

}  // namespace dspy::llama
