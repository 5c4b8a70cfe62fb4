#include "dspy/bulk/batch/batch.hpp"

#include "bulk/batch/batch_api.hpp"
#include "bulk/batch/batch_folder.hpp"
#include "bulk/batch/batch_transport.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/curl_transport.hpp"
#include "dspy/lm/request.hpp"

#include <cstddef>
#include <format>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using bulk::BatchAnswer;
using bulk::BatchItem;
using bulk::BatchState;
using bulk::KeptBatch;

constexpr int not_found = 404, too_many_requests = 429, server_error = 500;
constexpr std::size_t most_reply_bytes = std::size_t{4} << 30;

/// Errors that a retry would not change.
bool is_final(const BatchAnswer& answer) {
  return answer.status < server_error && answer.status != too_many_requests;
}

}  // namespace

class BatchRun::Impl {
 public:
  Impl(const MakeProgram& make_program, ProviderBatchOptions options, BulkJob job)
      : options_(std::move(options)),
        job_(std::move(job)),
        folder_(job_.out / "batch"),
        transport_(std::make_shared<bulk::BatchTransport>()),
        program_(make_program(transport_)) {
    if (options_.max_requests == 0) throw Error(Errc::invalid_parameter, "a batch holds at least 1 request, not 0");
    if (options_.transport == nullptr) options_.transport = http::default_transport();
    folder_.each_reply([&](BatchAnswer answer) { transport_->add(std::move(answer)); });
    find_samples();
  }

  BatchReport submit() {
    forget_or_refuse_unsure();
    if (options_.submits_again) forget_lost();
    auto rows = run();
    const auto waiting = folder_.waiting();
    for (const auto& [url, kept] : transport_->kept()) {
      std::vector<BatchItem> items;
      std::size_t bytes = 0;
      for (const auto& [key, body] : kept.bodies) {
        if (waiting.contains(key)) continue;
        if (items.size() == options_.max_requests || (!items.empty() && bytes + body.size() > options_.max_bytes)) {
          send(url, kept.sample, std::exchange(items, {}));
          bytes = 0;
        }
        bytes += body.size();
        items.push_back({.key = key, .body = body});
      }
      if (!items.empty()) send(url, kept.sample, std::move(items));
    }
    return report(std::move(rows));
  }

  BatchReport status() {
    for (auto& batch : folder_.batches()) {
      if (batch.state == "submitted") state_or_lost(batch);
    }
    folder_.save();
    return report({});
  }

  BatchReport collect() {
    for (auto& batch : folder_.batches()) {
      if (batch.state != "submitted") continue;
      auto state = state_or_lost(batch);
      if (!state) continue;
      if (state->kind == BatchState::Kind::failed) batch.state = "failed";
      if (state->kind == BatchState::Kind::ended) take(batch, *std::move(state));
      folder_.save();
    }
    return report(run());
  }

 private:
  /// Requests that may already be in a batch are not submitted again without being asked to: they would be paid twice.
  void forget_or_refuse_unsure() {
    for (auto& batch : folder_.batches()) {
      if (batch.state != "submitting") continue;
      if (!options_.submits_again)
        throw Error(Errc::config_error,
                    std::format("a process ended while it submitted {} requests, so it is unknown whether the provider "
                                "has them (mark {}); check there, and give --submit-again if it does not",
                                batch.count, batch.mark));
      batch.state = "forgotten";
    }
    folder_.save();
  }

  /// Gives up the batches that the provider no longer has.
  void forget_lost() {
    for (auto& batch : folder_.batches()) {
      if (batch.state == "submitted" && !state_or_lost(batch)) batch.state = "forgotten";
    }
    folder_.save();
  }

  /// Nothing for a batch that the provider does not know, which says so.
  std::optional<BatchState> state_or_lost(KeptBatch& batch) {
    try {
      auto state = state_of(batch);
      batch.said = state.said;
      return state;
    } catch (const Error& error) {
      if (error.info().status != not_found) throw;
      batch.said = "the provider does not know it; `submit --submit-again` sends its requests again";
      return std::nullopt;
    }
  }

  BulkReport run() {
    transport_->clear();
    return run_bulk(program_, job_,
                    {.rule = ShardRule{.by = ShardRule::By::row}, .resume = true, .concurrency = options_.concurrency});
  }

