#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "dspy/retrieve/store.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

// What stores over JSON and HTTP have in common.

namespace dspy::remote {

/// A store's URI taken apart.
struct StoreUri {
  std::string base = {};  ///< `http://host:port`.
  std::string name = {};  ///< The path, without slashes at its ends.
  std::map<std::string, std::string> query = {};
};
/// `kind://host[:port]/name?…` and `kind+https://…`.  Throws `Error` (`config_error`), which does not repeat the URI.
StoreUri read_uri(std::string_view uri, std::string_view kind, unsigned default_port, bool needs_name);

/// Throws `Error` (`config_error`) unless a name begins with a letter and has letters, digits and `_` only.
void require_identifier(std::string_view name, std::string_view kind);
/// Whether the URI has `?index=hnsw`: vectors are found through a graph then, else by looking at each.  Throws `Error`
/// (`config_error`) for another index.
bool wants_graph(const StoreUri& uri, std::string_view kind);

/// The passages by the order of `ids`; those that are not among them are left out.
std::vector<Passage> in_order(const std::vector<std::string>& ids, const std::vector<Passage>& found);

/// What is known of a store without search by text; `found` is its collection, if it is there.
template <class Collection>
StoreInfo info_of(std::string_view kind, const std::optional<Collection>& found) {
  StoreInfo out{.kind = std::string(kind), .abilities = {.text_search = false}};
  if (found) {
    out.dimensions = found->dimensions;
    out.similarity = found->similarity;
    if constexpr (requires { found->embedder; }) out.embedder = found->embedder;
  }
  return out;
}

/// A server and how to talk to it.
struct Server {
  std::string kind = {};
  std::string base = {};
  std::shared_ptr<http::Transport> transport = {};
  http::Headers headers = {};
  std::vector<http::Credential> credentials = {};
  http::Timeouts timeouts = {};
  int attempts = 4;
  /// For servers that say with status 200 that something went wrong: what the body says is wrong, if anything.
  std::optional<Error> (*failure_in)(const Json& body) = nullptr;
};
Server make_server(std::string kind, std::string base, const RemoteStoreOptions& options, std::string_view header,
                   const char* variable);

struct Answer {
  int status = 0;
  Json body = {};
};

/// Sends a request, retrying it if it may succeed later, and reads the answer.  Statuses in `fine` count as answers, as
/// 2xx do; others throw `Error`: `authentication_failed`, `refused`, `unavailable`, …
Async<Answer> ask(Server server, std::string method, std::string path, JsonObject body, std::stop_token stop = {},
                  std::vector<int> fine = {});

/// The member, or an `Error` (`backend_error`) that names it: the server left out something required.
const Json& member(const Json& json, std::string_view name, std::string_view kind);
const JsonArray& list(const Json& json, std::string_view kind);
JsonArray numbers(const std::vector<float>& vector);
std::vector<float> vector_of(const Json& json, std::string_view kind);

[[noreturn]] void unsupported(std::string_view kind, std::string_view what);
/// Throws unless each passage has a vector.
void require_vectors(const std::vector<Passage>& passages, std::string_view kind);
void require_vector_search(const StoreQuery& query, std::string_view kind);

/// The filter with `not` before single conditions only, and `ne` and `nin` expressed by it.
Filter pushed_down(const Filter& filter, bool is_negated = false);

/// The comparable value: a number as a float; an integer that a float rounds is refused.
Json comparable(const Json& value, std::string_view kind);

/// A UUID (version 8, RFC 9562) that stands for an id.
std::string uuid_of(std::string_view id);

/// A passage's fields as one JSON object, and back, for stores that keep any.
JsonObject payload_of(const Passage& passage);
Passage passage_of(const JsonObject& payload);

/// A hit of a server that gives similarities or distances.
Hit hit_of(Passage passage, double score, double own_number, std::size_t rank);

}  // namespace dspy::remote
