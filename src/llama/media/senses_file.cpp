#include "llama/media/senses_file.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/text.hpp"
#include "llama/gguf/gguf.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::llama {
namespace {

namespace fs = std::filesystem;

/// `Qwen2.5-VL-3B-Instruct-Q4_K_M` → `qwen2.5-vl-3b-instruct`: files of one model differ in their weights' formats.
std::string without_format(std::string_view stem) {
  auto name = text::to_lower(stem);
  for (;;) {
    const auto cut = name.find_last_of("-.");
    if (cut == std::string::npos) return name;
    const auto last = std::string_view(name).substr(cut + 1);
    constexpr std::array<std::string_view, 8> starts = {"q2", "q3", "q4", "q5", "q6", "q8", "iq", "tq"};
    const bool is_format = last == "f16" || last == "f32" || last == "bf16" || last == "fp16" || last == "mxfp4" ||
                           std::ranges::any_of(starts, [&](std::string_view start) { return last.starts_with(start); });
    if (!is_format) return name;
    name.resize(cut);
  }
}

/// The model that a file's name says it is a part of; nothing if it is no such part.  Empty: it does not say.
std::optional<std::string> named_after(const fs::path& file) {
  auto name = without_format(file.stem().string());
  if (name == "mmproj") return "";
  for (const std::string_view mark : {"mmproj-", "mmproj_"}) {
    if (name.starts_with(mark)) {
      name.erase(0, mark.size());
      return name == "model" ? "" : without_format(name);
    }
  }
  for (const std::string_view mark : {"-mmproj", ".mmproj", "_mmproj"}) {
    if (name.ends_with(mark)) return without_format(std::string_view(name).substr(0, name.size() - mark.size()));
  }
  return std::nullopt;
}

SensesFile read(const fs::path& path) {
  const auto gguf = read_gguf(path);
  const auto refuse = [&](const std::string& why) {
    throw Error(Errc::model_load_error, std::format("`{}` {}", path.string(), why), {.model = path.string()});
  };
  SensesFile file{.path = path, .bytes = gguf.file_bytes};
  const auto flag = [&](std::string_view key) {
    const auto* const value = gguf.find(key);
    return value != nullptr && value->is_bool() && value->as_bool();
  };
  file.sees = flag("clip.has_vision_encoder");
  file.hears = flag("clip.has_audio_encoder");
  if (gguf.text("general.architecture") != "clip" || (!file.sees && !file.hears))
    refuse("is not an image or audio part of a model (mmproj); name the file that belongs to the model");
  for (const std::string_view key :
       {"clip.projector_type", "clip.vision.projector_type", "clip.audio.projector_type"}) {
    if (const auto name = gguf.text(key); name && file.projector.empty()) file.projector = *name;
  }
  return file;
}

/// Parts of a model in one folder, and how many models there are.
std::pair<std::vector<fs::path>, std::vector<std::string>> folder_of(const fs::path& model) {
  std::vector<fs::path> parts;
  std::vector<std::string> models;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(model.parent_path().empty() ? "." : model.parent_path(), error)) {
    const auto& path = entry.path();
    if (text::to_lower(path.extension().string()) != ".gguf") continue;
    if (named_after(path))
      parts.push_back(path);
    else if (const auto name = without_format(path.stem().string()); !std::ranges::contains(models, name))
      models.push_back(name);
  }
  std::ranges::sort(parts);
  return {std::move(parts), std::move(models)};
}

/// The parts that may be the model's: one is, and of several nobody knows which.
std::vector<fs::path> parts_beside(const fs::path& model) {
  auto [parts, models] = folder_of(model);
  const auto name = without_format(model.stem().string());
  auto own = parts;
  std::erase_if(own, [&](const fs::path& part) { return *named_after(part) != name; });
  // A part whose name says nothing, beside a single model, is that one's.
  if (own.empty() && models.size() == 1) {
    own = parts;
    std::erase_if(own, [&](const fs::path& part) { return !named_after(part)->empty(); });
  }
  return own;
}

}  // namespace

std::optional<SensesFile> find_senses(const ModelInfo& model, const MediaOptions& options) {
  if (options.mmproj == "none") return std::nullopt;
  if (!options.mmproj.empty()) return read(options.mmproj);
  const auto own = parts_beside(model.path);
  if (own.size() == 1) return read(own.front());
  if (!own.empty()) {
    log(LogLevel::warning, "llama",
        std::format("`{}` reads text only: there are {} image or audio parts next to it; name one (mmproj=FILE)",
                    model.path.string(), own.size()));
  }
  return std::nullopt;
}

std::uint64_t senses_bytes(const fs::path& model, const MediaOptions& options) {
  if (options.mmproj == "none") return 0;
  const auto own = options.mmproj.empty() ? parts_beside(model) : std::vector<fs::path>{options.mmproj};
  if (own.size() != 1) return 0;
  std::error_code error;
  const auto bytes = fs::file_size(own.front(), error);
  return error ? 0 : bytes;
}

}  // namespace dspy::llama
