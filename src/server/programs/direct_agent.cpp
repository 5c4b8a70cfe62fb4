#include "server/programs/direct_agent.hpp"

#include "dspy/agents/react.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/signature/prediction.hpp"

#include <format>
#include <utility>

namespace dspy::server {
namespace {

Async<Prediction> run_alone(ReActAgent agent, JsonObject inputs, Run how) {
  auto outcome = co_await agent.astart(std::move(inputs), {.call = std::move(how.options)}, std::move(how.sink));
  if (outcome.hand_over)
    throw Error(Errc::config_error,
                std::format("the agent hands over to `{}`, which only a team of agents has", outcome.hand_over->to));
  if (!outcome.waiting.empty())
    throw HttpError(409, Errc::unsupported,
                    std::format("the agent's call of `{}` needs a person's consent, which this request cannot wait "
                                "for; start it with POST /v1/jobs, and decide with POST /v1/jobs/ID:approve",
                                outcome.waiting.front().tool));
  co_return std::move(outcome.prediction);
}

}  // namespace

Async<Prediction> DirectAgent::run(JsonObject inputs, Run how) const {
  return run_alone(agent_, std::move(inputs), std::move(how));
}

}  // namespace dspy::server
