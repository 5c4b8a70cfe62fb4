// The engine's thread takes one request after the other and works in steps: a piece of the prompt, or one token of the
// reply.  Between steps it looks who has given up.  What the context holds after a request stays there, and the next
// prompt that starts with the same tokens begins behind them.

#include "dspy/llama/engine.hpp"

#include "dspy/base/log.hpp"
#include "dspy/llama/hardware.hpp"
#include "llama/mailbox.hpp"
#include "llama/runtime.hpp"
#include "llama/sequence.hpp"
#include "llama/thread_governor.hpp"

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <format>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

namespace dspy::llama {
namespace {

using Clock = std::chrono::steady_clock;

double seconds(Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

/// With flash attention, steps of fewer than 64 tokens give the same bits however a prompt is cut into them.
constexpr int reproducible_batch = 48;

/// A model that reads this little for a token spends more time waiting for its threads than they save.
constexpr std::uint64_t one_thread_bytes = 32ULL << 20;

EngineOptions in_force(EngineOptions options, const Model& model) {
  validate(options);
  if (model.context_length() > 0) options.context_length = std::min(options.context_length, model.context_length());
  options.batch = std::min(options.batch, options.context_length);
  if (options.threads == 0)
    options.threads = model.info().weight_bytes < one_thread_bytes ? 1 : recommended_threads(HostFacts::read());
  return options;
}

struct Job {
  Generation work{};
  bool streams = false;
  Clock::time_point queued_at;
  std::shared_ptr<Mailbox> mailbox{};
};

}  // namespace

void validate(const EngineOptions& options) {
  const auto require = [](bool fine, std::string_view name, int value, std::string_view range) {
    if (!fine) throw Error(Errc::invalid_parameter, std::format("{} is {}; it must be {}", name, value, range));
  };
  require(options.context_length >= 1, "context_length", options.context_length, "at least 1");
  require(options.queue_limit >= 1, "queue_limit", options.queue_limit, "at least 1");
  require(options.batch >= 1, "batch", options.batch, "at least 1");
  require(options.threads >= 0 && options.threads <= 512, "threads", options.threads,
          "between 1 and 512, or 0 for automatic");
}

struct Engine::Impl {
  Impl(std::shared_ptr<const Model> shared, EngineOptions wanted)
      : model(std::move(shared)), options(in_force(wanted, *model)), governor(options.yields ? options.threads : 1) {
    stats.threads = options.threads;
    make_context();
    options.batch = std::min(options.batch, context->batch());
    options.context_length = std::min(options.context_length, context->context_length());
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
    auto job = Job{std::move(work), streams, Clock::now(), std::make_shared<Mailbox>()};
    auto mailbox = job.mailbox;
    {
      const std::lock_guard lock(mutex);
      if (closing.load(std::memory_order_relaxed)) throw closed();
      if (queue.size() >= static_cast<std::size_t>(options.queue_limit))
        throw Error(Errc::rate_limit_exceeded,
                    std::format("{} requests already wait for `{}`; send fewer at once, or raise queue_limit",
                                queue.size(), model->name()),
                    {.model = model->name()});
      queue.push_back(std::move(job));
      ++stats.requests;
    }
    work_arrived.notify_one();
    return mailbox;
  }

  void check(const Generation& work) const {
    validate(work.sampling);
    const auto most = static_cast<std::size_t>(options.context_length);
    if (work.prompt.empty())
      throw Error(Errc::invalid_parameter, "the prompt is empty; give the model something to read");
    if (work.prompt.size() > most)
      throw Error(
          Errc::context_too_long,
          std::format("the prompt has {} tokens and `{}` reads {}; shorten it{}", work.prompt.size(), model->name(),
                      most, options.context_length < model->context_length() ? ", or raise context_length" : ""),
          {.actual = work.prompt.size(), .max = most, .model = model->name()});
    for (const auto token : work.prompt) {
      if (token < 0 || token >= model->vocabulary_size())
        throw Error(Errc::invalid_parameter, std::format("the prompt has a token {}; `{}` has {}", token, model->name(),
                                                         model->vocabulary_size()));
    }
  }

  // --- the engine's thread -------------------------------------------------------------------------------------------

  struct Running {
    Job job;
    Sequence sequence;
    Clock::time_point started_at;
    std::optional<Clock::time_point> reply_at{};
  };

  void loop() {
    while (admit()) {
      while (running) {
        try {
          sweep_queue();
          step();
        } catch (const Error& error) {
          fail(error);
        } catch (const std::exception& error) {
          fail(Error(Errc::inference_failed, error.what(), {.model = model->name()}));
        }
      }
    }
  }

