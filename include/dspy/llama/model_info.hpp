#pragma once

#include "dspy/base/json.hpp"
#include "dspy/lm/request.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace dspy::llama {

/// What a GGUF file says about the model inside, read without loading it.
struct ModelInfo {
  /// The weights stored in one number format.
  struct Weights {
    std::string type{};  ///< As llama.cpp names it, such as `Q8_0`.
    std::uint64_t tensors = 0;
    std::uint64_t bytes = 0;
  };

  std::filesystem::path path{};
  std::string name{};  ///< As its makers call it, else the file's name.
  std::string architecture{};
  std::string quantization{};  ///< The type of most weights; `Q4_K + Q6_K` where several matter.
  std::uint64_t parameters = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t weight_bytes = 0;
  int context_length = 0;  ///< In tokens, as trained; 0 if the file does not say.
  int embedding_length = 0;
  int layers = 0;
  int vocabulary = 0;
  std::uint64_t kv_elements = 0;     ///< Numbers that a context keeps for one token; 0 if the file does not say.
  std::uint64_t state_elements = 0;  ///< Numbers of 32 bits for each sequence, of layers that keep a state (Mamba).
  std::string tokenizer{};           ///< Such as `gpt2 (qwen2)`.
  std::string chat_template{};       ///< The file's Jinja source; empty if it has none.
  std::string chat_format{};         ///< How prompts are written, as `ChatTemplate::names()` has it.
  bool knows_chat_template = false;  ///< False: there is none, or its family is unknown, and `chat_format` is used.
  Sampling recommended{};            ///< What its makers advise (`general.sampling.*`).
  std::vector<Weights> weights{};    ///< Largest first.
  JsonObject metadata{};             ///< Every key; a long list is shown as its type and length.
};

/// Reads the header of `file` and checks that every tensor lies inside it, all without the
/// inference library.  Throws `Error`: `model_not_found`, or `model_load_error` for a file
/// that is not a GGUF, is cut short or contradicts itself.
ModelInfo inspect_model(const std::filesystem::path& file);

/// Everything but the chat template's source and the token lists, for `--json`.
JsonObject to_json(const ModelInfo& info);

}  // namespace dspy::llama
