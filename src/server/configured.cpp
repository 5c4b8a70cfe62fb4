#include "dspy/server/configured.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/lm/lm.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::server {
namespace {

/// Makes its LM when it is first asked.
class LazyLM final : public LM {
 public:
  LazyLM(Config config, std::string name) : state_(std::make_shared<State>(std::move(config), std::move(name))) {}

  std::string_view model() const noexcept override { return state_->name; }
  Capabilities capabilities() const override {
    const auto lm = state_->made();
    return lm ? lm->capabilities() : Capabilities();
  }
  std::string fingerprint() const override { return "configured:" + state_->name; }
  Async<Reply> complete(Request request) override { return ask(state_, std::move(request), {}); }
  Async<Reply> stream(Request request, EventSink sink) override {
    return ask(state_, std::move(request), std::move(sink));
  }

 private:
  struct State {
    State(Config from, std::string called) : config(std::move(from)), name(std::move(called)) {}

    std::shared_ptr<LM> made() const {
      const std::scoped_lock lock(mutex);
      return lm;
    }
    /// May load a model file.  The configuration keeps what it has made, so a second caller gets the same.
    std::shared_ptr<LM> make() {
      auto now = config.lm(name);
      const std::scoped_lock lock(mutex);
      lm = now;
      return now;
    }

    const Config config;
    const std::string name;
    mutable std::mutex mutex;
    std::shared_ptr<LM> lm;
  };

  static Async<Reply> ask(std::shared_ptr<State> state, Request request, EventSink sink) {
    auto lm = state->made();
    if (!lm) lm = co_await on_cpu([state] { return state->make(); });
    if (!sink) co_return co_await lm->complete(std::move(request));
    co_return co_await lm->stream(std::move(request), std::move(sink));
  }

  std::shared_ptr<State> state_;
};

}  // namespace

void serve_configured(const Config& config, Catalog& catalog) {
  for (const auto& each : config.lms()) {
    if (catalog.model(each.first)) continue;
    catalog.put(ServedModel{.name = each.first, .lm = std::make_shared<LazyLM>(config, each.first)});
  }
}

}  // namespace dspy::server
