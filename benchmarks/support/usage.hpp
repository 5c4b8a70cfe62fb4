#pragma once

#include <cstdio>
#include <optional>
#include <string_view>

namespace dspy::bench {

/// The exit status of a program that is not to run: `--help` prints `text`, and an option that does not stand in it is
/// an error.  `./dev bench` gives every program the options of Google Benchmark, which the others ignore.
inline std::optional<int> usage(int argc, char** argv, std::string_view text) {
  const auto has = [&](std::string_view option) {
    for (auto at = text.find(option); at != std::string_view::npos; at = text.find(option, at + 1)) {
      const auto end = at + option.size();
      if (end == text.size() || std::string_view(" ]|,.\n").contains(text[end])) return true;
    }
    return false;
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      std::fwrite(text.data(), 1, text.size(), stdout);
      return 0;
    }
    if (!argument.starts_with("-") || argument.starts_with("--benchmark_") || has(argument)) continue;
    std::fprintf(stderr, "There is no option %s.\n%.*s", argv[i], static_cast<int>(text.size()), text.data());
    return 2;
  }
  return std::nullopt;
}

}  // namespace dspy::bench
