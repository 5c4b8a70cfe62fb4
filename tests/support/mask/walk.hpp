#pragma once

#include "llama/mask/matcher.hpp"

#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::test {

/// A model that knows nothing: takes any allowed token, and forced runs as they come.  Now and then it writes one of
/// `exits`, texts that end what is being written, since by chance it would hardly ever do so.  Nothing if the reply did
/// not end within `most_steps`.
inline std::optional<std::string> random_reply(llama::mask::Matcher matcher, std::mt19937_64& random,
                                               std::span<const std::string> exits, int most_steps = 3000) {
  using namespace llama::mask;
  const auto& vocabulary = matcher.constraint().vocabulary();
  const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
  std::string out;
  for (int step = 0; step < most_steps; ++step) {
    if (matcher.finished() || (matcher.may_end() && below(3) == 0)) return out;
    const auto run = matcher.forced();
    for (const auto token : *run) {
      if (!matcher.accept(token)) return std::nullopt;
      out += vocabulary.piece(token);
    }
    if (!run->empty()) continue;
    if (below(4) == 0) {
      const auto& exit = exits[below(exits.size())];
      if (matcher.accept_text(exit)) {
        out += exit;
        continue;
      }
    }
    const auto mask = matcher.allowed();
    std::vector<Token> allowed(mask->tokens().begin(), mask->tokens().end());
    for (std::size_t at = 0; !mask->is_list() && at < vocabulary.size(); ++at) {
      if (mask->allows(static_cast<Token>(at))) allowed.push_back(static_cast<Token>(at));
    }
    if (allowed.empty()) return std::nullopt;
    const auto token = allowed[below(allowed.size())];
    if (vocabulary.is_end(token)) return out;
    if (!matcher.accept(token)) return std::nullopt;
    out += vocabulary.piece(token);
  }
  return std::nullopt;
}

}  // namespace dspy::test
