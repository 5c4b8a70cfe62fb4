// The door between any number of threads and the one that computes: requests go in through a queue, errands are run
// between two steps, replies come back through mailboxes.  What a step is, scheduler_step.cpp says.

#include "dspy/llama/engine.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/text.hpp"
#include "llama/at_exit.hpp"
#include "llama/hardware.hpp"
#include "llama/mailbox.hpp"
#include "llama/mask/constraint_cache.hpp"
#include "llama/prefix_file.hpp"
#include "llama/scheduler.hpp"

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <format>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

namespace dspy::llama {
namespace {

using Clock = std::chrono::steady_clock;

double kv_bytes_of(KvType type) {
  switch (type) {
    case KvType::f16: return 2;
    case KvType::q8_0: return 34.0 / 32;
    case KvType::q4_0: return 18.0 / 32;
    case KvType::f32: return 4;
  }
  return 2;
}

/// How many tokens `kv_bytes` are.
int tokens_in(const EngineOptions& options, const Model& model) {
  const auto token = static_cast<double>(model.info().kv_elements) * kv_bytes_of(options.kv_type);
  if (token == 0)
    throw Error(Errc::invalid_parameter,
                std::format("the file of `{}` does not say how large a token is, so kv_bytes cannot be kept to; set "
                            "kv_tokens",
                            model.name()),
                {.model = model.name()});
  const auto tokens = static_cast<double>(options.kv_bytes) / token;
  if (tokens < 1)
    throw Error(Errc::invalid_parameter,
                std::format("kv_bytes is {} and one token of `{}` takes {:.0f}; raise it to room for a prompt and its "
                            "reply",
                            options.kv_bytes, model.name(), token),
                {.model = model.name()});
  return static_cast<int>(std::min(tokens, 1e9));
}

EngineOptions in_force(EngineOptions options, const Model& model) {
  validate(options);
  if (!model.handle().facts().has_decoder)
    throw Error(Errc::invalid_parameter,
                std::format("`{}` ({}) only reads text and cannot write any; use a generative model, or make a "
                            "LlamaEmbedder or LlamaReranker of this one",
                            model.name(), model.info().architecture),
                {.model = model.name()});
  if (model.context_length() > 0) options.context_length = std::min(options.context_length, model.context_length());
  if (options.kv_bytes > 0) options.kv_tokens = tokens_in(options, model);
  if (options.kv_tokens == 0)
    options.kv_tokens = std::max(options.context_length, options.sequences * std::min(options.context_length, 1024));
  options.context_length = std::min(options.context_length, options.kv_tokens);
  if (options.reproducible) {
    // Threads share the sums of a step, so their number must not change.
    options.yields = false;
    options.batch = reproducible_step;
    options.kv_tokens = std::max(options.kv_tokens, options.batch);
  }
  options.batch = std::min(options.batch, options.kv_tokens);
  if (options.threads == 0) options.threads = threads_for(model.info().weight_bytes);
  return options;
}

}  // namespace

void validate(const EngineOptions& options) {
  const auto require = [](bool fine, std::string_view name, std::int64_t value, std::string_view range) {
    if (!fine) throw Error(Errc::invalid_parameter, std::format("{} is {}; it must be {}", name, value, range));
  };
  require(options.context_length >= 1, "context_length", options.context_length, "at least 1");
  require(options.queue_limit >= 1, "queue_limit", options.queue_limit, "at least 1");
  require(options.batch >= 1, "batch", options.batch, "at least 1");
  require(options.sequences >= 1 && options.sequences <= 96, "sequences", options.sequences, "between 1 and 96");
  require(options.prefill_chunk >= 1, "prefill_chunk", options.prefill_chunk, "at least 1");
  require(options.collect.count() >= 0, "collect", options.collect.count(), "at least 0");
  require(options.kv_tokens >= 0, "kv_tokens", options.kv_tokens, "at least 1, or 0 for automatic");
  require(options.kv_bytes >= 0, "kv_bytes", options.kv_bytes, "at least 1, or 0 for none");
  require(options.kv_bytes == 0 || options.kv_tokens == 0, "kv_bytes", options.kv_bytes,
          "0 where kv_tokens says what the budget is");
  require(options.host_bytes >= 0, "host_bytes", options.host_bytes, "at least 0");
  require(options.file_bytes >= 0, "file_bytes", options.file_bytes, "at least 0");
  require(options.threads >= 0 && options.threads <= 512, "threads", options.threads,
          "between 1 and 512, or 0 for automatic");
  const bool quantized = options.kv_type == KvType::q8_0 || options.kv_type == KvType::q4_0;
  if (quantized && options.flash_attention == FlashAttention::off)
    throw Error(Errc::invalid_parameter,
                "a kv_type of q8_0 or q4_0 needs flash attention; leave flash_attention automatic, or keep f16");
  if (!options.prefix_directory.empty() && !options.reuse)
    throw Error(Errc::invalid_parameter, "a prefix_directory keeps what `reuse` off forgets; set one or the other");
}

struct Engine::Impl {
  Impl(std::shared_ptr<const Model> shared, EngineOptions wanted)
      : model(std::move(shared)), scheduler(model, in_force(wanted, *model), closing), options(scheduler.options()) {
    publish();
    thread = std::thread([this] { loop(); });
  }

