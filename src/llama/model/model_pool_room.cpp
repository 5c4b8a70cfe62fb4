// Whether there is room for a model or an engine, and which models must go for it.
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "llama/model/model_pool_impl.hpp"

#include <format>
#include <iterator>

namespace dspy::llama {

std::uint64_t ModelPool::Impl::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& entry : entries) sum += entry->bytes;
  return sum;
}

std::uint64_t ModelPool::Impl::engine_bytes() const {
  auto sum = building_bytes;
  for (const auto& running : engines) sum += running.engine.expired() ? 0 : running.bytes;
  return sum;
}

bool ModelPool::Impl::has_room(std::uint64_t file, std::uint64_t context) const {
  const auto fits = [](std::uint64_t used, std::uint64_t wanted, std::uint64_t most) {
    return wanted <= most && used <= most - wanted;
  };
  return fits(bytes(), file, options.max_bytes) &&
         (options.max_memory == 0 || fits(bytes() + engine_bytes(), file + context, options.max_memory));
}

/// The idle models, those not used for longest, that must go until there is room.
ModelPool::Impl::Entries ModelPool::Impl::take_idle(std::uint64_t file, std::uint64_t context, const Model* beside) {
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

ModelPool::Impl::Entries ModelPool::Impl::make_room(const std::filesystem::path& path, std::uint64_t wanted) {
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
    throw Error(
        Errc::model_load_error,
        std::format("`{}` needs {} and models and engines may take {} in all, of which {} are in use; raise "
                    "max_memory, end an engine, or use a smaller model",
                    path.string(), mebibytes(wanted), mebibytes(options.max_memory), mebibytes(used + engine_bytes())),
        {.model = path.string()});
  return take_idle(wanted);
}

void ModelPool::Impl::make_room_for_engine(std::unique_lock<std::mutex>& lock, const Model& model,
                                           std::uint64_t wanted) {
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

}  // namespace dspy::llama
