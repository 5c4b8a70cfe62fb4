#pragma once

#include "dspy/llama/media.hpp"
#include "dspy/llama/model_info.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace dspy::llama {

/// What the header of an image or audio part (mmproj) says.
struct SensesFile {
  std::filesystem::path path{};
  std::string projector{};  ///< Such as `qwen2vl_merger`.
  bool sees = false;
  bool hears = false;
  std::uint64_t bytes = 0;
};

/// The image or audio part of a model: the one that `options` names, or one beside the model's file.  A file beside it
/// is taken if it is named after the model (`mmproj-NAME.gguf`, `NAME-mmproj.gguf`, `NAME.mmproj.gguf`), whatever the
/// formats of their weights, or if it is the only one in a folder with one model.  Nothing if there is none.  Throws
/// `Error`: `model_not_found`; `model_load_error` (no such part).  Whether it is another model's is seen when it is
/// loaded.
std::optional<SensesFile> find_senses(const ModelInfo& model, const MediaOptions& options);
/// How large that file is, unread; 0 if there is none.
std::uint64_t senses_bytes(const std::filesystem::path& model, const MediaOptions& options);

}  // namespace dspy::llama