  ~Impl() { close(); }

  /// Ends what waits and runs, and the thread.
  void close() {
    {
      const std::lock_guard lock(mutex);
      closing.store(true, std::memory_order_relaxed);
    }
    work_arrived.notify_one();
    if (thread.joinable()) thread.join();
  }

  // --- any thread ----------------------------------------------------------------------------------------------------

  std::shared_ptr<Mailbox> submit(Generation work, bool streams) {
    check(work);
    auto held = hold(work);
    Job job{.work = std::move(work),
            .held = std::move(held),
            .streams = streams,
            .queued_at = Clock::now(),
            .mailbox = std::make_shared<Mailbox>()};
    job.adapters = model->adapters().load(*model, job.work.loras);
    auto mailbox = job.mailbox;
    {
      const std::lock_guard lock(mutex);
      if (closing.load(std::memory_order_relaxed)) throw scheduler.closed();
      const auto queued = inbox.size() + published.queued;
      if (options.when_full == WhenFull::refuse && queued >= static_cast<std::size_t>(options.queue_limit))
        throw Error(Errc::rate_limit_exceeded,
                    std::format("{} requests already wait for `{}`; send fewer at once, raise queue_limit, or let "
                                "callers wait (when_full)",
                                queued, model->name()),
                    {.model = model->name()});
      inbox.push_back(std::move(job));
      ++requests;
    }
    work_arrived.notify_one();
    return mailbox;
  }

  void check(const Generation& work) const {
    validate(work.sampling);
    const auto most = static_cast<std::size_t>(options.context_length);
    if (!std::isfinite(work.frequency_penalty) || !std::isfinite(work.presence_penalty) ||
        std::ranges::any_of(work.bias, [](const TokenBias& each) { return !(each.bias < HUGE_VALF); }))
      throw Error(Errc::invalid_parameter,
                  "a penalty or bias is no number; give finite ones (a bias may be minus infinity)");
    if (work.prompt.empty())
      throw Error(Errc::invalid_parameter, "the prompt is empty; give the model something to read");
    if (work.prompt.size() > most)
      throw Error(Errc::context_too_long,
                  std::format("the prompt has {} tokens and `{}` reads {}; shorten it{}", work.prompt.size(),
                              model->name(), most,
                              options.context_length >= model->context_length() ? ""
                              : options.context_length < options.kv_tokens      ? ", or raise context_length"
                              : options.kv_bytes > 0                            ? ", or raise kv_bytes"
                                                     : ", or raise context_length or kv_tokens"),
                  {.actual = work.prompt.size(), .max = most, .model = model->name()});
    for (const auto token : work.prompt) {
      if (token < 0 || token >= model->vocabulary_size())
        throw Error(Errc::invalid_parameter, std::format("the prompt has a token {}; `{}` has {}", token, model->name(),
                                                         model->vocabulary_size()));
    }
  }

