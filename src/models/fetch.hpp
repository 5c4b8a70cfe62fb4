#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/models/pull.hpp"
#include "dspy/models/store.hpp"
#include "models/transfer.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace dspy::models {

/// A file to download into a folder.
struct FetchJob {
  RemoteFile file = {};
  std::optional<Present> present = {};  ///< The file of that address that is there already.
  std::filesystem::path folder = {};
  Secret token = {};
  std::shared_ptr<http::Transport> transport = {};
  PullOptions options = {};
};

/// How many bytes of a file are still to come into a folder; 0 where its size is not known.
std::uint64_t missing_bytes(const RemoteFile& file, const std::filesystem::path& folder);
/// Fetches a file, or the rest of it, as its `.part`.  Returns what is to be kept of it, or nothing where `present` is
/// still the same; adds the bytes that came to `fetched`.  Throws what `pull` throws.
Async<std::optional<KeptFile>> fetch(FetchJob job, std::uint64_t& fetched);
/// Puts what `fetch` brought in its place.
void put_in_place(const std::filesystem::path& folder, const std::string& name);

}  // namespace dspy::models
