#include "dspy/llama/model_pool.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/text.hpp"
#include "dspy/llama/hardware.hpp"
#include "llama/model_files.hpp"

#include <algorithm>
#include <condition_variable>
#include <expected>
#include <format>
#include <iterator>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

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

}  // namespace

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
      unloaded.clear();
      lock.lock();
    }
  }

  /// Engines that nobody but the pool holds; of `model`, or of all.
  void end_kept_engines(const Model* model = nullptr) {
    for (auto& running : engines) {
      if (running.kept.use_count() == 1 && (model == nullptr || running.model == model)) running.kept = nullptr;
    }
    drop_ended_engines();
  }

  void drop_ended_engines() {
    std::erase_if(engines, [](const auto& running) { return running.engine.expired(); });
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

  /// Unloads idle models until `wanted` bytes fit, or says who is in the way.
  void make_room(const fs::path& path, std::uint64_t wanted) {
    const auto fits = [&] { return wanted <= options.max_bytes && bytes() <= options.max_bytes - wanted; };
    drop_ended_engines();
    if (!fits()) end_kept_engines();
    for (auto entry = entries.end(); !fits() && wanted <= options.max_bytes && entry != entries.begin();) {
      --entry;
      if (!(*entry)->idle()) continue;
      log(LogLevel::info, "llama", std::format("unloading `{}` to make room", (*entry)->path.string()));
      entry = entries.erase(entry);
    }
    if (fits()) return;
    std::vector<std::string> users{};
    for (const auto& entry : entries) users.push_back(entry->path.filename().string());
    throw Error(Errc::model_load_error,
                std::format("`{}` needs {} and the pool may hold {}{}; raise max_bytes, or use a smaller model",
                            path.string(), mebibytes(wanted), mebibytes(options.max_bytes),
                            users.empty() ? ""
                                          : std::format(", of which {} in use by {}", mebibytes(bytes()),
                                                        text::enumerate(users, "`", "and"))),
                {.model = path.string()});
  }

  ModelPoolOptions options{};
  const std::vector<fs::path> directories;
  mutable std::mutex mutex;
  std::condition_variable loading_ended;
  Entries entries;
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
  {
    std::unique_lock lock(mutex);
    for (;;) {
      const auto found = impl_->find(path, options);
      if (found == entries.end()) break;
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
    }
    const auto bytes = model_bytes(path);
    impl_->make_room(path, bytes);
    entry = std::make_shared<Impl::Entry>(path, options, bytes);
    entries.push_front(entry);
  }

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

std::shared_ptr<Engine> ModelPool::engine(const std::shared_ptr<const Model>& model, const EngineOptions& options) {
  const std::lock_guard lock(impl_->mutex);
  impl_->drop_ended_engines();
  for (auto& running : impl_->engines) {
    if (running.model != model.get() || running.options != options) continue;
    running.unused = {};
    if (auto engine = running.engine.lock()) return engine;
  }
  auto engine = std::make_shared<Engine>(model, options);
  impl_->engines.push_back({.model = model.get(),
                            .options = options,
                            .engine = engine,
                            .kept = impl_->options.keep_alive.count() > 0 ? engine : nullptr});
  return engine;
}

bool ModelPool::unload(std::string_view name_or_path) {
  const auto path = same_for_all(find(name_or_path));
  const std::lock_guard lock(impl_->mutex);
  return std::erase_if(impl_->entries, [&](const auto& entry) {
           const bool goes = entry->path == path && entry->loaded();
           if (goes) impl_->end_kept_engines(entry->result->value().get());
           return goes;
         }) > 0;
}

void ModelPool::unload_all() {
  const std::lock_guard lock(impl_->mutex);
  impl_->end_kept_engines();
  std::erase_if(impl_->entries, [](const auto& entry) { return entry->loaded(); });
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

std::uint64_t ModelPool::max_bytes() const noexcept {
  return impl_->options.max_bytes;
}

}  // namespace dspy::llama
