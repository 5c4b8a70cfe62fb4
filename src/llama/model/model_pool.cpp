// Loads models and makes engines, each once.  model_pool_room.cpp makes room for them, model_pool_release.cpp lets them
// go.
#include "dspy/llama/model_pool.hpp"

#include "dspy/base/error.hpp"
#include "dspy/llama/hardware.hpp"
#include "dspy/llama/memory_plan.hpp"
#include "llama/media/senses_file.hpp"
#include "llama/model/model_files.hpp"
#include "llama/model/model_pool_impl.hpp"

#include <algorithm>
#include <format>
#include <mutex>
#include <utility>

namespace dspy::llama {
namespace {

namespace fs = std::filesystem;

fs::path same_for_all(const fs::path& file) {
  std::error_code error;
  auto canonical = fs::canonical(file, error);
  return error ? file : canonical;
}

/// What an engine takes beside its model; 0 where the file does not say enough.
std::uint64_t context_bytes(const ModelInfo& model, const EngineOptions& options) {
  return model.kv_elements == 0 && model.state_elements == 0 ? 0 : plan_memory(model, options).context();
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

ModelPool::Impl::Impl(ModelPoolOptions wanted)
    : options(std::move(wanted)), directories(model_directories(options.directories)) {
  if (options.max_bytes == 0) options.max_bytes = HostFacts::read().memory_total / 5 * 4;
  if (options.keep_alive.count() < 0)
    throw Error(Errc::invalid_parameter,
                std::format("keep_alive is {} ms; it must be at least 0", options.keep_alive.count()));
  if (options.keep_alive.count() > 0) keeper = std::jthread([this](const std::stop_token& stop) { keep(stop); });
}

ModelPool::Impl::Entries::iterator ModelPool::Impl::find(const fs::path& path, const ModelOptions& model_options) {
  return std::ranges::find_if(
      entries, [&](const auto& entry) { return entry->path == path && entry->options == model_options; });
}

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
      // A caller that gives up must not fail the others.
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

// Engines are made without the lock, since that allocates a context, and may read known prompts from files.
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
