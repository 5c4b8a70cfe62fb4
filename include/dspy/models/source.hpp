#pragma once

#include <string>
#include <string_view>

namespace dspy::models {

/// Where a model comes from, as people write it.
struct Source {
  enum class Kind {
    catalogue,     ///< `smollm2`: a name in the catalogue.
    hugging_face,  ///< `hf:owner/repository`, with `@revision`, and `:file` or `:Q4_K_M`, if wanted.
    ollama,        ///< `ollama:name`, `ollama:owner/name`, with `:tag` if wanted.
    url,           ///< `https://…/file.gguf`
  };

  Kind kind = Kind::catalogue;
  std::string name = {};   ///< In the catalogue.
  std::string owner = {};  ///< Of a repository; `library` for Ollama's own.
  std::string repository = {};
  std::string revision = {};  ///< Branch, tag or commit; Ollama's tag.
  std::string file = {};      ///< A file in the repository, or the format of its weights; empty: the best there is.
  std::string url = {};

  bool operator==(const Source&) const = default;
};

/// Throws `Error` (`invalid_parameter`) that says what can be written.
Source parse_source(std::string_view text);
/// What `parse_source` reads as `source`.
std::string to_text(const Source& source);
/// The name under which such a model is kept, unless one is chosen: letters, digits, `.`, `-` and `_`.
std::string default_name(const Source& source);
/// Whether a model can be kept under that name.
bool is_model_name(std::string_view name) noexcept;

}  // namespace dspy::models
