// Unloads models and ends engines: those unused for long, those whose room is needed, those that a caller names.
#include "dspy/base/log.hpp"
#include "llama/model/model_pool_impl.hpp"

#include <algorithm>
#include <format>
#include <iterator>
#include <utility>

namespace dspy::llama {

/// Until the pool ends: releases what has not been used for `keep_alive`.
void ModelPool::Impl::keep(const std::stop_token& stop) {
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

void ModelPool::Impl::let_go(Entries& unloaded, ModelEviction::Reason reason, const std::string& wanted_by) const {
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

std::vector<std::shared_ptr<Engine>> ModelPool::Impl::take_kept_engines(const Model* model) {
  std::vector<std::shared_ptr<Engine>> taken;
  for (auto& running : engines) {
    if (running.kept.use_count() == 1 && (model == nullptr || running.model == model))
      taken.push_back(std::exchange(running.kept, nullptr));
  }
  return taken;
}

void ModelPool::Impl::drop_ended_engines() {
  std::erase_if(engines, [](const auto& running) { return running.engine.expired(); });
}

bool ModelPool::Impl::unload(const std::function<bool(const Entry&)>& goes) {
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

}  // namespace dspy::llama
