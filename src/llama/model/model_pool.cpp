#include "dspy/llama/model_pool.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/text.hpp"
#include "dspy/llama/hardware.hpp"
#include "dspy/llama/memory_plan.hpp"
#include "llama/media/senses_file.hpp"
#include "llama/model/model_files.hpp"

#include <algorithm>
#include <condition_variable>
#include <expected>
#include <format>
#include <functional>
#include <iterator>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

namespace dspy::llama {
namespace {

namespace fs = std::filesystem;

std::string mebibytes(std::uint64_t bytes) {
  return std::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

fs::path same_for_all(const fs::path& file) {
  std::error_code error;
  auto canonical = fs::canonical(file, error);
  return error ? file : canonical;
}

/// What an engine takes beside its model; 0 where the file does not say enough.
std::uint64_t context_bytes(const ModelInfo& model, const EngineOptions& options) {
  return model.kv_elements == 0 ? 0 : plan_memory(model, options).context();
}

}  // namespace

std::string_view to_string(ModelEviction::Reason reason) noexcept {
  switch (reason) {
    case ModelEviction::Reason::room: return "room";
    case ModelEviction::Reason::idle: return "idle";
    case ModelEviction::Reason::asked: return "asked";
  }
  return "?";
}

struct ModelPool::Impl {
  using Clock = std::chrono::steady_clock;

  /// Since when nobody was seen to use something.
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
    fs::path path{};
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

  explicit Impl(ModelPoolOptions wanted)
      : options(std::move(wanted)), directories(model_directories(options.directories)) {
    if (options.max_bytes == 0) options.max_bytes = HostFacts::read().memory_total / 5 * 4;
    if (options.keep_alive.count() < 0)
      throw Error(Errc::invalid_parameter,
                  std::format("keep_alive is {} ms; it must be at least 0", options.keep_alive.count()));
    if (options.keep_alive.count() > 0) keeper = std::jthread([this](const std::stop_token& stop) { keep(stop); });
  }

  /// Lets go of what was not used for long, until the pool ends.
  void keep(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      wake.wait_for(lock, stop, std::max(options.keep_alive / 4, std::chrono::milliseconds(1)), [] { return false; });
      const auto now = Clock::now();
      std::vector<std::shared_ptr<Engine>> ended;  // which takes time, so without the lock
      for (auto& running : engines) {
        if (running.kept && running.unused.outlasts(options.keep_alive, running.kept.use_count() == 1, now))
          ended.push_back(std::move(running.kept));
      }
      lock.unlock();
      ended.clear();
      lock.lock();
      drop_ended_engines();
      Entries unloaded;
      for (auto entry = entries.begin(); entry != entries.end();) {
        const auto next = std::next(entry);
        if ((*entry)->unused.outlasts(options.keep_alive, (*entry)->idle(), now))
          unloaded.splice(unloaded.end(), entries, entry);
        entry = next;
      }
      lock.unlock();
      let_go(unloaded, ModelEviction::Reason::idle);
      lock.lock();
    }
  }

  /// Lets models go and tells of it; without the lock, since that takes time.
  void let_go(Entries& unloaded, ModelEviction::Reason reason, const std::string& wanted_by = {}) const {
    while (!unloaded.empty()) {
      const ModelEviction eviction{
          .path = unloaded.front()->path, .bytes = unloaded.front()->bytes, .reason = reason, .wanted_by = wanted_by};
      unloaded.pop_front();
      log(LogLevel::info, "llama",
          std::format("unloaded `{}` ({}): {}", eviction.path.string(), mebibytes(eviction.bytes),
                      reason == ModelEviction::Reason::room   ? std::format("`{}` needs its room", wanted_by)
                      : reason == ModelEviction::Reason::idle ? "nobody used it any more"
                                                              : "as asked"));
      if (options.on_evict) options.on_evict(eviction);
    }
  }

  /// Engines that nobody but the pool holds; of `model`, or of all.  To be ended without the lock, since that takes
  /// time.
  std::vector<std::shared_ptr<Engine>> take_kept_engines(const Model* model = nullptr) {
    std::vector<std::shared_ptr<Engine>> taken;
    for (auto& running : engines) {
      if (running.kept.use_count() == 1 && (model == nullptr || running.model == model))
        taken.push_back(std::exchange(running.kept, nullptr));
    }
    return taken;
  }

  void drop_ended_engines() {
    std::erase_if(engines, [](const auto& running) { return running.engine.expired(); });
  }

  /// False if none of those that `goes` names was loaded.
  bool unload(const std::function<bool(const Entry&)>& goes) {
    Entries unloaded;
    {
      std::vector<std::shared_ptr<Engine>> ended;
      const std::unique_lock lock(mutex);
      for (auto entry = entries.begin(); entry != entries.end();) {
        const auto each = entry++;
        if (!(*each)->loaded() || !goes(**each)) continue;
        std::ranges::move(take_kept_engines((*each)->result->value().get()), std::back_inserter(ended));
        unloaded.splice(unloaded.end(), entries, each);
      }
    }
    const bool any = !unloaded.empty();
    let_go(unloaded, ModelEviction::Reason::asked);
    return any;
  }

