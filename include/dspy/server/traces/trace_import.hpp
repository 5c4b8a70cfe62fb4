#pragma once

#include "dspy/server/traces/trace_record.hpp"
#include "dspy/server/traces/trace_store.hpp"

#include <cstddef>
#include <functional>
#include <istream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {

/// Assembles complete traces from the lines of a trace file (`JsonlTrace`).  A trace's id is derived from its content,
/// so reading a file twice gives the same ids.
class TraceAssembler {
 public:
  /// `origin.id` is not used.
  TraceAssembler(TraceOrigin origin, std::function<void(TraceRecord)> keep);

  /// One line.  Throws `Error` (`bad_input`) that says why it is not a span.
  void add(std::string_view line);
  /// After the last one: spans whose root never ended become unfinished traces.
  void finish();

 private:
  void gather(std::uint64_t id, std::vector<JsonObject>& out);
  void keep(std::uint64_t root, bool is_finished);

  TraceOrigin origin_;
  std::function<void(TraceRecord)> keep_;
  std::map<std::uint64_t, JsonObject> waiting_;  ///< Spans whose parent has not ended.
  std::map<std::uint64_t, std::vector<std::uint64_t>> children_;
};

struct ImportedTraces {
  std::size_t traces = 0;
  std::size_t spans = 0;
  std::size_t bad_lines = 0;
  std::string first_problem = {};  ///< Of the first bad line.
};

/// Reads a trace file into the store, and waits until it is kept.  Throws `Error` (`io_error`) if the store does not
/// take it.
ImportedTraces import_traces(TraceStore& store, std::istream& file, const TraceOrigin& origin);

}  // namespace dspy::server
