#include "retrieve/remote/redis/redis_lookup.hpp"

#include "dspy/base/error.hpp"
#include "retrieve/remote/facts.hpp"

#include <format>
#include <utility>

namespace dspy::remote::redis {

using storage::RespValue;

Async<RespValue> ask(Shared state, RedisCommand command, std::stop_token stop) {
  auto answers = co_await ask_redis(state->server, {std::move(command)}, std::move(stop));
  co_return std::move(answers.front());
}

Async<std::optional<RedisIndex>> find(Shared state) {
  {
    const std::lock_guard lock(state->mutex);
    if (state->found) co_return state->found;
  }
  RedisCommand get{"GET", state->name + ":about"};
  const auto about = co_await ask(state, std::move(get));
  if (about.kind != RespValue::Kind::text) co_return std::nullopt;
  const auto found = redis_index(state->name, about.text);
  const auto& wanted = state->options;
  if (wanted.similarity && *wanted.similarity != found.similarity)
    throw Error(Errc::config_error, std::format("the index `{}` compares by {}, not by {}", state->name,
                                                to_string(found.similarity), to_string(*wanted.similarity)));
  if (!wanted.embedder.empty() && !found.embedder.empty() && wanted.embedder != found.embedder)
    throw Error(Errc::config_error, std::format("the vectors of the index `{}` were made with {}, not with {}",
                                                state->name, found.embedder, wanted.embedder));
  require_numbers(found.numbers, state->numbers, kind);
  const std::lock_guard lock(state->mutex);
  state->found = found;
  co_return found;
}

Async<RedisIndex> find_or_make(Shared state, std::size_t dimensions) {
  auto found = co_await find(state);
  {
    const std::lock_guard lock(state->mutex);
    if (found && state->is_made) co_return *found;
  }
  if (!found) {
    if (!state->options.create) throw Error(Errc::config_error, "there is no such index, and none may be made");
    const RedisIndex wanted{.dimensions = dimensions,
                            .similarity = state->options.similarity.value_or(Similarity::cosine),
                            .numbers = state->numbers,
                            .embedder = state->options.embedder,
                            .is_approximate = state->is_approximate};
    RedisCommand set{"SET", state->name + ":about", about_text(wanted), "NX"};
    co_await ask(state, std::move(set));
    found = co_await find(state);
    if (!found)
      throw Error(Errc::backend_error, std::format("the index `{}` was removed while it was made", state->name));
  }
  std::vector<RedisCommand> make{create_command(state->name, *found)};
  co_await ask_redis(state->server, std::move(make), {}, "already exists");
  const std::lock_guard lock(state->mutex);
  state->is_made = true;
  co_return *found;
}

}  // namespace dspy::remote::redis
