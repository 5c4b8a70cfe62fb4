// Loads a model: checks its file, decides where its weights go, and tries fewer layers on the graphics card where they
// do not fit.
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/llama/model.hpp"
#include "llama/gguf/gguf.hpp"
#include "llama/media/senses.hpp"
#include "llama/media/senses_file.hpp"
#include "llama/model/device_fault.hpp"
#include "llama/model/hardware.hpp"
#include "llama/model/model_info.hpp"
#include "llama/model/runtime.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <format>

namespace dspy::llama {
namespace {

/// Refuses files that hold no language model.  libllama's own messages about them do not help.
void require_language_model(const ModelInfo& info, const Gguf& gguf) {
  const auto refuse = [&](std::string_view why) {
    throw Error(Errc::model_load_error, std::format("`{}` {}", info.path.string(), why), {.model = info.path.string()});
  };
  if (info.architecture.empty()) refuse("does not say which architecture it is (no key `general.architecture`)");
  if (gguf.text("general.type") == "adapter") refuse("is a LoRA adapter, not a model; load the model it was made for");
  if (info.architecture == "clip" || gguf.text("general.type") == "mmproj")
    refuse("is the image part of a multimodal model; load the language model it belongs to");
  if (gguf.tensors.empty()) refuse("holds no weights (only a vocabulary)");
}

/// Checks the other files of a model that is stored in parts.  libllama finds them itself, but says little about a
/// damaged one.
void check_parts(const Gguf& gguf, const std::filesystem::path& file) {
  const auto parts = gguf.whole("split.count").value_or(1);
  const auto name = file.filename().string();
  const auto mark = std::format("-00001-of-{:05}.gguf", parts);
  if (parts <= 1) return;
  if (!name.ends_with(mark))
    throw Error(Errc::model_load_error,
                std::format("`{}` is one of the {} parts of a model; load the first, whose name ends in `{}`",
                            file.string(), parts, mark),
                {.model = file.string()});
  const auto stem = name.substr(0, name.size() - mark.size());
  for (std::uint64_t part = 2; part <= parts; ++part)
    static_cast<void>(read_gguf(file.parent_path() / std::format("{}-{:05}-of-{:05}.gguf", stem, part, parts)));
}

/// Weights that stay on the processor are often rearranged for its instructions, so mapping the file would only keep a
/// second copy of it in memory; but a file that nearly fills the memory is better mapped than copied.
LoadMode load_mode(const Placement& placement, std::uint64_t file_bytes) {
  if (!placement.devices.empty()) return LoadMode::automatic;
  return file_bytes < HostFacts::read().memory_free / 2 ? LoadMode::read : LoadMode::map;
}

/// Loads a model, and names its file in what is thrown.
std::unique_ptr<RuntimeModel> load_named(const ModelInfo& info, Runtime& library, const RuntimeLoadOptions& options) {
  const auto file = info.path.string();
  try {
    return library.load_model(options);
  } catch (const Error& error) {
    if (error.code() == Errc::cancelled)
      throw Error(Errc::cancelled, std::format("loading `{}` was cancelled", file), {.model = file});
    const std::string_view reason = error.what();
    const bool unknown = reason.contains("unknown model architecture");
    throw Error(error.code(),
                unknown
                    ? std::format("`{}` has the architecture `{}`, which libllama {} does not know; install a newer "
                                  "libllama, or use another model",
                                  file, info.architecture, library.version())
                    : std::format("cannot load `{}`: {}", file, reason),
                {.model = file});
  }
}

/// Fills in from the environment what `options` leave open: `DSPY_DEVICES` (names, with commas between them) and
/// `DSPY_GPU_LAYERS`.
ModelOptions with_environment(ModelOptions options) {
  // NOLINTBEGIN(concurrency-mt-unsafe): nobody sets them
  if (const char* const names = std::getenv("DSPY_DEVICES"); names != nullptr && options.devices.empty()) {
    for (std::string_view rest = names; !rest.empty();) {
      const auto end = std::min(rest.find(','), rest.size());
      if (end > 0) options.devices.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  if (const char* const layers = std::getenv("DSPY_GPU_LAYERS"); layers != nullptr && options.gpu_layers == -1) {
    const std::string_view text = layers;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), options.gpu_layers);
    if (error != std::errc{} || end != text.data() + text.size())
      throw Error(Errc::config_error, std::format("DSPY_GPU_LAYERS is `{}`; give a whole number, -1 for all", text));
  }
  // NOLINTEND(concurrency-mt-unsafe)
  return options;
}

void validate(const MediaOptions& media) {
  const auto require = [](bool fine, std::string_view name, auto value, std::string_view range) {
    if (!fine) throw Error(Errc::invalid_parameter, std::format("{} is {}; it must be {}", name, value, range));
  };
  require(media.image_tokens >= 0, "image_tokens", media.image_tokens, "at least 1, or 0 for the model's own");
  require(media.most_media >= 1, "most_media", media.most_media, "at least 1");
  require(media.max_seconds > 0, "max_seconds", media.max_seconds, "above 0");
}

/// Loads a model with layers on graphics cards.  If they do not fit after all, since the library needs more or another
/// program took the memory, it tries fewer, down to none, unless the caller asked for that number.
std::unique_ptr<RuntimeModel> load_fitting(const ModelInfo& info, Runtime& library, RuntimeLoadOptions load,
                                           const ModelOptions& options, Placement& placement) {
  for (;;) {
    try {
      return load_named(info, library, load);
    } catch (const Error& error) {
      if (load.devices.empty() || error.code() == Errc::cancelled) throw;
      const int layers = load.gpu_layers < 0 ? info.layers + 1 : load.gpu_layers;
      if (device_fault(error.what()) != DeviceFault::memory || options.gpu_layers != -1)
        throw explained(error, info.name, placement.words);
      const int fewer = layers / 2;
      log(LogLevel::warning, "llama",
          std::format("{} of {} layers of `{}` do not fit on the graphics card ({}); trying {}", layers,
                      info.layers + 1, info.name, error.what(), fewer));
      load.gpu_layers = fewer;
      placement.gpu_layers = fewer;
      placement.words = fewer == 0 ? "the processor, since the graphics card had no room"
                                   : std::format("{} of {} layers on a graphics card, since more did not fit", fewer,
                                                 info.layers + 1);
      if (fewer == 0) {
        load.devices.clear();
        placement.devices.clear();
        load.mode = load_mode(placement, info.file_bytes);
      }
    }
  }
}

}  // namespace

std::shared_ptr<const Model> Model::load(const std::filesystem::path& file, ModelOptions wanted,
                                         const Progress& progress, Runtime* given) {
  const auto options = given != nullptr ? std::move(wanted) : with_environment(std::move(wanted));
  validate(options.media);
  if (options.gpu_layers < -1)
    throw Error(Errc::invalid_parameter, std::format("gpu_layers is {}; -1 is all, 0 is none", options.gpu_layers));
  const auto gguf = read_gguf(file);
  auto info = describe(gguf, file);
  require_language_model(info, gguf);
  check_parts(gguf, file);

  auto& library = given ? *given : runtime();
  auto placement = place(library.devices(), info.weight_bytes, info.layers, options.gpu_layers, options.devices);
  RuntimeLoadOptions load{.path = file.string(),
                          .gpu_layers = placement.gpu_layers,
                          .devices = placement.devices,
                          .mode = load_mode(placement, info.file_bytes),
                          .kernels = options.kernels};
  if (progress) load.progress = [&progress](float done) { return progress(static_cast<double>(done)); };
  auto senses = find_senses(info, options.media);
  auto handle = load_fitting(info, library, load, options, placement);
  const bool on_gpu = !placement.devices.empty();
  const std::shared_ptr<Model> model(
      new Model(std::move(info), std::move(handle), std::move(placement.words), on_gpu, options.kernels));
  if (senses)
    model->senses_ = std::make_unique<Senses>(*std::move(senses), options.media, recommended_threads(HostFacts::read()),
                                              on_gpu, *model->handle_);
  return model;
}

}  // namespace dspy::llama
