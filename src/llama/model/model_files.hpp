#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama {

struct FoundFile {
  std::string name{};
  std::filesystem::path path{};
  std::uint64_t bytes = 0;
};

/// `given`, then those of `DSPY_MODELS`, then `./models`, then where `dspy models pull` puts models; each once.
std::vector<std::filesystem::path> model_directories(std::span<const std::filesystem::path> given);

/// The models in `directories` and the folders below, by the shortest name that `find_model` takes for each.  Of a
/// model in parts, only the first; no image or audio parts.
std::vector<FoundFile> model_files(std::span<const std::filesystem::path> directories);

/// The file meant by a name or path; a folder's name means the one model in it.  Throws `Error` (`model_not_found`).
std::filesystem::path find_model(std::string_view name_or_path, std::span<const std::filesystem::path> directories);

/// Bytes of a model's file, with all its parts.
std::uint64_t model_bytes(const std::filesystem::path& file);

}  // namespace dspy::llama
