#include "llama/text_reader.hpp"

#include "dspy/base/error.hpp"
#include "llama/at_exit.hpp"
#include "llama/engine/mailbox.hpp"

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstddef>
#include <expected>
#include <format>
#include <list>
#include <mutex>
#include <ranges>
#include <thread>
#include <utility>

namespace dspy::llama {
namespace {

using Clock = std::chrono::steady_clock;

/// A call on its way.  What it is answered with lies in `vectors` when its mailbox has the end.
struct Call {
  Reading work{};
  std::vector<std::vector<float>> vectors{};
  std::size_t placed = 0;  ///< Texts that were put into a step.
  Mailbox mailbox{};
};

}  // namespace

struct TextReader::Impl {
  Impl(std::shared_ptr<const Model> shared, TextReaderOptions wanted) : model(std::move(shared)), options(wanted) {
    make_context();
    thread = std::thread([this] { loop(); });
  }

  ~Impl() { at_exit.close(); }

  void close() {
    {
      const std::lock_guard lock(mutex);
      closing.store(true, std::memory_order_relaxed);
    }
    work_arrived.notify_one();
    join(thread);
  }

  Error closed() const {
    return {Errc::model_not_loaded,
            std::format("the embedder of `{}` was closed while it was reading", model->name()),
            {.model = model->name()}};
  }

  void submit(const std::shared_ptr<Call>& call) {
    {
      const std::lock_guard lock(mutex);
      if (closing.load(std::memory_order_relaxed)) throw closed();
      if (waiting >= static_cast<std::size_t>(options.queue_limit))
        throw Error(Errc::rate_limit_exceeded,
                    std::format("{} calls already wait for `{}`; send fewer at once, or raise queue_limit", waiting,
                                model->name()),
                    {.model = model->name()});
      inbox.push_back(call);
      ++waiting;
    }
    work_arrived.notify_one();
  }

  // --- the reader's thread -------------------------------------------------------------------------------------------

  void loop() {
    for (;;) {
      {
        std::unique_lock lock(mutex);
        const auto is_closing = [&] { return closing.load(std::memory_order_relaxed); };
        if (calls.empty()) work_arrived.wait(lock, [&] { return is_closing() || !inbox.empty(); });
        calls.splice(calls.end(), inbox);
        if (is_closing()) break;
      }
      sweep();
      step();
    }
    while (!calls.empty()) end(calls.begin(), std::unexpected(closed()));
  }

  void end(std::list<std::shared_ptr<Call>>::iterator place, std::expected<Generated, Error> result) {
    const auto call = std::move(*place);
    calls.erase(place);
    {
      const std::lock_guard lock(mutex);
      --waiting;
    }
    call->mailbox.finish(std::move(result));
  }

  std::optional<Error> interruption(const Call& call) const {
    if (call.work.stop.stop_requested() || call.mailbox.abandoned())
      return Error(Errc::cancelled, "the call was cancelled", {.model = model->name()});
    if (call.work.deadline && Clock::now() >= *call.work.deadline)
      return Error(Errc::deadline_exceeded, "the call's deadline passed before all of its texts were read",
                   {.model = model->name()});
    return std::nullopt;
  }

  void sweep() {
    for (auto call = calls.begin(); call != calls.end();) {
      const auto place = call++;
      if (const auto reason = interruption(**place)) end(place, std::unexpected(*reason));
    }
  }

  struct Text {
    Call* call;
    std::size_t index;
  };

  /// As many texts as fit in one batch, one of each call in turn.
  std::vector<Text> compose() {
    std::vector<Text> texts;
    batch.clear();
    for (bool is_full = false, has_more = true; has_more && !is_full;) {
      has_more = false;
      for (auto& call : calls) {
        if (call->placed == call->work.texts.size()) continue;
        const auto& tokens = call->work.texts[call->placed];
        is_full = texts.size() == static_cast<std::size_t>(options.sequences) ||
                  batch.size() + tokens.size() > static_cast<std::size_t>(options.batch);
        if (is_full) break;
        for (const auto& [position, token] : std::views::enumerate(tokens))
          batch.push_back({.token = token,
                           .position = static_cast<int>(position),
                           .sequence = static_cast<int>(texts.size()),
                           .output = true});
        texts.push_back({call.get(), call->placed++});
        has_more = true;
      }
    }
    // Who was first is last in the next step, so that each call has a text of any length read in its turn.
    if (!calls.empty()) calls.splice(calls.end(), calls, calls.begin());
    return texts;
  }

