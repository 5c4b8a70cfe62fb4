// Lines of trace files, and what people type into the search: neither may crash, and no search may be an error of SQL.

#include "dspy/base/error.hpp"
#include "dspy/server/traces/trace_import.hpp"
#include "dspy/server/traces/trace_record.hpp"
#include "dspy/server/traces/trace_store.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <string>
#include <string_view>

namespace {

dspy::server::TraceStore& store() {
  static const auto path =
      std::filesystem::temp_directory_path() / std::format("dspy-fuzz-traces-{}.sqlite", ::getpid());
  static dspy::server::TraceStore made(path);
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  dspy::server::TraceAssembler assembler({}, [](dspy::server::TraceRecord record) {
    // A trace that was put together can be summed up.
    if (dspy::server::summary_of(record).status.empty()) std::abort();
  });
  for (auto rest = text; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto added = dspy::attempt([&] { assembler.add(rest.substr(0, end)); });
    if (!added && added.error().code() != dspy::Errc::bad_input) std::abort();
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  assembler.finish();
  const auto found = dspy::attempt([&] { return store().list({.text = std::string(text)}); });
  if (!found) std::abort();
  return 0;
}