  /// The contract to hold the reply to, compiled on the caller's thread.
  mask::CompiledContract hold(const Generation& work) {
    using Form = OutputContract::Form;
    const auto& contract = work.contract;
    if (work.constrain == Constrain::off || contract.form == Form::text) return {};
    const bool is_signature = contract.form == Form::fields || contract.form == Form::markers ||
                              contract.form == Form::json || contract.form == Form::xml;
    if (is_signature && contract.signature == nullptr) return {};
    mask::CompiledContract compiled;
    try {
      compiled = contracts.find(contract, model->mask_vocabulary());
    } catch (const Error& error) {
      if (work.constrain == Constrain::strict || !is_signature) throw;
      log(LogLevel::warning, "llama", std::format("a reply of `{}` is written free: {}", model->name(), error.what()));
      return {.unheld = {{.part = "the whole contract", .reason = error.what()}}};
    }
    if (work.constrain == Constrain::strict && !compiled.unheld.empty())
      throw Error(Errc::invalid_parameter,
                  std::format("the contract cannot be held as strictly as asked: {}; change it, or hold what can be "
                              "held (constrain=on)",
                              text::enumerate(mask::descriptions(compiled.unheld), "", "and")),
                  {.model = model->name()});
    return compiled;
  }

  /// Runs `work` on the engine's thread, between two steps.
  template <class F>
  auto between_steps(F work) {
    std::packaged_task<std::invoke_result_t<F&, Scheduler&>(Scheduler&)> task([&](Scheduler& there) {
      const struct Publish {
        Impl& impl;
        ~Publish() { impl.publish(); }
      } publish_first{*this};
      return work(there);
    });
    auto result = task.get_future();
    {
      const std::lock_guard lock(mutex);
      if (closing.load(std::memory_order_relaxed)) throw scheduler.closed();
      errands.emplace_back([&task](Scheduler& there) { task(there); });
    }
    work_arrived.notify_one();
    return result.get();
  }

  // --- the engine's thread -------------------------------------------------------------------------------------------

  void loop() {
    while (fetch()) {
      scheduler.step();
      publish();
    }
    fetch();  // what came in at the last moment
    scheduler.close();
    publish();
  }

  /// Takes what has arrived, and waits for it if there is nothing else to do.  False when the engine closes.
  bool fetch() {
    std::vector<Job> arrived;
    std::vector<std::move_only_function<void(Scheduler&)>> tasks;
    {
      std::unique_lock lock(mutex);
      const auto is_closing = [&] { return closing.load(std::memory_order_relaxed); };
      if (scheduler.idle()) {
        work_arrived.wait(lock, [&] { return is_closing() || !inbox.empty() || !errands.empty(); });
        if (options.collect.count() > 0)
          work_arrived.wait_for(lock, options.collect, [&] {
            return is_closing() || !errands.empty() || inbox.size() >= static_cast<std::size_t>(options.sequences);
          });
      }
      arrived.swap(inbox);
      tasks.swap(errands);
      published.queued += arrived.size();
    }
    for (auto& job : arrived) scheduler.enqueue(std::move(job));
    for (auto& task : tasks) task(scheduler);
    return !closing.load(std::memory_order_relaxed);
  }

  void publish() {
    {
      const std::lock_guard lock(mutex);
      published = scheduler.stats();
    }
    scheduler.deliver();
  }

  /// To what saved prefixes are bound; found out when it is first asked for, since that reads parts of the model's
  /// file.
  std::uint64_t binding() {
    std::call_once(binding_known, [&] { binding_value = prefix_binding(*model, options); });
    return binding_value;
  }

  const std::shared_ptr<const Model> model;
  std::atomic<bool> closing = false;
  mask::ConstraintCache contracts;
  Scheduler scheduler;  ///< The engine's thread only, once it runs.
  const EngineOptions options;

  mutable std::mutex mutex;
  std::condition_variable work_arrived;
  std::vector<Job> inbox;
  std::vector<std::move_only_function<void(Scheduler&)>> errands;
  EngineStats published;
  std::uint64_t requests = 0;

