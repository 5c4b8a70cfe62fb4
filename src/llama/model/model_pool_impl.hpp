#pragma once

#include "dspy/base/error.hpp"
#include "dspy/llama/model_pool.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <format>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// What a pool knows of its models and engines.  Private to model_pool*.cpp.

namespace dspy::llama {

struct ModelPool::Impl {
  using Clock = std::chrono::steady_clock;

  /// Since when something has been unused, as far as anybody looked.
  struct Idle {
    std::optional<Clock::time_point> since{};

    bool outlasts(std::chrono::milliseconds most, bool is_idle, Clock::time_point now) {
      if (!is_idle) since.reset();
      if (is_idle && !since) since = now;
      return since && now - *since >= most;
    }
  };

  /// A model that is loaded, or that one caller is loading while others wait.
  struct Entry {
    std::filesystem::path path{};
    ModelOptions options{};
    std::uint64_t bytes = 0;
    std::optional<std::expected<std::shared_ptr<const Model>, Error>> result{};
    Idle unused{};

    bool loaded() const { return result && *result; }
    bool idle() const { return loaded() && result->value().use_count() == 1; }
  };
  using Entries = std::list<std::shared_ptr<Entry>>;  // most recently used first

  struct RunningEngine {
    const Model* model;
    EngineOptions options{};
    std::weak_ptr<Engine> engine;
    std::uint64_t bytes = 0;         ///< Beside its model.
    std::shared_ptr<Engine> kept{};  ///< The same, while the pool keeps it alive.
    Idle unused{};
  };

  explicit Impl(ModelPoolOptions wanted);

  Entries::iterator find(const std::filesystem::path& path, const ModelOptions& model_options);

  // Room (model_pool_room.cpp).  The lock is held.

  std::uint64_t bytes() const;
  /// Of engines that run, beside their models.
  std::uint64_t engine_bytes() const;
  /// Whether a file of so many bytes fits, or an engine that takes so many beside its model's.
  bool has_room(std::uint64_t file, std::uint64_t context = 0) const;
  /// Takes the idle models that must go for `wanted` bytes to fit, those not used for longest.  Throws `Error`
  /// (`model_load_error`) that says who is in the way.
  Entries make_room(const std::filesystem::path& path, std::uint64_t wanted);
  /// The same for an engine.  The lock is let go meanwhile.
  void make_room_for_engine(std::unique_lock<std::mutex>& lock, const Model& model, std::uint64_t wanted);

  // Letting go (model_pool_release.cpp).

  /// Unloads models, logs it and tells `on_evict`.  Call it without the lock, since it takes time.
  void let_go(Entries& unloaded, ModelEviction::Reason reason, const std::string& wanted_by = {}) const;
  /// Takes the engines that nobody but the pool holds, of `model` or of all.  Destroy them without the lock, since that
  /// takes time.
  std::vector<std::shared_ptr<Engine>> take_kept_engines(const Model* model = nullptr);
  void drop_ended_engines();
  /// Lets go of the loaded models that `goes` names.  False if there were none.
  bool unload(const std::function<bool(const Entry&)>& goes);

  ModelPoolOptions options{};
  const std::vector<std::filesystem::path> directories;
  mutable std::mutex mutex;
  std::condition_variable loading_ended;
  Entries entries;
  std::condition_variable building_ended;
  std::vector<std::pair<const Model*, EngineOptions>> building{};  ///< Engines that one caller makes while others wait.
  std::uint64_t building_bytes = 0;                                ///< That these will take.
  std::vector<RunningEngine> engines{};
  std::condition_variable_any wake;
  std::jthread keeper;  // ends before what it looks at

 private:
  Entries take_idle(std::uint64_t file, std::uint64_t context = 0, const Model* beside = nullptr);
  void keep(const std::stop_token& stop);
};

inline std::string mebibytes(std::uint64_t bytes) {
  return std::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

}  // namespace dspy::llama