  Entries::iterator find(const fs::path& path, const ModelOptions& model_options) {
    return std::ranges::find_if(
        entries, [&](const auto& entry) { return entry->path == path && entry->options == model_options; });
  }

  std::uint64_t bytes() const {
    std::uint64_t sum = 0;
    for (const auto& entry : entries) sum += entry->bytes;
    return sum;
  }

  /// Of engines that run, beside their models.
  std::uint64_t engine_bytes() const {
    auto sum = building_bytes;
    for (const auto& running : engines) sum += running.engine.expired() ? 0 : running.bytes;
    return sum;
  }

  /// Whether a file of so many bytes fits, or an engine that takes so many beside its model's.
  bool has_room(std::uint64_t file, std::uint64_t context = 0) const {
    const auto fits = [](std::uint64_t used, std::uint64_t wanted, std::uint64_t most) {
      return wanted <= most && used <= most - wanted;
    };
    return fits(bytes(), file, options.max_bytes) &&
           (options.max_memory == 0 || fits(bytes() + engine_bytes(), file + context, options.max_memory));
  }

  /// The idle models, those not used for longest, that must go until there is room.
  Entries take_idle(std::uint64_t file, std::uint64_t context = 0, const Model* beside = nullptr) {
    Entries unloaded;
    for (auto entry = entries.end(); !has_room(file, context) && entry != entries.begin();) {
      const auto each = std::prev(entry);
      if ((*each)->idle() && (*each)->result->value().get() != beside)
        unloaded.splice(unloaded.end(), entries, each);
      else
        entry = each;
    }
    return unloaded;
  }

  /// Takes the idle models, those not used for longest, that must go for `wanted` bytes to fit, or says who is in the
  /// way.
  Entries make_room(const fs::path& path, std::uint64_t wanted) {
    std::vector<std::string> users{};
    std::uint64_t used = 0;
    for (const auto& entry : entries) {
      if (entry->idle()) continue;
      users.push_back(entry->path.filename().string());
      used += entry->bytes;
    }
    if (wanted > options.max_bytes || used > options.max_bytes - wanted)
      throw Error(Errc::model_load_error,
                  std::format("`{}` needs {} and the pool may hold {}{}; raise max_bytes, or use a smaller model",
                              path.string(), mebibytes(wanted), mebibytes(options.max_bytes),
                              users.empty() ? ""
                                            : std::format(", of which {} in use by {}", mebibytes(used),
                                                          text::enumerate(users, "`", "and"))),
                  {.model = path.string()});
    if (options.max_memory != 0 && used + engine_bytes() + wanted > options.max_memory)
      throw Error(Errc::model_load_error,
                  std::format("`{}` needs {} and models and engines may take {} in all, of which {} are in use; raise "
                              "max_memory, end an engine, or use a smaller model",
                              path.string(), mebibytes(wanted), mebibytes(options.max_memory),
                              mebibytes(used + engine_bytes())),
                  {.model = path.string()});
    return take_idle(wanted);
  }

  /// Takes what must go for an engine, or says that it does not fit.  The lock is held, and let go meanwhile.
  void make_room_for_engine(std::unique_lock<std::mutex>& lock, const Model& model, std::uint64_t wanted) {
    if (has_room(0, wanted)) return;
    auto kept = take_kept_engines();
    lock.unlock();
    kept.clear();
    lock.lock();
    drop_ended_engines();
    auto unloaded = take_idle(0, wanted, &model);
    const bool fits = has_room(0, wanted);
    const auto used = bytes() + engine_bytes();
    lock.unlock();
    let_go(unloaded, ModelEviction::Reason::room, model.info().path.string());
    lock.lock();
    if (!fits)
      throw Error(Errc::model_load_error,
                  std::format("an engine of `{}` needs {} beside its model, and models and engines may take {} in all, "
                              "of which {} are in use; raise max_memory, or lower kv_tokens or context_length",
                              model.name(), mebibytes(wanted), mebibytes(options.max_memory), mebibytes(used)),
                  {.model = model.name()});
  }

