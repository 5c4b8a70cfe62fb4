#pragma once

#include "dspy/base/secret.hpp"

#include <string>
#include <string_view>

namespace dspy::remote {

/// A URI of a PostgreSQL store: libpq's, with two members of its query that are ours, `table` and `index`.
struct PostgresUri {
  Secret address = {};       ///< For libpq, without our members.
  std::string table = {};    ///< Quoted, `"schema"."name"` where it has a schema.
  bool wants_index = false;  ///< `index=hnsw`.
};

/// Throws `Error` (`config_error`), which does not repeat the URI.
PostgresUri read_postgres_uri(std::string_view uri);

}  // namespace dspy::remote
