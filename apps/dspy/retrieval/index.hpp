#pragma once

#include "command.hpp"
#include "dspy/lm/embedder.hpp"

#include <CLI/CLI.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dspy::app {

/// Flags of `index` and its commands.
struct IndexFlags {
  std::string store;
  std::vector<std::string> files;
  std::string embedder;
  std::string similarity;
  std::string cache;
  std::size_t batch = 64;
  std::size_t tokens = 320;
  std::string method = "automatic";
  double overlap = 0.1;
  bool half = false;
  bool passages = false;
  bool compact = false;
  std::string query;
  std::string filter;
  std::size_t k = 5;
  bool hybrid = false;
  bool exact = false;
  std::string reranker;
  std::optional<double> diversity;
  std::size_t samples = 0;
  bool give_up_damaged = false;
  bool json = false;
};

/// Checks a number that may not be 0.
inline CLI::Validator at_least_one() {
  return {[](const std::string& text) {
            std::size_t number = 0;
            const bool is_number = CLI::detail::lexical_cast(text, number) && number >= 1 && number <= 1'000'000'000;
            return is_number ? std::string() : "`" + text + "` is not a whole number from 1 to 1,000,000,000";
          },
          "from 1"};
}

/// Nothing where no embedder is named.
std::shared_ptr<Embedder> make_embedder(const IndexFlags& flags);
/// A server's store, not a folder.
bool is_uri(const std::string& store);
int run_index_build(const IndexFlags& flags);

void add_index(CLI::App& app, Plan& plan);

}  // namespace dspy::app
