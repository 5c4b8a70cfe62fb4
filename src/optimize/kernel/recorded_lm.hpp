#pragma once

#include "dspy/lm/lm.hpp"
#include "dspy/optimize/kernel/journal.hpp"
#include "dspy/optimize/kernel/ledger.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace dspy::optimize {

/// What all requests of a search go through: they are counted, written to the checkpoint, and answered from it.
/// Thread-safe.
class Book {
 public:
  std::unique_ptr<Journal> journal = {};  ///< Null: nothing is written.
  std::shared_ptr<Ledger> ledger = {};
  int attempts = 1;
  std::chrono::milliseconds retry_delay = {};
  std::atomic<std::uint64_t> replayed = 0;
  std::atomic<std::uint64_t> retries = 0;

  void remember(std::string key, Reply reply);
  std::optional<Reply> recall(const std::string& key);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, Reply> replies_;
};

/// The requests of one piece of work, such as one run of a program.
struct Scope {
  std::string name = {};
  std::mutex mutex = {};
  std::map<std::string, int> seen = {};  ///< How often a request was made.
  Usage usage = {};
};

/// Asks another LM, through the book.  Throws `Error` (`token_budget_exhausted`) where the ledger has nothing left.
class RecordedLM final : public LM {
 public:
  RecordedLM(std::shared_ptr<LM> lm, std::shared_ptr<Book> book, std::shared_ptr<Scope> scope)
      : lm_(std::move(lm)), book_(std::move(book)), scope_(std::move(scope)) {}

  std::string_view model() const noexcept override { return lm_->model(); }
  Capabilities capabilities() const override { return lm_->capabilities(); }
  std::string fingerprint() const override { return lm_->fingerprint(); }
  Async<Reply> complete(Request request) override;

 private:
  std::shared_ptr<LM> lm_;
  std::shared_ptr<Book> book_;
  std::shared_ptr<Scope> scope_;
};

}  // namespace dspy::optimize
