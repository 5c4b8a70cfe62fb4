#pragma once

#include "dspy/llama/engine.hpp"
#include "dspy/llama/model.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama {

/// A model that a pool let go of, or an engine whose known prompts went with it.
struct ModelEviction {
  enum class Reason {
    room,  ///< Another model, or an engine, needed its memory.
    idle,  ///< Nobody used it for longer than `keep_alive`.
    asked,
  };

  std::filesystem::path path{};
  std::uint64_t bytes = 0;
  Reason reason = Reason::room;
  std::string wanted_by{};  ///< For whose sake, where room was needed: a model's file.
};

std::string_view to_string(ModelEviction::Reason reason) noexcept;

struct ModelPoolOptions {
  /// Where models are looked for by name, before the folders in the environment variable
  /// `DSPY_MODELS` (separated by `:`) and `./models`.
  std::vector<std::filesystem::path> directories{};
  std::uint64_t max_bytes = 0;  ///< Of loaded model files.  0: four fifths of the memory.
  /// For loaded model files and their engines, as computed by `plan_memory`. 0: only `max_bytes` applies.
  std::uint64_t max_memory = 0;
  /// How long engines, with all prompts they know, and models stay after their last use.  0: an engine ends with its
  /// last user, and a model stays until its room is needed.
  std::chrono::milliseconds keep_alive{0};
  /// Told of each model that goes, after it went, on the thread that let it go; must not throw, nor ask the pool.  It
  /// is logged as well.
  std::function<void(const ModelEviction&)> on_evict{};
  Runtime* runtime = nullptr;  ///< The installed one unless a test gives its own.
};

/// A model file that a pool can load.
struct ModelFile {
  std::string name{};  ///< What `load` takes: its path below the folder without `.gguf`, or that of its own folder.
  std::filesystem::path path{};
  std::uint64_t bytes = 0;
  bool loaded = false;
  bool in_use = false;  ///< By someone else than the pool.
};

/// Loads and shares models: each file once, even for concurrent requests.  When memory runs out, unused models are
/// unloaded, least recently used first.  Thread-safe.
class ModelPool {
 public:
  explicit ModelPool(ModelPoolOptions options = {});
  ~ModelPool();

  /// The pool that LMs use unless told otherwise.
  static std::shared_ptr<ModelPool> shared();

  /// The model by name or path; at once if it is loaded.  `progress` is that of the caller who
  /// really loads; where that one gives up, the next tries.  Throws what `Model::load` throws;
  /// `model_not_found` says where it looked and what is there.
  std::shared_ptr<const Model> load(std::string_view name_or_path, ModelOptions options = {},
                                    const Progress& progress = {});

  /// A running engine for a model of this pool; the same one for the same options, while somebody holds it, or it is
  /// kept alive.  Throws `Error` (`model_load_error`) where `max_memory` leaves no room for it.
  std::shared_ptr<Engine> engine(const std::shared_ptr<const Model>& model, const EngineOptions& options = {});

  /// Drops a model, so that the next `load` reads it again.  Its memory is released when it is no longer used.  False
  /// if it was not loaded.
  bool unload(std::string_view name_or_path);
  void unload_all();

  /// The file that `load` would read.  Throws `Error` (`model_not_found`).
  std::filesystem::path find(std::string_view name_or_path) const;
  /// Every model file in the folders, by name, and what else is loaded.
  std::vector<ModelFile> list() const;
  std::vector<std::filesystem::path> directories() const;
  std::uint64_t loaded_bytes() const;
  /// The same with what engines take, as `max_memory` counts it.
  std::uint64_t used_memory() const;
  std::uint64_t max_bytes() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dspy::llama
