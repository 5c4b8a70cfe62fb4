#pragma once

#include "dspy/llama/model.hpp"

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

namespace dspy::llama {

/// A prompt's start and what a context holds after reading it, as kept in a file between processes.
struct Prefix {
  std::vector<Token> tokens{};
  std::vector<std::byte> state{};
};

/// Writes the file whole or not at all.  Throws `Error` (`io_error`).
void write_prefix(const std::filesystem::path& file, const Model& model, std::span<const Token> tokens,
                  std::span<const std::byte> state);

/// Throws `Error`: `io_error` for a file that cannot be read, is damaged, or is none of ours; `invalid_parameter` for
/// one of another model, or of another version of the inference library.
Prefix read_prefix(const std::filesystem::path& file, const Model& model);

}  // namespace dspy::llama
