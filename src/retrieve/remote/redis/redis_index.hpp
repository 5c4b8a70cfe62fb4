#pragma once

#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieve/remote/redis/redis_server.hpp"
#include "storage/resp.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What goes to the search of Redis and comes back, without I/O.

namespace dspy::remote {

/// How an index was made.
struct RedisIndex {
  std::size_t dimensions = 0;
  Similarity similarity = Similarity::cosine;
  std::vector<std::string> numbers = {};  ///< What is compared by order.
  std::string embedder = {};
  bool is_approximate = false;
};
std::string about_text(const RedisIndex& index);
/// Throws `Error` (`config_error`) for what `about_text` did not write.
RedisIndex redis_index(std::string_view name, std::string_view about);

RedisCommand create_command(const std::string& name, const RedisIndex& index);
/// A filter as a query in dialect 2, in parentheses.  Throws `Error` (`unsupported`).
std::string redis_filter(const Filter& filter, const std::vector<std::string>& numbers);

/// The facts of a passage as one field of tags.
std::string tags_of(const Passage& passage);
/// Floats as the server keeps them: little-endian.
std::string bytes_of(const std::vector<float>& vector);
std::vector<float> vector_in(std::string_view bytes);

/// The lists of names and values in an answer.  Throws `Error` (`backend_error`) for an answer that is not a list.
std::vector<storage::RespValue> rows_of(const storage::RespValue& answer);
Passage passage_of_text(std::string_view text);
/// Nothing where the row has no passage.
std::optional<Passage> passage_of_row(const storage::RespValue& row, bool with_vector);
double number_of_row(const storage::RespValue& row, std::string_view name);

}  // namespace dspy::remote
