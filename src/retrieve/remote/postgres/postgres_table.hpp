#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieve/remote/postgres/postgres_connection.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// A PostgreSQL store's table: found, or made once.

namespace dspy::remote::postgres {

inline constexpr std::string_view kind = "postgres";

struct Table {
  std::size_t dimensions = 0;
  Similarity similarity = Similarity::cosine;
  std::string embedder = {};
  bool has_index = false;  ///< An approximate one.
};

struct State {
  explicit State(Secret address, RemoteStoreOptions given)
      : pool(std::move(address), given.attempts, given.timeouts.total.value_or(given.timeouts.first_byte)),
        options(std::move(given)) {}

  remote::PostgresPool pool;
  RemoteStoreOptions options;
  std::string table;  ///< Quoted.
  bool wants_index = false;
  std::mutex mutex;
  std::optional<Table> found;
};
using Shared = std::shared_ptr<State>;

/// How pgvector writes the distance between two vectors.
std::string_view operator_of(Similarity similarity);

/// The table, if it is there.
Async<std::optional<Table>> find(Shared state);
/// Throws `Error` (`config_error`) if it is not there and may not be made, or holds something else.
Async<Table> find_or_make(Shared state, std::size_t dimensions);

}  // namespace dspy::remote::postgres
