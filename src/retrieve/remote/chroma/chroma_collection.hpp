#pragma once

#include "dspy/base/async.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieve/remote/rest.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

// A Chroma store's collection: found, or made once.

namespace dspy::remote::chroma {

inline constexpr std::string_view kind = "chroma";

struct Collection {
  std::string path = {};  ///< `…/collections/<uuid>`.
  std::size_t dimensions = 0;
  Similarity similarity = Similarity::cosine;
};

struct State {
  remote::Server server;
  std::string path;  ///< `…/collections`.
  std::string name;
  RemoteStoreOptions options;
  std::mutex mutex;
  std::optional<Collection> collection;
  std::size_t batch = 0;
};
using Shared = std::shared_ptr<State>;

/// The collection, if it is there.
Async<std::optional<Collection>> find(Shared state);
/// Throws `Error` (`config_error`) if it is not there and may not be made.
Async<Collection> find_or_make(Shared state);

/// The most passages that one request may have.
Async<std::size_t> batch_of(Shared state);

}  // namespace dspy::remote::chroma