  /// One unsent request per model reveals its address and credentials.
  void find_samples() {
    program_.for_each_predictor([&](const std::string&, const Predictor& predictor) {
      Request request;
      request.messages = {{Role::user, "sample"}};
      try {
        wait(predictor.lm()->complete(std::move(request)));
      } catch (const Error& error) {
        if (error.code() != Errc::unavailable) throw;
      }
    });
    for (auto& [url, kept] : transport_->kept()) {
      bulk::batch_api_of(url);
      samples_.emplace(url, kept.sample);
    }
    transport_->clear();
  }

  std::string exchange(http::Request request) {
    const auto url = request.url;
    const auto response = wait(http::send(options_.transport, std::move(request), most_reply_bytes));
    if (response.status >= 200 && response.status < 300) return response.body;
    throw Error(response.status >= server_error || response.status == too_many_requests ? Errc::unavailable
                : response.status == 401 || response.status == 403                      ? Errc::authentication_failed
                                                                                        : Errc::refused,
                std::format("the batch API at {} answered with status {}: {}", bulk::origin_of(url), response.status,
                            response.body.substr(0, 400)),
                {.status = response.status});
  }

  void send(const std::string& url, const http::Request& sample, std::vector<BatchItem> items) {
    KeptBatch batch;
    batch.state = "submitting";
    batch.requests = folder_.write_requests(items);
    batch.count = items.size();
    batch.url = url;
    batch.mark = sha256(std::format("{}{}", std::random_device{}(), batch.requests + items.front().key)).substr(0, 32);
    folder_.batches().push_back(batch);
    folder_.save();
    std::string id;
    try {
      id = bulk::batch_api_of(url).submit(sample, items, batch.mark,
                                          [this](http::Request request) { return exchange(std::move(request)); });
    } catch (const Error& error) {
      // A refusal is certain; any other status leaves open whether the batch exists.
      if (error.code() == Errc::refused || error.code() == Errc::authentication_failed) {
        folder_.batches().pop_back();
        folder_.save();
      }
      throw;
    }
    if (id.empty())
      throw Error(Errc::unavailable, "the provider returned no id for the batch; check there whether it exists");
    folder_.batches().back().id = id;
    folder_.batches().back().state = "submitted";
    folder_.save();
  }

  const http::Request& sample_of(const KeptBatch& batch) const {
    const auto found = samples_.find(batch.url);
    if (found == samples_.end())
      throw Error(
          Errc::config_error,
          std::format(
              "the batch {} was sent to {}, but this program uses another endpoint; use the model that it was sent to",
              batch.id, batch.url));
    return found->second;
  }

  BatchState state_of(const KeptBatch& batch) {
    return bulk::batch_api_of(batch.url).state(sample_of(batch), batch.id,
                                               [this](http::Request request) { return exchange(std::move(request)); });
  }

  void take(KeptBatch& batch, BatchState state) {
    const auto& api = bulk::batch_api_of(batch.url);
    auto answers = std::move(state.answers);
    for (const auto& url : state.results) {
      for (auto& answer : api.read(exchange(bulk::like(sample_of(batch), "GET", url))))
        answers.push_back(std::move(answer));
    }
    std::erase_if(answers, [](const BatchAnswer& answer) { return !is_final(answer); });
    folder_.add_replies(answers);
    for (auto& answer : answers) transport_->add(std::move(answer));
    batch.state = "collected";
  }

  BatchReport report(BulkReport rows) {
    BatchReport out{.rows = std::move(rows)};
    const auto waiting = folder_.waiting();
    out.waiting = waiting.size();
    for (const auto& [url, kept] : transport_->kept()) {
      for (const auto& [key, body] : kept.bodies) out.unsent += waiting.contains(key) ? 0U : 1U;
    }
    out.batches.assign(folder_.batches().begin(), folder_.batches().end());
    return out;
  }

  ProviderBatchOptions options_;
  BulkJob job_;
  bulk::BatchFolder folder_;
  std::shared_ptr<bulk::BatchTransport> transport_;
  Program program_;
  std::map<std::string, http::Request> samples_;  ///< By URL.
};

BatchRun::BatchRun(MakeProgram make_program, BulkJob job, ProviderBatchOptions options)
    : impl_(std::make_unique<Impl>(make_program, std::move(options), std::move(job))) {}

BatchRun::~BatchRun() = default;

BatchReport BatchRun::submit() {
  return impl_->submit();
}

BatchReport BatchRun::status() {
  return impl_->status();
}

BatchReport BatchRun::collect() {
  return impl_->collect();
}

}  // namespace dspy
