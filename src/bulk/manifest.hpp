#pragma once

#include "dspy/base/json.hpp"
#include "dspy/bulk/shard.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace dspy::bulk {

/// What a folder is the run of.  All shards of a run say the same.
struct Manifest {
  std::string program = {};  ///< The program's version: a digest.
  std::string inputs = {};   ///< The file, as it was named.
  std::uint64_t bytes = 0;   ///< Of the inputs.
  std::string digest = {};   ///< Of samples of the inputs.
  std::size_t shards = 1;
  std::string rule = {};
  std::vector<std::string> input_fields = {};
  std::vector<std::string> input_types = {};  ///< In their notation; empty where an older version wrote it.
  std::vector<std::string> output_fields = {};

  bool operator==(const Manifest&) const = default;
};

/// Bytes and digest of the inputs.  A large file is sampled in enough places to detect a change that moves rows; each
/// row is compared with its own sum when a run resumes.
void describe_inputs(Manifest& manifest, const std::filesystem::path& inputs);

/// Writes the manifest, unless another shard has.  Throws `Error` (`config_error`) that names what differs if the
/// folder is of another run, or holds something else.
void claim(const std::filesystem::path& folder, const Manifest& manifest);

/// Throws `Error` (`config_error`) if there is none, or it cannot be read.
Manifest read_manifest(const std::filesystem::path& folder);

}  // namespace dspy::bulk
