#pragma once

#include "dspy/server/traces/trace_record.hpp"
#include "dspy/server/traces/trace_store.hpp"
#include "dspy/storage/database.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dspy::server {

/// Rows from traces.  For one thread.
class TraceWriter {
 public:
  TraceWriter(const std::filesystem::path& path, const TraceStoreOptions& options);

  /// Stores all of them, or throws `Error` (`io_error`) and stores none.  Existing ones are not changed.
  void write(std::vector<TraceRecord>& records);
  bool remove(const std::string& tenant, const std::string& id);
  void add_feedback(const std::string& tenant, const Feedback& feedback);
  /// How many traces went.
  std::size_t retain(std::int64_t now_ns);

 private:
  void write(TraceRecord& record);
  std::string span_text(JsonObject& span) const;
  void remove_row(std::int64_t number);
  std::size_t remove_oldest(std::optional<std::int64_t> before_ns, std::size_t most);
  std::size_t count();
  std::uint64_t used_bytes();

  const TraceStoreOptions* options_;
  storage::Database database_;
  storage::Statement find_, insert_trace_, insert_span_, insert_text_;
};

/// How a name is written into the column `tags`, so that it is one word for the full-text index.
std::string tag(char kind, std::string_view name);

}  // namespace dspy::server
