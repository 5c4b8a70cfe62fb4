#pragma once

#include "dspy/base/clock.hpp"
#include "dspy/bulk/run.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace dspy::bulk {

enum class ShardState : std::uint8_t { running, stopped, complete };

std::string_view to_string(ShardState state) noexcept;

/// What a shard's folder says of itself.
struct ShardProgress {
  BulkProgress progress = {};
  ShardState state = ShardState::running;
  std::int64_t updated = 0;  ///< In seconds since 1970.
};

/// Writes `progress.json` whole or not at all.  A disk that is full is not this file's to tell.
void write_progress(const std::filesystem::path& folder, const BulkProgress& progress, ShardState state,
                    const Clock& clock) noexcept;
/// Nothing if there is none that can be read.
std::optional<ShardProgress> read_progress(const std::filesystem::path& folder);

}  // namespace dspy::bulk
