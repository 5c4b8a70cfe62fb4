#pragma once

#include "dspy/signature/example.hpp"
#include "dspy/signature/signature.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

// Datasets are vectors of `Example`; here is where they come from and how they are divided.  All that is drawn depends
// on the seed alone, and is the same on every machine.

namespace dspy {

/// A row of a data file.
struct DataRow {
  std::size_t line = 1;  ///< On which it begins.
  JsonObject values = {};
  std::string problem = {};  ///< Why there are no values; empty if there are.
};

/// Visits the rows of a file in order: JSONL (an object a line), JSON (a list of objects) or CSV (RFC 4180, with a
/// header).  The format is the file's ending.  With a signature, a cell of a CSV file takes the type of its field, and
/// an empty one is absent unless the field is text; without one, cells are text.  JSONL and CSV are read as they are
/// visited.  Throws `Error` if the file as a whole cannot be read.
void each_row(const std::filesystem::path& path, const Signature* signature,
              const std::function<void(DataRow row)>& visit);

/// What of a file's columns is what.
struct DatasetOptions {
  /// Gives columns their sides and types; the members below go before it.
  const Signature* signature = nullptr;
  std::vector<std::string> inputs = {};   ///< Columns that programs are given.  None and no signature: an error.
  std::vector<std::string> outputs = {};  ///< Empty: the signature's, else every other column.
  std::vector<std::string> needed = {};   ///< Columns that every row must have besides its inputs, such as a label.
  std::size_t limit = 0;                  ///< Of rows read; 0: all.
};

/// The examples of a file.  Throws `Error` (`bad_input`) that names the line of a row that cannot be read or lacks an
/// input column, (`io_error`) for the file.
std::vector<Example> read_dataset(const std::filesystem::path& path, const DatasetOptions& options);

/// Writes one JSON object a line.
void write_dataset(const std::filesystem::path& path, const std::vector<Example>& examples);

/// The same examples with these columns as inputs, the others as outputs.  Throws `Error` (`bad_input`) that names the
/// first example that lacks one.
std::vector<Example> with_inputs(std::vector<Example> examples, const std::vector<std::string>& inputs);

std::vector<Example> shuffled(std::vector<Example> examples, std::uint64_t seed);

/// `count` different ones, in the order drawn.  Throws `Error` (`invalid_parameter`) if there are not as many.
std::vector<Example> sampled(const std::vector<Example>& examples, std::size_t count, std::uint64_t seed);

/// Shuffles, and divides in two: `share` (0 to 1) of them, at least one on each side, and the rest.
std::pair<std::vector<Example>, std::vector<Example>> split(std::vector<Example> examples, double share,
                                                            std::uint64_t seed);

}  // namespace dspy
