// What the registry keeps as text: versions and lineages are read back the same, or refused with an error; a program
// whose interface did not change gets the next patch.

#include "dspy/base/error.hpp"
#include "dspy/programs/program_file.hpp"
#include "dspy/registry/semantic_version.hpp"
#include "registry/lineage.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace dspy;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto version = parse_version(text);
    if (parse_version(to_string(version)) != version) std::abort();
  } catch (const Error&) {
    // A refusal with a message is an answer.
  }
  try {
    const auto written = to_text(to_json(lineage_of(text)));
    if (to_text(to_json(lineage_of(written))) != written) std::abort();
  } catch (const Error&) {
    // The same.
  }
  try {
    const auto interface = interface_of(read_program(text, {.accept_changed = true}));
    if (!interface_changes(interface, interface).empty()) std::abort();
    if (next_version({}, interface, interface) != SemanticVersion{.patch = 1}) std::abort();
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