  ModelPoolOptions options{};
  const std::vector<fs::path> directories;
  mutable std::mutex mutex;
  std::condition_variable loading_ended;
  Entries entries;
  std::condition_variable building_ended;
  std::vector<std::pair<const Model*, EngineOptions>> building{};  ///< Engines that one caller makes while others wait.
  std::uint64_t building_bytes = 0;                                ///< That these will take.
  std::vector<RunningEngine> engines{};
  std::condition_variable_any wake;
  std::jthread keeper;  // ends before what it looks at
};

ModelPool::ModelPool(ModelPoolOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

ModelPool::~ModelPool() = default;

// Never destroyed: at the end of the process the inference library may be gone before it.
std::shared_ptr<ModelPool> ModelPool::shared() {
  static auto* const pool = new std::shared_ptr<ModelPool>(std::make_shared<ModelPool>());
  return *pool;
}

std::shared_ptr<const Model> ModelPool::load(std::string_view name_or_path, ModelOptions options,
                                             const Progress& progress) {
  const auto path = same_for_all(find(name_or_path));
  auto& entries = impl_->entries;
  auto& mutex = impl_->mutex;
  std::shared_ptr<Impl::Entry> entry{};
  Impl::Entries unloaded;
  for (std::unique_lock lock(mutex); !entry;) {
    if (const auto found = impl_->find(path, options); found != entries.end()) {
      // A copy, since the entry may leave the list while we wait.
      const auto other = *found;  // NOLINT(performance-unnecessary-copy-initialization)
      impl_->loading_ended.wait(lock, [&] { return other->result.has_value(); });
      if (other->loaded()) {
        other->unused = {};
        if (const auto now = impl_->find(path, options); now != entries.end())
          entries.splice(entries.begin(), entries, now);
        return other->result->value();
      }
      // Who gives up does so for himself alone.
      if (other->result->error().code() != Errc::cancelled) throw other->result->error();
      continue;
    }
    const auto bytes = model_bytes(path) + senses_bytes(path, options.media);
    impl_->drop_ended_engines();
    auto kept = impl_->has_room(bytes) ? std::vector<std::shared_ptr<Engine>>{} : impl_->take_kept_engines();
    if (!kept.empty()) {
      lock.unlock();
      kept.clear();
      lock.lock();
      continue;
    }
    unloaded = impl_->make_room(path, bytes);
    entry = std::make_shared<Impl::Entry>(path, options, bytes);
    entries.push_front(entry);
  }
  impl_->let_go(unloaded, ModelEviction::Reason::room, path.string());

  auto result = attempt([&] { return Model::load(path, options, progress, impl_->options.runtime); });
  {
    const std::lock_guard lock(mutex);
    if (!result) std::erase(entries, entry);
    entry->result.emplace(result);
  }
  impl_->loading_ended.notify_all();
  if (!result) throw result.error();
  return *std::move(result);
}

// Made without the lock: that allocates a context, and may read what is known of prompts from files.
std::shared_ptr<Engine> ModelPool::engine(const std::shared_ptr<const Model>& model, const EngineOptions& options) {
  const std::pair key(model.get(), options);
  std::unique_lock lock(impl_->mutex);
  for (;;) {
    impl_->drop_ended_engines();
    for (auto& running : impl_->engines) {
      if (running.model != model.get() || running.options != options) continue;
      running.unused = {};
      if (auto engine = running.engine.lock()) return engine;
    }
    if (!std::ranges::contains(impl_->building, key)) break;
    impl_->building_ended.wait(lock);
  }
  const auto bytes = impl_->options.max_memory == 0 ? 0 : context_bytes(model->info(), options);
  impl_->building.push_back(key);
  try {
    impl_->make_room_for_engine(lock, *model, bytes);
  } catch (const Error&) {
    std::erase(impl_->building, key);
    impl_->building_ended.notify_all();
    throw;
  }
  impl_->building_bytes += bytes;
  lock.unlock();
  auto engine = attempt([&] { return std::make_shared<Engine>(model, options); });
  lock.lock();
  impl_->building_bytes -= bytes;
  std::erase(impl_->building, key);
  impl_->building_ended.notify_all();
  if (!engine) throw engine.error();
  impl_->engines.push_back({.model = model.get(),
                            .options = options,
                            .engine = *engine,
                            .bytes = bytes,
                            .kept = impl_->options.keep_alive.count() > 0 ? *engine : nullptr});
  return *std::move(engine);
}

bool ModelPool::unload(std::string_view name_or_path) {
  const auto path = same_for_all(find(name_or_path));
  return impl_->unload([&](const Impl::Entry& entry) { return entry.path == path; });
}

void ModelPool::unload_all() {
  impl_->unload([](const Impl::Entry&) { return true; });
}

fs::path ModelPool::find(std::string_view name_or_path) const {
  return find_model(name_or_path, impl_->directories);
}

std::vector<ModelFile> ModelPool::list() const {
  std::vector<ModelFile> files{};
  for (auto& [name, path, bytes] : model_files(impl_->directories))
    files.push_back({.name = std::move(name), .path = path, .bytes = bytes});
  const std::lock_guard lock(impl_->mutex);
  for (const auto& entry : impl_->entries) {
    if (!entry->loaded()) continue;
    auto found = std::ranges::find_if(files, [&](const auto& file) { return same_for_all(file.path) == entry->path; });
    if (found == files.end())
      found = files.insert(found, {.name = entry->path.stem().string(), .path = entry->path, .bytes = entry->bytes});
    found->loaded = true;
    found->in_use = found->in_use || !entry->idle();
  }
  return files;
}

std::vector<fs::path> ModelPool::directories() const {
  return impl_->directories;
}

std::uint64_t ModelPool::loaded_bytes() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->bytes();
}

std::uint64_t ModelPool::used_memory() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->bytes() + impl_->engine_bytes();
}

std::uint64_t ModelPool::max_bytes() const noexcept {
  return impl_->options.max_bytes;
}

}  // namespace dspy::llama
