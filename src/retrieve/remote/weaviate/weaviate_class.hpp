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
#include <vector>

// A Weaviate store's class: found, or made once.

namespace dspy::remote::weaviate {

inline constexpr std::string_view kind = "weaviate";

/// What is known of the class.
struct Class {
  std::size_t dimensions = 0;
  Similarity similarity = Similarity::cosine;
  std::vector<std::string> numbers = {};
};

struct State {
  remote::Server server;
  std::string name;
  std::vector<std::string> numbers;
  bool is_approximate = false;
  RemoteStoreOptions options;
  std::mutex mutex;
  std::optional<Class> found;  ///< Once it is known to be there.
};
using Shared = std::shared_ptr<State>;

/// The class, if it is there.
Async<std::optional<Class>> find(Shared state);
/// Throws `Error` (`config_error`) if it is not there and may not be made, or is of something else.
Async<Class> find_or_make(Shared state, std::size_t dimensions);

}  // namespace dspy::remote::weaviate