  void step() {
    const auto texts = compose();
    if (texts.empty()) return;
    try {
      if (!context) make_context();
      context->clear();
      const auto status = context->decode(batch);
      if (status == DecodeStatus::interrupted) return;  // by `close`, which ends the calls
      if (status != DecodeStatus::ok)
        throw Error(Errc::inference_failed, "the inference library could not read the texts; its log says why",
                    {.model = model->name()});
      for (const auto& [sequence, text] : std::views::enumerate(texts)) {
        const auto row = context->embedding(static_cast<int>(sequence));
        for (const float value : row) {
          if (!std::isfinite(value))
            throw Error(Errc::inference_failed,
                        std::format("`{}` produced a vector with values that are not numbers; the file may be damaged, "
                                    "or the device faulty",
                                    model->name()),
                        {.model = model->name()});
        }
        text.call->vectors[text.index].assign(row.begin(), row.end());
      }
    } catch (const std::exception& error) {
      context.reset();
      const auto* const known = dynamic_cast<const Error*>(&error);
      const auto reason = known ? *known : Error(Errc::inference_failed, error.what(), {.model = model->name()});
      for (auto call = calls.begin(); call != calls.end();) {
        const auto place = call++;
        if (std::ranges::contains(texts, place->get(), &Text::call)) end(place, std::unexpected(reason));
      }
      return;
    }
    for (auto call = calls.begin(); call != calls.end();) {
      const auto place = call++;
      if ((*place)->placed == (*place)->work.texts.size()) end(place, Generated{});
    }
  }

  void make_context() {
    context =
        model->handle().new_context({.context_length = options.batch,
                                     .batch = options.batch,
                                     .sequences = options.sequences,
                                     .outputs = options.batch,
                                     .threads = options.threads,
                                     .pooling = options.pooling,
                                     .interrupted = [](void* self) { return static_cast<Impl*>(self)->closing.load(); },
                                     .interrupted_data = this});
  }

  const std::shared_ptr<const Model> model;
  const TextReaderOptions options;
  std::atomic<bool> closing = false;
  std::mutex mutex;
  std::condition_variable work_arrived;
  std::list<std::shared_ptr<Call>> inbox;
  std::size_t waiting = 0;  ///< In `inbox` and `calls`.

  // The thread's own.
  std::list<std::shared_ptr<Call>> calls;
  std::unique_ptr<RuntimeContext> context;
  std::vector<BatchEntry> batch;

  std::thread thread;
  ClosedAtExit at_exit{[this] { close(); }};
};

TextReader::TextReader(std::shared_ptr<const Model> model, TextReaderOptions options)
    : impl_(std::make_unique<Impl>(std::move(model), options)) {}

TextReader::~TextReader() = default;

Async<std::vector<std::vector<float>>> TextReader::read(std::shared_ptr<TextReader> reader, Reading work) {
  if (work.texts.empty()) co_return std::vector<std::vector<float>>{};
  const auto call = std::make_shared<Call>(std::move(work));
  call->vectors.resize(call->work.texts.size());
  const std::shared_ptr<Mailbox> mailbox(call, &call->mailbox);
  reader->impl_->submit(call);
  // However this ends, the reader need not go on.
  const struct Abandon {
    Mailbox& mailbox;
    ~Abandon() { mailbox.abandon(); }
  } abandon{*mailbox};
  News news;
  try {
    news = co_await Mailbox::receive(mailbox);
  } catch (const boost::system::system_error&) {
    throw Error(Errc::cancelled, "the call was cancelled");
  }
  if (!*news.end) throw news.end->error();
  co_return std::move(call->vectors);
}

}  // namespace dspy::llama