  std::once_flag binding_known;
  std::uint64_t binding_value = 0;

  std::thread thread;
  ClosedAtExit at_exit{[this] { close(); }};
};

Engine::Engine(std::shared_ptr<const Model> model, EngineOptions options)
    : impl_(std::make_unique<Impl>(std::move(model), options)) {}

Engine::~Engine() = default;

const Model& Engine::model() const noexcept {
  return *impl_->model;
}

const EngineOptions& Engine::options() const noexcept {
  return impl_->options;
}

EngineStats Engine::stats() const {
  const std::lock_guard lock(impl_->mutex);
  auto stats = impl_->published;
  stats.queued += impl_->inbox.size();
  stats.requests = impl_->requests;
  return stats;
}

Async<Reply> Engine::generate(Generation work, EventSink sink) {
  const auto mailbox = impl_->submit(std::move(work), static_cast<bool>(sink));
  // However this ends, the engine need not go on.
  struct Abandon {
    Mailbox& mailbox;
    ~Abandon() { mailbox.abandon(); }
  } abandon{*mailbox};

  for (;;) {
    News news;
    try {
      news = co_await Mailbox::receive(mailbox);
    } catch (const boost::system::system_error&) {
      throw Error(Errc::cancelled, "the request was cancelled");
    }
    for (const auto& [kind, text, usage] : news.items) sink({.kind = kind, .text = text, .usage = usage});
    if (!news.end) continue;
    if (!*news.end) throw news.end->error();
    co_return std::move(**news.end);
  }
}

// --- known prompts ---------------------------------------------------------------------------------------------------

void Engine::clear() {
  impl_->between_steps([](Scheduler& scheduler) { scheduler.tree().clear(); });
}

Async<void> Engine::pin(std::vector<Token> prefix) {
  impl_->between_steps([&](Scheduler& scheduler) { scheduler.tree().pin(prefix); });
  try {
    co_await generate({.prompt = prefix, .sampling = {.max_tokens = 1, .temperature = 0}});
  } catch (...) {
    unpin(prefix);
    throw;
  }
}

bool Engine::unpin(const std::vector<Token>& prefix) {
  return impl_->between_steps([&](Scheduler& scheduler) { return scheduler.tree().unpin(prefix); });
}

Async<void> Engine::save(std::vector<Token> prefix, std::filesystem::path file) {
  impl_->between_steps([](Scheduler& scheduler) { scheduler.tree(); });
  std::optional<std::vector<std::byte>> state;
  // What was computed may be gone again before its turn comes, if others need the room.
  for (int attempt = 0; attempt < 3 && !state; ++attempt) {
    co_await generate({.prompt = prefix, .sampling = {.max_tokens = 1, .temperature = 0}});
    state = impl_->between_steps([&](Scheduler& scheduler) { return scheduler.state_of(prefix); });
  }
  if (!state)
    throw Error(Errc::rate_limit_exceeded,
                std::format("`{}` had no room to keep the prefix of {} tokens until it was saved; raise kv_tokens",
                            impl_->model->name(), prefix.size()),
                {.model = impl_->model->name()});
  write_prefix(file, impl_->binding(), {.tokens = std::move(prefix), .state = *std::move(state)});
}

std::vector<Token> Engine::load(const std::filesystem::path& file) {
  auto [tokens, begin, state] = read_prefix(file, impl_->binding(), impl_->model->name());
  if (begin > 0)
    throw Error(Errc::invalid_parameter,
                std::format("{} is a part of a prefix that another engine keeps in its prefix_directory; name that "
                            "folder instead",
                            file.string()),
                {.model = impl_->model->name()});
  const bool known = impl_->between_steps([&](Scheduler& scheduler) { return scheduler.make_known(tokens, state); });
  if (!known)
    throw Error(Errc::rate_limit_exceeded,
                std::format("`{}` has no room for the {} tokens of {} now; raise kv_tokens, or load it before requests "
                            "are sent",
                            impl_->model->name(), tokens.size(), file.string()),
                {.model = impl_->model->name()});
  return tokens;
}

}  // namespace dspy::llama
