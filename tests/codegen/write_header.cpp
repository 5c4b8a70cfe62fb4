// write_header SIGNATURE.txt NAME HEADER: what `dspy codegen` does, without the rest of the command line.  A signature
// ends at the first blank line; behind it stand values for the test.

#include "dspy/base/file.hpp"
#include "dspy/programs/codegen.hpp"

#include <cstdio>
#include <exception>
#include <filesystem>

int main(int count, char** arguments) try {
  if (count != 4) return 2;
  const auto text = dspy::read_file(arguments[1], 1 << 20);
  const auto signature = dspy::Signature::parse(text.substr(0, text.find("\n\n")));
  const auto source = std::filesystem::path(arguments[1]).filename().string();
  dspy::replace_file(arguments[3],
                     dspy::to_cpp(signature, {.name = arguments[2], .name_space = "made", .source = source}));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s: %s\n", arguments[1], error.what());
  return 1;
}
