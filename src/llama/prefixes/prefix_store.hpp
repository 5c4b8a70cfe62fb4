#pragma once

#include "dspy/llama/model.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dspy::llama {

/// A folder of prefixes, each in a file of its own, for engines of one binding.  Several processes may use one folder;
/// what one removes is simply not there for the others.  Used by one thread.
class PrefixStore {
 public:
  /// A prompt's start, the last part of which is in a file.
  struct Entry {
    std::vector<Token> tokens{};
    std::size_t begin = 0;  ///< Where that part starts.
    std::uint64_t bytes = 0;
  };

  /// Makes the folder if it is not there.  Throws `Error` (`io_error`).
  PrefixStore(std::filesystem::path directory, std::uint64_t binding, std::string model);

  /// The stored prefixes, shortest first.  Files of this binding that cannot be read are removed.
  std::vector<Entry> list();
  /// The size of the file; 0 if it could not be written, which is logged.
  std::uint64_t write(std::span<const Token> tokens, std::size_t begin, std::span<const std::byte> state);
  /// Nothing if the file is missing or damaged.
  std::optional<std::vector<std::byte>> read(std::span<const Token> tokens, std::size_t begin);
  void remove(std::span<const Token> tokens, std::size_t begin) noexcept;

 private:
  std::filesystem::path file_of(std::span<const Token> tokens, std::size_t begin) const;

  std::filesystem::path directory_;
  std::uint64_t binding_;
  std::string model_;
};

}  // namespace dspy::llama
