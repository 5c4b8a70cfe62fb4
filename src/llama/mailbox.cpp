#include "llama/mailbox.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <mutex>
#include <utility>

namespace asio = boost::asio;

namespace dspy::llama {
namespace {

using Handler = asio::any_completion_handler<void()>;

}  // namespace

struct Mailbox::Impl {
  /// A coroutine that waits, and the promise to its event loop that there is more to come.
  struct Waiter {
    Handler handler;
    asio::executor_work_guard<asio::any_io_executor> work;
  };

  /// Wakes the coroutine on its own executor.
  static void wake(std::unique_ptr<Waiter> waiter) {
    if (!waiter) return;
    const auto executor = waiter->work.get_executor();
    asio::post(executor, [waiter = std::move(waiter)] { std::move(waiter->handler)(); });
  }

  std::mutex mutex;
  News news;
  bool has_news = false;
  std::unique_ptr<Waiter> waiter;
  std::atomic<bool> abandoned = false;
};

Mailbox::Mailbox() : impl_(std::make_unique<Impl>()) {}
Mailbox::~Mailbox() = default;

void Mailbox::put(News::Item item) {
  std::unique_ptr<Impl::Waiter> waiter;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->news.items.push_back(std::move(item));
    impl_->has_news = true;
    waiter.swap(impl_->waiter);
  }
  Impl::wake(std::move(waiter));
}

void Mailbox::finish(std::expected<Reply, Error> end) {
  std::unique_ptr<Impl::Waiter> waiter;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->news.end.emplace(std::move(end));
    impl_->has_news = true;
    waiter.swap(impl_->waiter);
  }
  Impl::wake(std::move(waiter));
}

bool Mailbox::abandoned() const noexcept {
  return impl_->abandoned.load(std::memory_order_relaxed);
}

void Mailbox::abandon() noexcept {
  impl_->abandoned.store(true, std::memory_order_relaxed);
}

Async<News> Mailbox::receive(std::shared_ptr<Mailbox> mailbox) {
  auto& impl = *mailbox->impl_;
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [mailbox, executor](auto handler) {
        if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected())
          slot.assign([mailbox](asio::cancellation_type) { mailbox->abandon(); });
        std::unique_ptr<Impl::Waiter> waiter(new Impl::Waiter{std::move(handler), asio::make_work_guard(executor)});
        {
          const std::lock_guard lock(mailbox->impl_->mutex);
          if (!mailbox->impl_->has_news) {
            mailbox->impl_->waiter.swap(waiter);
            return;
          }
        }
        Impl::wake(std::move(waiter));
      },
      asio::use_awaitable);
  const std::lock_guard lock(impl.mutex);
  impl.has_news = false;
  co_return std::exchange(impl.news, {});
}

}  // namespace dspy::llama
