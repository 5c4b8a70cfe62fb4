// What an engine offers: calls as coroutines, and known prompts.  How requests reach the thread that computes,
// worker.hpp says.

#include "dspy/llama/engine.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "llama/engine/admission.hpp"
#include "llama/engine/engine_options.hpp"
#include "llama/engine/mailbox.hpp"
#include "llama/engine/scheduler.hpp"
#include "llama/engine/worker.hpp"
#include "llama/prefixes/prefix_file.hpp"

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <format>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace dspy::llama {

struct Engine::Impl {
  Impl(std::shared_ptr<const Model> shared, EngineOptions wanted)
      : model(std::move(shared)), worker(model, in_force(std::move(wanted), *model)) {}

  /// False where it was not pinned.
  bool unpin(const std::vector<Token>& prefix) {
    return worker.between_steps([&](Scheduler& there) { return there.tree().unpin(prefix); });
  }

  /// To what saved prefixes are bound; found out when it is first asked for, since that reads parts of the model's
  /// file.
  std::uint64_t binding() {
    std::call_once(binding_known, [&] { binding_value = prefix_binding(*model, worker.options()); });
    return binding_value;
  }

  const std::shared_ptr<const Model> model;
  Worker worker;
  Admission admission{model, worker.options()};

  std::once_flag binding_known;
  std::uint64_t binding_value = 0;
};

Engine::Engine(std::shared_ptr<const Model> model, EngineOptions options)
    : impl_(std::make_shared<Impl>(std::move(model), std::move(options))) {}

// A call that is just being queued may hold on to the rest a little longer.
Engine::~Engine() {
  impl_->worker.close();
}

const Model& Engine::model() const noexcept {
  return *impl_->model;
}

const EngineOptions& Engine::options() const noexcept {
  return impl_->worker.options();
}

EngineStats Engine::stats() const {
  return impl_->worker.stats();
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

  void add(std::shared_ptr<Mailbox> mailbox) { mailboxes.push_back(std::move(mailbox)); }
  const std::shared_ptr<Mailbox>& first() const noexcept { return mailboxes.front(); }
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
    throw Error(
        Errc::model_not_loaded,
        std::format(
            "the engine of `{}` was closed before the request started; keep it alive until its calls have ended",
            name_),
        {.model = name_});
  }

  static Async<Generated> generate(Calls self, Generation work, EventSink sink) {
    Abandon at_end;
    auto job = co_await self.prepare(std::move(work), static_cast<bool>(sink));
    at_end.add(self.impl()->worker.submit(std::move(job)));
    co_return co_await receive(at_end.first(), std::move(sink));
  }

  static Async<std::vector<Generated>> generate_n(Calls self, Generation work, int count) {
    if (count < 1)
      throw Error(Errc::invalid_parameter, std::format("{} replies were asked for; ask for 1 or more", count));
    const auto first_scores = std::make_shared<std::vector<float>>();
    const auto seed = work.sampling.seed ? *work.sampling.seed : any_seed();
    Abandon at_end;
    std::vector<Job> jobs;
    for (int i = 0; i < count; ++i) {
      work.sampling.seed = seed + static_cast<std::uint64_t>(i);
      jobs.push_back(co_await self.prepare(work, false));
      if (count > 1) jobs.back().first_scores = first_scores;
      at_end.add(jobs.back().mailbox);
    }
    self.impl()->worker.submit(std::move(jobs));
    std::vector<Generated> replies;
    for (const auto& mailbox : at_end.mailboxes) replies.push_back(co_await receive(mailbox, EventSink()));
    co_return replies;
  }

  static Async<Score> score(Calls self, Scoring work) {
    Abandon at_end;
    const bool only_named = work.continuation.empty();
    {
      const auto impl = self.impl();
      at_end.add(impl->worker.submit(impl->admission.prepare(std::move(work))));
    }
    const auto reply = co_await receive(at_end.first(), EventSink());
    Score score{.is_greedy = true, .usage = reply.usage};
    // Behind the likeliest token, the first one's alternatives are those that were named.
    const auto& first = reply.logprobs.front().top;
    for (std::size_t i = 1; i < first.size(); ++i) score.named.push_back(first[i].second);
    for (const auto& token : reply.logprobs) {
      if (only_named) break;
      score.logprob += token.logprob;
      score.tokens.push_back(token.logprob);
      score.is_greedy = score.is_greedy && token.logprob == token.top.front().second;
    }
    co_return score;
  }

  static Async<void> pin(Calls self, std::vector<Token> prefix) {
    co_await self.between_steps([&](Scheduler& scheduler) { scheduler.tree().pin(prefix); });
    try {
      co_await generate(self, {.prompt = prefix, .sampling = {.max_tokens = 1, .temperature = 0}}, {});
    } catch (...) {
      if (const auto impl = self.impl_.lock()) impl->unpin(prefix);
      throw;
    }
  }

  static Async<void> save(Calls self, std::vector<Token> prefix, std::filesystem::path file) {
    if (std::ranges::any_of(prefix, [](Token token) { return token < 0; }))
      throw Error(Errc::unsupported, "a prefix with a picture or sound in it cannot be saved to a file",
                  {.feature = "images"});
    co_await self.between_steps([](Scheduler& scheduler) { scheduler.tree(); });
    std::optional<std::vector<std::byte>> state;
    // What was computed may be gone again before its turn comes, if others need the room.
    for (int attempt = 0; attempt < 3 && !state; ++attempt) {
      co_await generate(self, {.prompt = prefix, .sampling = {.max_tokens = 1, .temperature = 0}}, {});
      co_await self.between_steps([&](Scheduler& scheduler) { state = scheduler.state_of(prefix); });
    }
    if (!state)
      throw Error(Errc::rate_limit_exceeded,
                  std::format("`{}` had no room to keep the prefix of {} tokens until it was saved; raise kv_tokens",
                              self.name_, prefix.size()),
                  {.model = self.name_});
    const auto impl = self.impl();
    co_await on_cpu(
        [&] { write_prefix(file, impl->binding(), {.tokens = std::move(prefix), .state = *std::move(state)}); });
  }

 private:
  /// What takes time is done without holding up the caller's event loop.
  Async<Job> prepare(Generation work, bool streams) const {
    const auto impl = this->impl();
    if (impl->admission.is_quick(work)) co_return impl->admission.prepare(std::move(work), streams);
    co_return co_await on_cpu([&] { return impl->admission.prepare(std::move(work), streams); });
  }

  /// Runs `work` on the engine's thread, without holding up the caller's event loop.
  Async<void> between_steps(std::function<void(Scheduler&)> work) const {
    const auto impl = this->impl();
    co_await on_cpu([&] { impl->worker.between_steps(std::move(work)); });
  }

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
  impl_->worker.between_steps([](Scheduler& scheduler) { scheduler.forget_prompts(); });
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
  const bool known =
      impl_->worker.between_steps([&](Scheduler& scheduler) { return scheduler.make_known(tokens, state); });
  if (!known)
    throw Error(Errc::rate_limit_exceeded,
                std::format("`{}` currently has no room for the {} tokens of {}; raise kv_tokens, or load the file "
                            "before sending requests",
                            impl_->model->name(), tokens.size(), file.string()),
                {.model = impl_->model->name()});
  return tokens;
}

}  // namespace dspy::llama
