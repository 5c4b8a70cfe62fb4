// The door between any number of threads and the one that computes: requests go in through a queue, errands are run
// between two steps, replies come back through mailboxes.  What a step is, scheduler_step.cpp says.

#include "dspy/llama/engine.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/text.hpp"
#include "llama/at_exit.hpp"
#include "llama/engine/drafter.hpp"
#include "llama/engine/mailbox.hpp"
#include "llama/engine/scheduler.hpp"
#include "llama/mask/constraint_cache.hpp"
#include "llama/mask/matcher.hpp"
#include "llama/model/hardware.hpp"
#include "llama/prefixes/prefix_file.hpp"

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <format>
#include <functional>
#include <future>
#include <iterator>
#include <mutex>
#include <random>
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
  if (options.draft_model) require_same_tokens(model, *options.draft_model);
  if (model.context_length() > 0) options.context_length = std::min(options.context_length, model.context_length());
  if (options.kv_bytes > 0) options.kv_tokens = tokens_in(options, model);
  if (options.kv_tokens == 0)
    options.kv_tokens = std::max(options.context_length, options.sequences * std::min(options.context_length, 1024));
  options.context_length = std::min(options.context_length, options.kv_tokens);
  if (options.reproducible) {
    // Threads share the sums of a step, so their number must not change.
    options.yields = false;
    options.batch = reproducible_step;
    options.micro_batch = 0;
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
  require(options.micro_batch >= 0, "micro_batch", options.micro_batch, "at least 1, or 0 for all of a step");
  require(options.sequences >= 1 && options.sequences <= 96, "sequences", options.sequences, "between 1 and 96");
  require(options.prefill_chunk >= 1, "prefill_chunk", options.prefill_chunk, "at least 1");
  require(options.draft_tokens >= 1 && options.draft_tokens <= 64, "draft_tokens", options.draft_tokens,
          "between 1 and 64");
  require(options.loop_tokens >= 0, "loop_tokens", options.loop_tokens, "at least 1, or 0 for never");
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
      : model(std::move(shared)),
        scheduler(model, in_force(std::move(wanted), *model), closing),
        options(scheduler.options()) {
    publish();
    thread = std::thread([this] { loop(); });
  }

  ~Impl() { at_exit.close(); }

  /// Ends what waits and runs, and the thread.
  void close() {
    {
      const std::lock_guard lock(mutex);
      closing.store(true, std::memory_order_relaxed);
    }
    work_arrived.notify_one();
    join(thread);
  }

  // --- any thread ----------------------------------------------------------------------------------------------------

  Job prepare(Generation work, bool streams) {
    auto given = work.prefill.empty() ? std::vector<Token>{} : model->tokenize(work.prefill);
    check(work, given);
    auto held = hold(work);
    if (held.constraint) {
      const auto least = require_kept(held.constraint, given);
      require_budget(work, given.size(), least);
    }
    return job(std::move(work), std::move(held), std::move(given), streams);
  }

  Job prepare(Scoring scoring) {
    if (scoring.continuation.empty())
      throw Error(Errc::invalid_parameter, "the continuation is empty; give the model something to find likely or not");
    Generation work{.prompt = std::move(scoring.prompt),
                    .sampling = {.max_tokens = static_cast<int>(scoring.continuation.size()), .temperature = 0},
                    .deadline = scoring.deadline,
                    .stop = std::move(scoring.stop),
                    .loras = std::move(scoring.loras),
                    .priority = scoring.priority};
    check(work, scoring.continuation);
    auto result = job(std::move(work), {}, std::move(scoring.continuation), false);
    result.scores = true;
    return result;
  }

  Job job(Generation work, mask::CompiledContract held, std::vector<Token> given, bool streams) const {
    Job result{.work = std::move(work),
               .held = std::move(held),
               .streams = streams,
               .queued_at = Clock::now(),
               .mailbox = std::make_shared<Mailbox>(),
               .given = std::move(given)};
    result.adapters = model->adapters().load(*model, result.work.loras);
    return result;
  }

  /// All of them or none.
  void submit(std::vector<Job> jobs) {
    {
      const std::lock_guard lock(mutex);
      if (closing.load(std::memory_order_relaxed)) throw scheduler.closed();
      const auto queued = inbox.size() + published.queued;
      if (options.when_full == WhenFull::refuse && queued + jobs.size() > static_cast<std::size_t>(options.queue_limit))
        throw Error(Errc::rate_limit_exceeded,
                    std::format("{} requests already wait for `{}`; send fewer at once, raise queue_limit, or let "
                                "callers wait (when_full)",
                                queued, model->name()),
                    {.model = model->name()});
      requests += jobs.size();
      std::ranges::move(jobs, std::back_inserter(inbox));
    }
    work_arrived.notify_one();
  }

  std::shared_ptr<Mailbox> submit(Job job) {
    auto mailbox = job.mailbox;
    std::vector<Job> one;
    one.push_back(std::move(job));
    submit(std::move(one));
    return mailbox;
  }

  /// `given`: what the reply begins with.
  void check(const Generation& work, std::span<const Token> given) const {
    validate(work.sampling);
    const auto most = static_cast<std::size_t>(options.context_length);
    if (std::ranges::any_of(work.bias, [](const TokenBias& each) { return !(each.bias < HUGE_VALF); }))
      throw Error(Errc::invalid_parameter, "a bias is no number; give finite ones, or minus infinity");
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
    // The last token need not be computed.
    if (!given.empty() && work.prompt.size() + given.size() > most + 1)
      throw Error(Errc::context_too_long,
                  std::format("the prompt and what comes after it have {} tokens and `{}` reads {}; shorten one of "
                              "them, or raise context_length",
                              work.prompt.size() + given.size(), model->name(), most),
                  {.actual = work.prompt.size() + given.size(), .max = most, .model = model->name()});
    require_tokens(work.prompt, "prompt");
    require_tokens(given, "continuation");
  }

  void require_tokens(std::span<const Token> tokens, std::string_view what) const {
    for (const auto token : tokens) {
      if (token < 0 || token >= model->vocabulary_size())
        throw Error(Errc::invalid_parameter, std::format("the {} has a token {}; `{}` has {}", what, token,
                                                         model->name(), model->vocabulary_size()));
    }
  }

  /// What a reply begins with must keep its contract.  Returns how many tokens finish it after that.
  std::size_t require_kept(std::shared_ptr<mask::Constraint> constraint, std::span<const Token> given) const {
    mask::Matcher matcher(std::move(constraint));
    std::size_t kept = 0;
    for (const auto token : given) {
      if (matcher.finished() || !matcher.accept(token))
        throw Error(Errc::invalid_parameter,
                    std::format("`prefill` breaks the contract after {} bytes; give the beginning of a reply that "
                                "keeps it, or switch constraints off (constrain=off)",
                                kept),
                    {.position = kept, .model = model->name()});
      kept += model->piece(token).size();
    }
    return matcher.least();
  }

  /// A reply that is held to a contract must be able to end before it is cut.
  void require_budget(const Generation& work, std::size_t given, std::size_t least) const {
    if (least == mask::Constraint::endless) return;
    const auto most = Sequence::most_reply(work, static_cast<std::size_t>(options.context_length));
    least += given;
    if (least <= most) return;
    const auto asked = static_cast<std::size_t>(work.sampling.max_tokens.value_or(512));
    if (most == asked)
      throw Error(Errc::invalid_parameter,
                  std::format("max_tokens is {}, and the shortest reply that keeps the contract takes `{}` {} tokens; "
                              "raise max_tokens to at least {}, or ask for less",
                              most, model->name(), least, least),
                  {.actual = least, .max = most, .model = model->name()});
    throw Error(Errc::context_too_long,
                std::format("behind a prompt of {} tokens there is room for {} more in the context of `{}`, and the "
                            "shortest reply that keeps the contract takes {}; shorten the prompt, raise "
                            "context_length, or ask for less",
                            work.prompt.size(), most, model->name(), least),
                {.actual = work.prompt.size() + least, .max = work.prompt.size() + most, .model = model->name()});
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

  /// False where it was not pinned.
  bool unpin(const std::vector<Token>& prefix) {
    return between_steps([&](Scheduler& there) { return there.tree().unpin(prefix); });
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
    : impl_(std::make_shared<Impl>(std::move(model), std::move(options))) {}

// A call that is just being queued may hold on to the rest a little longer.
Engine::~Engine() {
  impl_->at_exit.close();
}

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
  const auto places = static_cast<std::size_t>(impl_->options.queue_limit);
  if (impl_->options.when_full == WhenFull::wait && stats.queued > places)
    stats.held_back += std::exchange(stats.queued, places) - places;
  stats.requests = impl_->requests;
  return stats;
}

namespace {

/// However a call ends, the engine need not go on.
struct Abandon {
  std::vector<std::shared_ptr<Mailbox>> mailboxes{};

  Abandon() = default;
  Abandon(const Abandon&) = delete;
  Abandon& operator=(const Abandon&) = delete;
  ~Abandon() {
    for (const auto& mailbox : mailboxes) mailbox->abandon();
  }
};

Async<Generated> receive(std::shared_ptr<Mailbox> mailbox, EventSink sink) {
  std::string so_far;
  for (;;) {
    News news;
    try {
      news = co_await Mailbox::receive(mailbox);
    } catch (const boost::system::system_error&) {
      throw Error(Errc::cancelled, "the request was cancelled", {.raw = std::move(so_far)});
    }
    for (const auto& [kind, text, usage] : news.items) {
      so_far += text;
      sink({.kind = kind, .text = text, .usage = usage});
    }
    if (!news.end) continue;
    if (!*news.end) throw news.end->error();
    co_return std::move(**news.end);
  }
}

std::uint64_t any_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

/// The coroutines, which may begin when the engine has gone.  None keeps it alive while it waits.
struct Engine::Calls {
  explicit Calls(const Engine& engine) : name_(engine.model().name()), impl_(engine.impl_) {}

  std::shared_ptr<Impl> impl() const {
    auto impl = impl_.lock();
    if (impl) return impl;
    throw Error(Errc::model_not_loaded,
                std::format("the engine of `{}` was closed before the request began; keep it until its calls have "
                            "ended",
                            name_),
                {.model = name_});
  }

  static Async<Generated> generate(Calls self, Generation work, EventSink sink) {
    Abandon at_end;
    {
      const auto impl = self.impl();
      at_end.mailboxes.push_back(impl->submit(impl->prepare(std::move(work), static_cast<bool>(sink))));
    }
    co_return co_await receive(at_end.mailboxes.front(), std::move(sink));
  }

  static Async<std::vector<Generated>> generate_n(Calls self, Generation work, int count) {
    if (count < 1)
      throw Error(Errc::invalid_parameter, std::format("{} replies were asked for; ask for 1 or more", count));
    const auto first_scores = std::make_shared<std::vector<float>>();
    const auto seed = work.sampling.seed ? *work.sampling.seed : any_seed();
    Abandon at_end;
    {
      const auto impl = self.impl();
      std::vector<Job> jobs;
      for (int i = 0; i < count; ++i) {
        work.sampling.seed = seed + static_cast<std::uint64_t>(i);
        jobs.push_back(impl->prepare(work, false));
        if (count > 1) jobs.back().first_scores = first_scores;
        at_end.mailboxes.push_back(jobs.back().mailbox);
      }
      impl->submit(std::move(jobs));
    }
    std::vector<Generated> replies;
    for (const auto& mailbox : at_end.mailboxes) replies.push_back(co_await receive(mailbox, EventSink()));
    co_return replies;
  }

  static Async<Score> score(Calls self, Scoring work) {
    Abandon at_end;
    {
      const auto impl = self.impl();
      at_end.mailboxes.push_back(impl->submit(impl->prepare(std::move(work))));
    }
    const auto reply = co_await receive(at_end.mailboxes.front(), EventSink());
    Score score{.is_greedy = true, .usage = reply.usage};
    for (const auto& token : reply.logprobs) {
      score.logprob += token.logprob;
      score.tokens.push_back(token.logprob);
      score.is_greedy = score.is_greedy && token.logprob == token.top.front().second;
    }
    co_return score;
  }

  static Async<void> pin(Calls self, std::vector<Token> prefix) {
    self.impl()->between_steps([&](Scheduler& scheduler) { scheduler.tree().pin(prefix); });
    try {
      co_await generate(self, {.prompt = prefix, .sampling = {.max_tokens = 1, .temperature = 0}}, {});
    } catch (...) {
      if (const auto impl = self.impl_.lock()) impl->unpin(prefix);
      throw;
    }
  }

  static Async<void> save(Calls self, std::vector<Token> prefix, std::filesystem::path file) {
    self.impl()->between_steps([](Scheduler& scheduler) { scheduler.tree(); });
    std::optional<std::vector<std::byte>> state;
    // What was computed may be gone again before its turn comes, if others need the room.
    for (int attempt = 0; attempt < 3 && !state; ++attempt) {
      co_await generate(self, {.prompt = prefix, .sampling = {.max_tokens = 1, .temperature = 0}}, {});
      state = self.impl()->between_steps([&](Scheduler& scheduler) { return scheduler.state_of(prefix); });
    }
    if (!state)
      throw Error(Errc::rate_limit_exceeded,
                  std::format("`{}` had no room to keep the prefix of {} tokens until it was saved; raise kv_tokens",
                              self.name_, prefix.size()),
                  {.model = self.name_});
    write_prefix(file, self.impl()->binding(), {.tokens = std::move(prefix), .state = *std::move(state)});
  }

 private:
  std::string name_;
  std::weak_ptr<Impl> impl_;
};

Async<Generated> Engine::generate(Generation work, EventSink sink) {
  return Calls::generate(Calls(*this), std::move(work), std::move(sink));
}

Async<std::vector<Generated>> Engine::generate_n(Generation work, int count) {
  return Calls::generate_n(Calls(*this), std::move(work), count);
}

Async<Score> Engine::score(Scoring work) {
  return Calls::score(Calls(*this), std::move(work));
}

Async<void> Engine::pin(std::vector<Token> prefix) {
  return Calls::pin(Calls(*this), std::move(prefix));
}

Async<void> Engine::save(std::vector<Token> prefix, std::filesystem::path file) {
  return Calls::save(Calls(*this), std::move(prefix), std::move(file));
}

// --- known prompts ---------------------------------------------------------------------------------------------------

void Engine::clear() {
  impl_->between_steps([](Scheduler& scheduler) { scheduler.tree().clear(); });
}

bool Engine::unpin(const std::vector<Token>& prefix) {
  return impl_->unpin(prefix);
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
