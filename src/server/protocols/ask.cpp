#include "dspy/base/error.hpp"
#include "dspy/base/gate.hpp"
#include "dspy/lm/call_context.hpp"
#include "server/deadline.hpp"
#include "server/programs/program_call.hpp"
#include "server/protocols/common.hpp"
#include "server/protocols/gateway.hpp"
#include "server/traced_error.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <limits>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

// From a request to a reply, whichever API it is.  A model's events come where the model is awaited; they are
// kept until the connection takes them, and a model that can be held back is, while more than 64 KiB wait.

namespace dspy::server {
namespace {

namespace asio = boost::asio;

/// What was written, or how the reply ended.
struct Item {
  std::string bytes = {};
  bool is_end = false;
  std::exception_ptr failure = {};  ///< Before anything was written.
};

using Channel = asio::experimental::concurrent_channel<void(boost::system::error_code, Item)>;

struct Streaming {
  Streaming(const asio::any_io_executor& executor, const std::stop_token& client)
      : items(executor, std::numeric_limits<std::size_t>::max()), joined(join(client, stop.get_token())) {}

  Channel items;
  const std::shared_ptr<dspy::Gate> pace = std::make_shared<dspy::Gate>();
  std::stop_source stop;
  JoinedStop joined;

  void put(Item item) {
    const auto waits = waiting_ += item.bytes.size();
    if (waits > most_waiting) pace->close();
    items.try_send(boost::system::error_code(), std::move(item));
  }
  void taken(const Item& item) {
    const auto waits = waiting_ -= item.bytes.size();
    if (waits <= most_waiting) pace->open();
  }

 private:
  static constexpr std::size_t most_waiting = 64 << 10;
  std::atomic<std::size_t> waiting_ = 0;
};

/// Asks the model to stop when there is no reader any more.
class Reader {
 public:
  explicit Reader(std::shared_ptr<Streaming> streaming) : streaming_(std::move(streaming)) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { streaming_->stop.request_stop(); }

  Async<Item> next() { return take(streaming_); }

 private:
  static Async<Item> take(std::shared_ptr<Streaming> streaming) {
    auto item = co_await streaming->items.async_receive(asio::use_awaitable);
    streaming->taken(item);
    co_return item;
  }

  std::shared_ptr<Streaming> streaming_;
};

Error error_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return {Errc::inference_failed, error.what()};
  }
}

Async<void> produce(std::shared_ptr<LM> lm, Asked asked, std::unique_ptr<ReplyWriter> writer,
                    std::shared_ptr<Streaming> out, std::string trace_id) {
  std::atomic<bool> has_begun = false;  // set where the model is awaited, which is here
  std::exception_ptr failure;
  const auto deadline = asked.request.deadline;
  const auto begin = [&](const Usage& usage) {
    if (!has_begun.exchange(true)) out->put({.bytes = writer->begin(usage)});
  };
  try {
    asked.request.stop = out->joined.token;
    asked.request.pace = out->pace;
    const bool at_once = asked.request.n != 1;
    const EventSink sink = [&](const StreamEvent& event) {
      begin(event.usage);
      if (at_once) return;
      if (auto bytes = writer->event(event); !bytes.empty()) out->put({.bytes = std::move(bytes)});
    };
    const auto reply = co_await lm->stream(std::move(asked.request), sink);
    begin(reply.usage);
    out->put({.bytes = writer->finish(reply)});
    out->put({.is_end = true});
    co_return;
  } catch (const Error& error) {
    const auto late = overdue(error, deadline);
    failure = late ? std::make_exception_ptr(*late) : std::current_exception();
  } catch (...) {
    failure = std::current_exception();
  }
  if (!has_begun) {
    out->put({.failure = failure});
    co_return;
  }
  out->put({.bytes = writer->fail(with_trace(error_of(failure), trace_id))});
  out->put({.is_end = true});
}

Async<void> copy(std::shared_ptr<Reader> reader, std::string first, BodyWriter& writer) {
  co_await writer.write(std::move(first));
  while (true) {
    auto item = co_await reader->next();
    if (item.is_end) co_return;
    co_await writer.write(std::move(item.bytes));
  }
}

}  // namespace

Async<HttpResponse> ask(std::shared_ptr<const Gateway> gateway, std::shared_ptr<const AskingProtocol> protocol,
                        HttpRequest request) {
  auto asked = protocol->read(request);
  check(asked.request);
  auto stamp = Stamp::now();
  const auto lm = gateway->lm(request, asked.model, std::move(asked.inputs), stamp);
  asked.request.trace_context = remote_parent_of(request);
  asked.request.deadline = request.deadline;
  if (asked.is_stream)
    co_return co_await stream_from(lm, std::move(asked), std::move(protocol), std::move(request), std::move(stamp));
  asked.request.stop = request.stop;
  const auto shape = asked;
  try {
    const auto reply = co_await lm->complete(std::move(asked.request));
    auto out = json_response(protocol->write(reply, shape, stamp));
    out.headers.add(std::string(protocol->id_header), stamp.id);
    tell_trace(out, stamp);
    tell_cost(out, reply.usage);
    co_return out;
  } catch (const Error& error) {
    const auto late = overdue(error, request.deadline);
    throw with_trace(late ? *late : error, stamp.trace_id);
  }
}

Async<HttpResponse> stream_from(std::shared_ptr<LM> lm, Asked asked, std::shared_ptr<const AskingProtocol> protocol,
                                HttpRequest request, Stamp stamp) {
  HttpResponse out;
  out.headers.add(std::string(protocol->id_header), stamp.id);
  tell_trace(out, stamp);
  const auto trace_id = stamp.trace_id;
  const auto executor = co_await asio::this_coro::executor;
  auto streaming = std::make_shared<Streaming>(executor, request.stop);
  auto reader = std::make_shared<Reader>(streaming);
  auto writer = protocol->stream(asked, stamp);
  asio::co_spawn(executor, produce(std::move(lm), std::move(asked), std::move(writer), std::move(streaming), trace_id),
                 asio::detached);
  auto first = co_await reader->next();
  if (first.failure) throw with_trace(error_of(first.failure), trace_id);
  out.headers.set("Content-Type", std::string(protocol->stream_type));
  out.headers.set("Cache-Control", "no-cache");
  out.headers.set("X-Accel-Buffering", "no");
  out.stream = [reader = std::move(reader), bytes = std::move(first.bytes)](BodyWriter& to) -> Async<void> {
    return copy(reader, bytes, to);
  };
  co_return out;
}

}  // namespace dspy::server
