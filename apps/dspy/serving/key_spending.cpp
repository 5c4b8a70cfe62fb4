#include "serving/key_spending.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/keys/key_store.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/spending.hpp"

#include <format>
#include <memory>
#include <string_view>
#include <utility>

namespace dspy::app {
namespace {

class KeySpending final : public server::Spending {
 public:
  explicit KeySpending(std::shared_ptr<server::KeyStore> keys) : keys_(std::move(keys)) {}

  void require(const server::Caller& caller, std::string_view model) override {
    if (!keys_->may_ask(caller, model))
      throw server::HttpError(403, Errc::authentication_failed, std::format("this key may not use `{}`", model));
    keys_->charge(caller);  // throws if nothing is left
  }

  void record(const server::Caller& caller, std::string_view /*model*/, const Usage& usage) override {
    keys_->record(caller, usage);
  }

 private:
  std::shared_ptr<server::KeyStore> keys_;
};

}  // namespace

std::shared_ptr<server::Spending> spending_of(std::shared_ptr<server::KeyStore> keys) {
  if (!keys) return nullptr;
  return std::make_shared<KeySpending>(std::move(keys));
}

}  // namespace dspy::app
