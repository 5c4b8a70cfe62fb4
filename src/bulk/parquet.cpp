#include "bulk/row_source.hpp"
#include "dspy/base/error.hpp"

#include <filesystem>
#include <format>
#include <memory>

namespace dspy::bulk {

#ifndef DSPY_WITH_PARQUET
std::unique_ptr<RowSource> open_parquet(const std::filesystem::path& path) {
  throw Error(Errc::unsupported,
              std::format("`{}` cannot be read: this build has no Arrow, which reads Parquet; install libparquet-dev "
                          "and build again, or convert the file to .jsonl",
                          path.string()));
}
#endif

}  // namespace dspy::bulk
