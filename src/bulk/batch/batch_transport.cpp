#include "bulk/batch/batch_transport.hpp"

#include "bulk/batch/batch_api.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/http/transport.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace dspy::bulk {
namespace {

/// A body that is here already.
class Text final : public http::Body {
 public:
  explicit Text(std::string text) : text_(std::make_shared<std::string>(std::move(text))) {}

  Async<std::optional<std::string>> next() override { return take(text_); }

 private:
  static Async<std::optional<std::string>> take(std::shared_ptr<std::string> text) {
    if (text->empty()) co_return std::nullopt;
    co_return std::exchange(*text, {});
  }

  std::shared_ptr<std::string> text_;
};

}  // namespace

struct BatchTransport::State {
  mutable std::mutex mutex;
  std::unordered_map<std::string, BatchAnswer> answers;
  std::map<std::string, Kept> kept;

  static Async<http::Streamed> open(std::shared_ptr<State> state, http::Request request) {
    const auto key = batch_key(request);
    const std::lock_guard lock(state->mutex);
    const auto found = state->answers.find(key);
    if (found == state->answers.end()) {
      auto& kept = state->kept[request.url];
      kept.bodies.emplace(key, std::exchange(request.body, {}));
      if (kept.sample.url.empty()) kept.sample = std::move(request);
      throw Error(Errc::unavailable, "the reply is still to come, in a batch");
    }
    http::Streamed out{.status = found->second.status};
    out.headers.set("Content-Type", "application/json");
    out.body = std::make_unique<Text>(found->second.body);
    co_return out;
  }
};

BatchTransport::BatchTransport() : state_(std::make_shared<State>()) {}

BatchTransport::~BatchTransport() = default;

Async<http::Streamed> BatchTransport::open(http::Request request) {
  return State::open(state_, std::move(request));
}

void BatchTransport::add(BatchAnswer answer) {
  const std::lock_guard lock(state_->mutex);
  auto key = answer.key;
  state_->answers.insert_or_assign(std::move(key), std::move(answer));
}

void BatchTransport::clear() {
  const std::lock_guard lock(state_->mutex);
  state_->kept.clear();
}

std::map<std::string, BatchTransport::Kept> BatchTransport::kept() const {
  const std::lock_guard lock(state_->mutex);
  return state_->kept;
}

std::string batch_key(const http::Request& request) {
  const std::string_view url = request.url;
  return sha256(std::string(url.substr(origin_of(url).size())) + "\n" + request.body);
}

}  // namespace dspy::bulk
