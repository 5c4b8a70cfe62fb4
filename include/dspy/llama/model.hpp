#pragma once

#include "dspy/llama/chat_template.hpp"
#include "dspy/llama/context_options.hpp"
#include "dspy/llama/media.hpp"
#include "dspy/llama/model_info.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama {

class LoraCache;
class MarkerTokens;
class PieceCache;
class Runtime;
class RuntimeModel;
class Senses;
namespace mask {
class Vocabulary;
}

using Token = std::int32_t;

/// Called with the part that is done, 0 to 1, on the loading thread.  Returning false gives up.
using Progress = std::function<bool(double done)>;

struct ModelOptions {
  int gpu_layers = -1;  ///< How many layers to keep on a GPU.  -1: as many as fit; 0: none.
  /// Names of the graphics cards to use, as `Hardware::detect` lists them.  Empty: all that help.
  std::vector<std::string> devices{};
  Kernels kernels = Kernels::automatic;  ///< Without a graphics card.
  MediaOptions media{};                  ///< Pictures and sounds.

  bool operator==(const ModelOptions&) const = default;
};

/// A loaded model: weights, tokenizer, chat template.  Immutable and thread-safe; shared by
/// every engine that runs it.
class Model {
 public:
  /// Loads a GGUF file.  Throws `Error`: `model_not_found`; `model_load_error` (damaged, or of an
  /// architecture that the installed libllama does not know); `backend_error` (no libllama);
  /// `cancelled` (by `progress`).  `runtime` is the installed one unless a test gives its own.
  static std::shared_ptr<const Model> load(const std::filesystem::path& file, ModelOptions options = {},
                                           const Progress& progress = {}, Runtime* runtime = nullptr);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const ModelInfo& info() const noexcept { return info_; }
  const std::string& name() const noexcept { return info_.name; }
  /// Tokens the model was trained to look back on.
  int context_length() const noexcept { return info_.context_length; }
  int vocabulary_size() const noexcept { return info_.vocabulary; }
  /// Where the weights are, in words, such as `all 25 layers on CUDA0`.
  const std::string& placement() const noexcept { return placement_; }
  /// Whether it reads pictures, or sounds.
  bool sees() const noexcept;
  bool hears() const noexcept;
  /// Whether any of it is on a graphics card.
  bool on_gpu() const noexcept { return on_gpu_; }
  Kernels kernels() const noexcept { return kernels_; }

  /// `text` as data: no marker in it becomes a control token.
  std::vector<Token> tokenize(std::string_view text) const;
  /// `text` with the control tokens that are written in it, for text that comes from a template.
  std::vector<Token> tokenize_with_control(std::string_view text) const;
  /// The prompt for `chat`, as the chat template writes it.  Throws what `ChatTemplate::render` throws.
  std::vector<Token> tokenize(const Chat& chat, const ChatOptions& options = {}) const;
  /// The tokens of a prompt that a chat template wrote.
  std::vector<Token> tokenize(const std::vector<PromptPart>& parts) const;
  /// The same; `write` appends those of what messages say.
  using TextWriter = std::function<void(std::vector<Token>& tokens, std::string_view text)>;
  std::vector<Token> tokenize(const std::vector<PromptPart>& parts, const TextWriter& write) const;
  std::size_t count_tokens(std::string_view text) const { return tokenize(text).size(); }

  /// The bytes of a token, which may be part of a character; empty for control tokens, except those around tool calls
  /// (`ToolFormat`), which give their names.
  std::string_view piece(Token token) const noexcept;
  std::string detokenize(std::span<const Token> tokens) const;
  /// True for the tokens that end a reply.
  bool ends_reply(Token token) const noexcept;

  const ChatTemplate& chat_template() const noexcept { return template_; }
  std::span<const Token> suppressed() const noexcept;

  /// For engines.
  /// The tokens as masks need them; made when first asked for.
  std::shared_ptr<const mask::Vocabulary> mask_vocabulary() const;
  RuntimeModel& handle() const noexcept { return *handle_; }
  LoraCache& loras() const noexcept { return *loras_; }
  /// What reads pictures or sounds; null for a model that reads text only.
  Senses* senses() const noexcept { return senses_.get(); }

 private:
  Model(ModelInfo info, std::unique_ptr<RuntimeModel> handle, std::string placement, bool on_gpu, Kernels kernels);

  std::vector<Token> continuation(std::string_view text) const;
  void append(std::vector<Token>& tokens, std::string_view text, bool control) const;

  ModelInfo info_;
  std::unique_ptr<RuntimeModel> handle_;
  std::unique_ptr<Senses> senses_;
  std::unique_ptr<LoraCache> loras_;
  std::unique_ptr<PieceCache> pieces_of_prompts_;
  std::string placement_;
  bool on_gpu_;
  Kernels kernels_;
  ChatTemplate template_;
  std::unique_ptr<const MarkerTokens> markers_;
  std::string pieces_;  // of all tokens, one after the other
  std::vector<std::uint32_t> piece_ends_;
  std::vector<bool> ends_reply_;
  mutable std::once_flag vocabulary_made_;
  mutable std::shared_ptr<const mask::Vocabulary> vocabulary_;
};

}  // namespace dspy::llama
