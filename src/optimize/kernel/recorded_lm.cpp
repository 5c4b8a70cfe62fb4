#include "optimize/kernel/recorded_lm.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/lm/exchange_json.hpp"

#include <algorithm>
#include <utility>

namespace dspy::optimize {
namespace {

constexpr std::chrono::milliseconds longest_delay(2000);

void count(Scope& scope, Usage usage) {
  usage.requests = 1;
  const std::scoped_lock lock(scope.mutex);
  scope.usage += usage;
}

/// Makes the request, again if the model could not be reached.
Async<Reply> ask(std::shared_ptr<LM> lm, Request request, std::shared_ptr<Book> book) {
  for (int attempt = 1;; ++attempt) {
    if (!book->ledger->take_request()) throw Error(Errc::token_budget_exhausted, book->ledger->exhausted());
    std::chrono::nanoseconds pause = {};
    try {
      auto reply = co_await lm->complete(request);
      book->ledger->spend(reply.usage);
      co_return reply;
    } catch (const Error& error) {
      book->ledger->spend(error.info().usage);
      // Nobody has received a reply that broke off, so it may be requested again too.
      const bool may_pass = is_retryable(error.code()) || error.code() == Errc::stream_broken;
      if (attempt >= book->attempts || !may_pass) throw;
      pause = std::min(longest_delay, book->retry_delay * (1 << std::min(attempt - 1, 10)));
      if (error.info().retry_after) pause = std::max<std::chrono::nanoseconds>(pause, *error.info().retry_after);
    }
    book->retries.fetch_add(1);
    if (pause.count() > 0) co_await sleep(pause, request.stop);
  }
}

Async<Reply> ask_recorded(std::shared_ptr<LM> lm, Request request, std::shared_ptr<Book> book,
                          std::shared_ptr<Scope> scope) {
  if (!book->journal) {
    auto reply = co_await ask(std::move(lm), std::move(request), std::move(book));
    count(*scope, reply.usage);
    co_return reply;
  }
  auto key = scope->name + "/" + dspy::digest(request);
  {
    const std::scoped_lock lock(scope->mutex);
    key += "#" + std::to_string(scope->seen[key]++);
  }
  if (auto known = book->recall(key)) {
    if (!book->ledger->take_request()) throw Error(Errc::token_budget_exhausted, book->ledger->exhausted());
    book->ledger->spend(known->usage);
    book->replayed.fetch_add(1);
    count(*scope, known->usage);
    co_return *std::move(known);
  }
  auto reply = co_await ask(std::move(lm), std::move(request), book);
  book->journal->append({{"kind", "reply"}, {"key", key}, {"reply", to_json(reply)}});
  count(*scope, reply.usage);
  co_return reply;
}

}  // namespace

void Book::remember(std::string key, Reply reply) {
  const std::scoped_lock lock(mutex_);
  replies_.insert_or_assign(std::move(key), std::move(reply));
}

std::optional<Reply> Book::recall(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  const auto at = replies_.find(key);
  if (at == replies_.end()) return std::nullopt;
  return at->second;
}

Async<Reply> RecordedLM::complete(Request request) {
  return ask_recorded(lm_, std::move(request), book_, scope_);
}

}  // namespace dspy::optimize