  /// Waits for a request and starts it.  False when the engine closes.
  bool admit() {
    std::optional<Job> job{};
    {
      std::unique_lock lock(mutex);
      work_arrived.wait(lock, [&] { return closing.load(std::memory_order_relaxed) || !queue.empty(); });
      if (closing.load(std::memory_order_relaxed)) {
        for (auto& waiting : queue) waiting.mailbox->finish(std::unexpected(closed()));
        queue.clear();
        return false;
      }
      job.emplace(std::move(queue.front()));
      queue.pop_front();
    }
    try {
      Sequence sequence(*model, job->work, static_cast<std::size_t>(options.context_length));
      running.emplace(std::move(*job), std::move(sequence), Clock::now(), std::nullopt);
      reuse_known_tokens();
    } catch (const std::exception& error) {
      const auto failure = Error(Errc::inference_failed, error.what(), {.model = model->name()});
      if (running)
        fail(failure);
      else
        job->mailbox->finish(std::unexpected(failure));
    }
    return true;
  }

  /// Finds how far the new prompt agrees with what the context holds, and forgets the rest.
  void reuse_known_tokens() {
    if (!context) make_context();
    auto& sequence = running->sequence;
    const auto prompt = sequence.pending();
    const auto [same, end] = std::ranges::mismatch(known, prompt);
    // The scores after the last token are not kept, so that one is computed again.
    auto common = std::min(static_cast<std::size_t>(same - known.begin()), prompt.size() - 1);
    if (!options.reuse) common = 0;
    if (common < known.size()) common = forget_from(common);
    known.resize(common);
    sequence.reuse(common);
  }

  /// Returns how many tokens are left.  Some models can only forget everything.
  std::size_t forget_from(std::size_t count) {
    if (count > 0 && context->remove(0, static_cast<int>(count), -1)) return count;
    context->clear();
    return 0;
  }

  std::optional<Error> interruption(const Job& job) const {
    if (closing.load(std::memory_order_relaxed)) return closed();
    if (job.work.stop.stop_requested() || job.mailbox->abandoned())
      return Error(Errc::cancelled, "the request was cancelled", {.model = model->name()});
    if (job.work.deadline && Clock::now() >= *job.work.deadline)
      return Error(Errc::deadline_exceeded, "the request's deadline passed before the reply was complete",
                   {.model = model->name()});
    return std::nullopt;
  }

  Error closed() const {
    return Error(Errc::model_not_loaded,
                 std::format("the engine of `{}` was closed while the request was under way", model->name()),
                 {.model = model->name()});
  }

  void sweep_queue() {
    const std::lock_guard lock(mutex);
    std::erase_if(queue, [&](const Job& job) {
      const auto reason = interruption(job);
      if (!reason) return false;
      ++stats.cancelled;
      job.mailbox->finish(std::unexpected(*reason));
      return true;
    });
  }

  void step() {
    auto& sequence = running->sequence;
    if (const auto reason = interruption(running->job)) return fail(*reason);

    const bool reads_prompt = sequence.reads_prompt();
    const auto most =
        static_cast<std::size_t>(options.reproducible ? std::min(options.batch, reproducible_batch) : options.batch);
    const auto tokens = sequence.pending().first(std::min(sequence.pending().size(), most));
    const bool completes = tokens.size() == sequence.pending().size();
    batch.clear();
    for (std::size_t i = 0; i < tokens.size(); ++i)
      batch.push_back({.token = tokens[i],
                       .position = static_cast<int>(sequence.computed() + i),
                       .output = completes && i + 1 == tokens.size()});
    if (!compute()) return;
    const auto computed = tokens.size();
    known.insert(known.end(), tokens.begin(), tokens.end());
    sequence.advance(computed);
    if (!completes) return;

    if (reads_prompt) prompt_is_read();
    auto text = sequence.accept(context->logits(static_cast<int>(computed) - 1));
    if (running->job.streams && !text.empty())
      running->job.mailbox->put({.text = std::move(text), .usage = sequence.usage()});
    if (sequence.finished()) succeed();
  }

  /// Runs the batch.  False if it was interrupted, and the context is as before.
  bool compute() {
    const auto before = Clock::now();
    const auto first = static_cast<std::size_t>(batch.front().position);
    polls = 0;
    switch (context->decode(batch)) {
      case DecodeStatus::ok: break;
      case DecodeStatus::interrupted:
        known.resize(forget_from(first));
        if (known.size() != first) running->sequence.reuse(0);
        return false;
      case DecodeStatus::no_room:
        throw Error(Errc::inference_failed, "the context is full, though the prompt was checked; please report this");
      case DecodeStatus::invalid:
      case DecodeStatus::broken:
        throw Error(Errc::inference_failed,
                    "the inference library could not compute the next tokens; its log says why");
    }
    const auto now = Clock::now();
    if (governor.observe(batch.size(), now - before, now)) {
      context->set_threads(governor.threads());
      log(LogLevel::debug, "llama",
          std::format("`{}` now computes with {} threads", model->name(), governor.threads()));
    }
    return true;
  }

