#include "lm/middleware/cache_impl.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/log_fields.hpp"
#include "dspy/lm/exchange_json.hpp"

#include <algorithm>
#include <atomic>
#include <format>
#include <utility>

namespace dspy {
namespace {

std::atomic<CacheStoreOpener> opener = nullptr;

/// Of a reply from a cache: nothing was billed for it.
constexpr Usage nothing{.prompt_tokens = 0, .completion_tokens = 0, .cost_nanodollars = 0};

bool is_worth_keeping(const Reply& reply, const CacheOptions& options) {
  return !reply.completions.empty() && std::ranges::all_of(reply.completions, [&](const Completion& each) {
    const bool is_whole = each.finish == FinishReason::stop || each.finish == FinishReason::tool_calls ||
                          (options.keeps_cut && each.finish == FinishReason::length);
    return is_whole && each.refusal.empty();
  });
}

}  // namespace

Reply as_hit(Reply reply, ReplySource source) {
  auto saved = std::exchange(reply.usage, nothing);
  reply.handling = Handling{.source = source, .saved_usage = saved};
  return reply;
}

Cache::Impl::Impl(CacheOptions how) : options(std::move(how)), memory(options.memory_bytes), store(options.store) {
  validate(options);
  if (store || options.directory.empty()) return;
  const auto open = opener.load();
  if (open == nullptr)
    throw Error(Errc::config_error,
                "a cache on disk needs the part dspy::storage; link it (dspy::dspy has it), and "
                "include dspy/schemes.hpp");
  store = open(options.directory);
}

std::shared_ptr<const Reply> Cache::Impl::find_kept(const Question& question, const std::string& key) {
  const auto entry = store->find(key, now());
  if (!entry) return {};
  const auto reply = attempt([&] {
    const auto json = parse_json(entry->value);
    if (!json || !json->is_object()) throw Error(Errc::config_error, "it is not a JSON object");
    return reply_from_json(json->get_object());
  });
  if (!reply || reply->completions.empty()) {
    log(LogLevel::warning, "cache",
        std::format("a reply in the cache cannot be read ({}) and will be requested again",
                    reply ? "it is empty" : reply.error().what()),
        {{"model", entry->model}, {"key", entry->key}});
    return {};
  }
  remember(question, as_hit(*reply, ReplySource::memory), entry->created, entry->expires, entry->model, entry->program);
  return std::make_shared<const Reply>(as_hit(*reply, store->source()));
}

void Cache::Impl::keep(const Question& question, const std::string& key, const Reply& reply, std::string model,
                       std::string program) {
  if (options.mode == CacheOptions::Mode::read_only || !is_worth_keeping(reply, options)) return;
  const auto created = now();
  std::optional<CacheTime> expires;
  if (options.cache_ttl_secs > 0) expires = created + std::chrono::seconds(options.cache_ttl_secs);
  auto plain = reply;
  plain.handling = Shared<Handling>();
  if (store) {
    store->put({.key = key,
                .value = to_text(to_json(plain)),
                .created = created,
                .expires = expires,
                .model = model,
                .program = program});
  }
  remember(question, as_hit(std::move(plain), ReplySource::memory), created, expires, std::move(model),
           std::move(program));
}

void Cache::Impl::remember(const Question& question, Reply hit, CacheTime created, std::optional<CacheTime> expires,
                           std::string model, std::string program) {
  memory.put(question, {.reply = std::make_shared<const Reply>(std::move(hit)),
                        .created = created,
                        .expires = expires,
                        .model = std::move(model),
                        .program = std::move(program)});
}

void validate(const CacheOptions& options) {
  if (options.cache_ttl_secs < 0)
    throw Error(Errc::invalid_parameter,
                std::format("the cache's option `cache_ttl_secs` is {}; it must be 0, which is for ever, or more",
                            options.cache_ttl_secs));
}

Cache::Cache(CacheOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Cache::~Cache() = default;

const CacheOptions& Cache::options() const noexcept {
  return impl_->options;
}

const std::shared_ptr<CacheStore>& Cache::store() const noexcept {
  return impl_->store;
}

CacheStats Cache::stats() const {
  return impl_->memory.stats();
}

std::size_t Cache::erase(const CacheFilter& filter) {
  const auto in_memory = impl_->memory.erase(filter, impl_->now());
  return impl_->store ? impl_->store->erase(filter, impl_->now()) : in_memory;
}

bool register_cache_store(CacheStoreOpener new_opener) {
  opener = new_opener;
  return true;
}

}  // namespace dspy
