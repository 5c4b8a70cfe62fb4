#include "llama/engine/mailbox.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <map>
#include <mutex>
#include <utility>

namespace asio = boost::asio;

namespace dspy::llama {
namespace {

/// The mailboxes that coroutines of one event loop wait on.
struct Roll {
  std::mutex mutex;
  std::map<const Mailbox*, std::weak_ptr<Mailbox>> mailboxes;
};

/// When an event loop is destroyed, so must be the coroutines that wait on it, or the engine would wake them there
/// later.
class RollService : public asio::execution_context::service {
 public:
  using key_type = RollService;
  static inline asio::execution_context::id id;

  explicit RollService(asio::execution_context& owner) : service(owner) {}

  const std::shared_ptr<Roll> roll = std::make_shared<Roll>();

 private:
  void shutdown() override {
    std::map<const Mailbox*, std::weak_ptr<Mailbox>> left;
    {
      const std::lock_guard lock(roll->mutex);
      left.swap(roll->mailboxes);
    }
    for (const auto& [unused, weak] : left) {
      if (const auto mailbox = weak.lock()) mailbox->abandon_waiter();
    }
  }
};

}  // namespace

struct Mailbox::Impl {
  /// A coroutine that waits, and the promise to its event loop that there is more to come.
  struct Waiter {
    asio::any_completion_handler<void()> handler;
    asio::executor_work_guard<asio::any_io_executor> work;
  };

  /// Wakes the coroutine on its own executor.  Called under the lock, so that the loop cannot go away meanwhile.
  void wake() {
    if (!waiter) return;
    const auto executor = waiter->work.get_executor();
    asio::post(executor, [woken = std::move(waiter)] { std::move(woken->handler)(); });
  }

  std::mutex mutex;
  News news;
  bool has_news = false;
  std::unique_ptr<Waiter> waiter;
  std::shared_ptr<Roll> roll;
  std::atomic<bool> abandoned = false;
};

Mailbox::Mailbox() : impl_(std::make_unique<Impl>()) {}

Mailbox::~Mailbox() {
  if (!impl_->roll) return;
  const std::lock_guard lock(impl_->roll->mutex);
  impl_->roll->mailboxes.erase(this);
}

void Mailbox::put(News::Item item) {
  const std::lock_guard lock(impl_->mutex);
  impl_->news.items.push_back(std::move(item));
  impl_->has_news = true;
  impl_->wake();
}

void Mailbox::finish(std::expected<Generated, Error> end) {
  const std::lock_guard lock(impl_->mutex);
  impl_->news.end.emplace(std::move(end));
  impl_->has_news = true;
  impl_->wake();
}

bool Mailbox::abandoned() const noexcept {
  return impl_->abandoned.load(std::memory_order_relaxed);
}

void Mailbox::abandon() noexcept {
  impl_->abandoned.store(true, std::memory_order_relaxed);
}

void Mailbox::abandon_waiter() noexcept {
  abandon();
  std::unique_ptr<Impl::Waiter> waiter;
  const std::lock_guard lock(impl_->mutex);
  waiter.swap(impl_->waiter);
}

Async<News> Mailbox::receive(std::shared_ptr<Mailbox> mailbox) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  if (!mailbox->impl_->roll) {
    auto& loop = asio::query(executor, asio::execution::context);
    mailbox->impl_->roll = asio::use_service<RollService>(loop).roll;
    const std::lock_guard lock(mailbox->impl_->roll->mutex);
    mailbox->impl_->roll->mailboxes.emplace(mailbox.get(), mailbox);
  }
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [mailbox, executor](auto handler) {
        auto waiter =
            std::unique_ptr<Impl::Waiter>(new Impl::Waiter{std::move(handler), asio::make_work_guard(executor)});
        if (auto slot = asio::get_associated_cancellation_slot(waiter->handler); slot.is_connected())
          slot.assign([mailbox](asio::cancellation_type) { mailbox->abandon(); });
        auto& impl = *mailbox->impl_;
        const std::lock_guard lock(impl.mutex);
        impl.waiter = std::move(waiter);
        if (impl.has_news) impl.wake();
      },
      asio::use_awaitable);
  const std::lock_guard lock(mailbox->impl_->mutex);
  mailbox->impl_->has_news = false;
  co_return std::exchange(mailbox->impl_->news, {});
}

}  // namespace dspy::llama