  void prompt_is_read() {
    running->reply_at = Clock::now();
    if (running->job.streams)
      running->job.mailbox->put({.kind = StreamEvent::Kind::prompt_done, .usage = running->sequence.usage()});
  }

  void succeed() {
    Reply reply{
        .text = running->sequence.text(), .usage = running->sequence.usage(), .finish = running->sequence.finish()};
    account(&EngineStats::completed);
    running->job.mailbox->finish(std::move(reply));
    running.reset();
  }

  void fail(const Error& error) {
    // After an interruption the context is known; after anything else it may not be.
    const bool given_up = error.code() == Errc::cancelled || error.code() == Errc::deadline_exceeded ||
                          error.code() == Errc::model_not_loaded;
    if (!given_up) {
      context.reset();
      known.clear();
      log(LogLevel::error, "llama", error.what());
    }
    account(given_up ? &EngineStats::cancelled : &EngineStats::failed);
    running->job.mailbox->finish(std::unexpected(error));
    running.reset();
  }

  void account(std::uint64_t EngineStats::* outcome) {
    const auto now = Clock::now();
    const auto usage = running->sequence.usage();
    const auto reply_at = running->reply_at.value_or(now);
    const auto computed = std::min(running->sequence.computed(), static_cast<std::size_t>(usage.prompt_tokens));
    const std::lock_guard lock(mutex);
    ++(stats.*outcome);
    stats.prompt_tokens += usage.prompt_tokens;
    stats.reused_tokens += usage.cached_tokens;
    stats.computed_tokens += computed - std::min<std::uint64_t>(computed, usage.cached_tokens);
    stats.completion_tokens += usage.completion_tokens;
    stats.queue_seconds += seconds(running->started_at - running->job.queued_at);
    stats.prompt_seconds += seconds(reply_at - running->started_at);
    stats.completion_seconds += seconds(now - reply_at);
    stats.threads = threads();
    stats.slowdowns = governor.slowdowns();
  }

  void make_context() {
    known.clear();
    context = model->handle().new_context({.context_length = options.context_length,
                                           .batch = options.batch,
                                           .threads = threads(),
                                           .interrupted = [](void* self) { return static_cast<Impl*>(self)->poll(); },
                                           .interrupted_data = this});
  }

  int threads() const { return options.yields ? governor.threads() : options.threads; }

  /// Asked hundreds of times in a step, on the engine's thread; a look at the clock is the only part that costs.
  bool poll() {
    if (!running) return false;
    if (closing.load(std::memory_order_relaxed) || running->job.mailbox->abandoned() ||
        running->job.work.stop.stop_requested())
      return true;
    return running->job.work.deadline && ++polls % 64 == 0 && Clock::now() >= *running->job.work.deadline;
  }

  const std::shared_ptr<const Model> model;
  EngineOptions options{};

  // The engine's thread only, once it runs.
  ThreadGovernor governor;
  std::unique_ptr<RuntimeContext> context;
  std::vector<Token> known{};  ///< What the context holds.
  std::vector<BatchEntry> batch{};
  std::optional<Running> running{};
  unsigned polls = 0;

  mutable std::mutex mutex;
  std::condition_variable work_arrived;
  std::deque<Job> queue;
  EngineStats stats;
  std::atomic<bool> closing = false;

  std::thread thread;
};

namespace {

/// The engines there are, so that none computes on while the end of the process takes the inference library apart: the
/// handler is registered after that library was loaded, so it runs before the library's own.
struct LiveEngines {
  std::mutex mutex;
  std::set<Engine*> engines;
  std::function<void(Engine&)> close;
};

LiveEngines& live_engines() {
  static auto& live = *new LiveEngines;
  return live;
}

}  // namespace

Engine::Engine(std::shared_ptr<const Model> model, EngineOptions options)
    : impl_(std::make_unique<Impl>(std::move(model), options)) {
  auto& live = live_engines();
  const std::lock_guard lock(live.mutex);
  if (!live.close) {
    live.close = [](Engine& engine) { engine.impl_->close(); };
    std::atexit([] {
      auto& left = live_engines();
      const std::lock_guard guard(left.mutex);
      for (auto* engine : left.engines) left.close(*engine);
      left.engines.clear();
    });
  }
  live.engines.insert(this);
}

Engine::~Engine() {
  auto& live = live_engines();
  const std::lock_guard lock(live.mutex);
  live.engines.erase(this);
}

const Model& Engine::model() const noexcept {
  return *impl_->model;
}

const EngineOptions& Engine::options() const noexcept {
  return impl_->options;
}

EngineStats Engine::stats() const {
  const std::lock_guard lock(impl_->mutex);
  auto stats = impl_->stats;
  stats.queued = impl_->queue.size();
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

}  // namespace dspy::llama
