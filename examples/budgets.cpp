// A budget shared by several calls.  The most that a request may cost is reserved before it is
// sent, so the budget is never exceeded; a model whose price is unknown is not used under a cost
// budget.  The provider is the local mock provider.

#include <boost/json/parse.hpp>
#include <dspy/dspy.hpp>
#include <dspy/lm/prices.hpp>
#include <mock_provider/mock_provider.hpp>

#include <iostream>
#include <memory>
#include <string>

namespace {

void ask(const std::shared_ptr<dspy::LM>& lm) {
  dspy::Request request{.messages = {dspy::Message(dspy::Role::user, "The capital of France, in one word?")}};
  request.sampling.max_tokens = 10;
  const auto reply = dspy::attempt([&] { return dspy::wait(lm->complete(request)); });
  if (!reply) {
    std::cout << dspy::to_string(reply.error().code()) << "\n";
  } else if (reply->usage.cost_nanodollars) {
    std::cout << *reply->usage.cost_nanodollars << " nano-dollars\n";
  } else {
    std::cout << "of unknown cost\n";
  }
}

}  // namespace

int main() {
  const dspy::mock::MockProvider provider({.wishes = {{"reply", "Paris"}}});
  const auto model = dspy::lm("compatible/mock-model?base_url=" + provider.url("/v1"));
  const auto prices = std::make_shared<const dspy::PriceTable>(dspy::PriceTable::from_json(
      boost::json::parse(R"({"date": "2026-08-06", "models": {"mock-model": {"prompt": 2, "completion": 10}}})")
          .as_object()));

  const auto budget = std::make_shared<dspy::Budget>(dspy::Budget::Limits{.nanodollars = 280'000});
  const auto lm = dspy::resilient({.primary = model, .budget = {.shared = budget}, .prices = prices});
  for (int i = 0; i < 3; ++i) ask(lm);
  std::cout << "used: " << budget->used().requests << " requests\n";

  std::cout << "without a price: ";
  ask(dspy::resilient({.primary = model, .budget = {.usd = 1}}));
}
