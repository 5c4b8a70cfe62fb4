#include "serving/key_spending.hpp"

#include "dspy/lm/budget.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/keys/key_store.hpp"
#include "dspy/server/spending.hpp"

#include <memory>
#include <string_view>
#include <utility>

namespace dspy::app {
namespace {

class KeySpending final : public server::Spending {
 public:
  explicit KeySpending(std::shared_ptr<server::KeyStore> keys) : keys_(std::move(keys)) {}

  bool may_use(const server::Caller& caller, std::string_view name) const override {
    return keys_->may_ask(caller, name);
  }

  std::shared_ptr<Budget> charge(const server::Caller& caller) override {
    const auto charge = keys_->charge(caller);
    return charge ? std::shared_ptr<Budget>(charge, charge->budget().get()) : nullptr;
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
