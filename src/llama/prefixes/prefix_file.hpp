#pragma once

#include "dspy/llama/engine.hpp"
#include "dspy/llama/model.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace dspy::llama {

/// What a context's state can only be used with: the model file's content, the inference library's version, and the
/// options that decide how tokens are computed and kept.
std::uint64_t prefix_binding(const Model& model, const EngineOptions& options);

/// A prompt's start and what a context holds of it, as kept in a file between processes.
struct Prefix {
  std::vector<Token> tokens{};
  std::size_t begin = 0;  ///< The state is that of the tokens from here to the end.
  std::vector<std::byte> state{};
};

enum class PrefixDurability {
  survives_power_cut,
  may_be_lost,  ///< Faster; a file that exists is still complete.
};

/// Writes the file whole or not at all.  Throws `Error` (`io_error`).
void write_prefix(const std::filesystem::path& file, std::uint64_t binding, const Prefix& prefix,
                  PrefixDurability durability = PrefixDurability::survives_power_cut);

/// Throws `Error`: `io_error` for a file that cannot be read, is damaged, or is not a prefix file; `invalid_parameter`
/// for one of another binding.
Prefix read_prefix(const std::filesystem::path& file, std::uint64_t binding, std::string_view model);

/// All but the state, whose hash is not checked.  Throws like `read_prefix`.
Prefix read_prefix_tokens(const std::filesystem::path& file, std::uint64_t binding, std::string_view model);

}  // namespace dspy::llama
