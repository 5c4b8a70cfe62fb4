#pragma once

#include "dspy/retrieve/passage.hpp"

#include <filesystem>
#include <vector>

namespace dspy::app {

/// The passages of a JSONL file: `{"text", "id", "source", "begin", "end", "metadata", "vector"}` a line, of which
/// `text` must be there; other members are metadata.  Without `id` it is the file's name and the line.  Throws `Error`
/// (`bad_input`) that names file and line.
std::vector<Passage> read_passages(const std::filesystem::path& path);

}  // namespace dspy::app
