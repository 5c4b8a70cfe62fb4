#pragma once

#include "dspy/base/json.hpp"

#include <cstdint>
#include <expected>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Reads the header of a GGUF file: what is in it, and whether every tensor lies inside it.  No length in the
// file is trusted before it is checked, so that nothing damaged reaches the inference library.

namespace dspy::llama {

struct GgufTensor {
  std::string name{};
  std::uint32_t type = 0;  ///< See `tensor_type`.
  std::vector<std::uint64_t> shape{};
  std::uint64_t elements = 0;
  std::uint64_t offset = 0;  ///< From the start of the data.
  std::uint64_t bytes = 0;   ///< 0 where the type is unknown.
};

struct Gguf {
  std::uint32_t version = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t data_offset = 0;
  /// Lists of more than `long_list` elements are replaced by their description, such as `"string[151936]"`.
  JsonObject metadata{};
  std::vector<GgufTensor> tensors{};
  bool has_chatml_tokens = false;  ///< The vocabulary has `<|im_start|>` and `<|im_end|>`.

  const Json* find(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;
  std::optional<std::uint64_t> whole(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  /// The length of a list, shown or not.
  std::optional<std::uint64_t> length(std::string_view key) const;

  static constexpr std::uint64_t long_list = 32;
};

/// The header in `in`, which has `file_bytes` bytes; or what is wrong with it, as the end of a sentence that starts
/// with the file's name.
std::expected<Gguf, std::string> read_gguf(std::istream& in, std::uint64_t file_bytes);

/// As above, for a file.  Throws `Error` (`model_not_found`, `io_error`, `model_load_error`).
Gguf read_gguf(const std::filesystem::path& file);

}  // namespace dspy::llama
