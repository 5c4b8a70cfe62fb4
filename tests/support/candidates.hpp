#pragma once

#include "written_values.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <format>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Replies that hold two values for a field.

namespace dspy::test {

/// Replies with two different values for the first output, each with what it is.
inline std::vector<std::pair<std::string, std::string>> replies_with_two(const std::string& first,
                                                                         const std::string& second,
                                                                         const std::string& part) {
  return {
      {"one after the other", first + "\n\n" + second},
      {"on lines that follow", first + "\n" + second},
      {"with a word between", first + "\nor\n" + second},
      {"corrected", first + "\n\nWait, that is wrong. Corrected:\n\n" + second},
      {"in fences", "```\n" + first + "\n```\n\n```\n" + second + "\n```"},
      {"behind an example", "Example:\n" + first + "\n\nReply:\n" + second},
      {"a part after the whole", first + "\n" + part},
      {"a part before the whole", part + "\n" + first},
      {"a part after a rule", first + "\n\n---\n\n" + part},
      {"a part in a list before the whole", "- " + part + "\n\n" + first},
  };
}

/// Reads such replies of `count` signatures: each is refused or flagged, whichever value it is read as.
inline void check_candidates(const Adapter& adapter, const Adapter& other, std::uint64_t first_seed,
                             std::uint64_t count) {
  std::size_t read = 0;
  std::size_t all = 0;
  for (auto seed = first_seed; seed < first_seed + count; ++seed) {
    CAPTURE(seed);
    SignatureMaker maker(seed);
    const auto signature = maker.make();
    auto one = signature;
    one.outputs.resize(1);
    ValueMaker values(maker.random());
    const auto a = random_outputs(values, signature);
    const auto b = random_outputs(values, signature);
    const auto& name = signature.outputs[0].name;
    if (to_text(a.at(name)) == to_text(b.at(name))) continue;
    const auto first = written(adapter, signature, a);
    const auto second = written(other, signature, b);
    const auto part = written(other, one, {{name, b.at(name)}});
    if (!first || !second || !part) continue;
    auto replies = replies_with_two(*first, *second, *part);
    for (auto& reply : replies_with_two(*second, *first, *first)) replies.push_back(std::move(reply));
    for (const auto& [what, reply] : replies) {
      ++all;
      const auto reading = adapter.parse(signature, reply);
      if (!reading) continue;
      ++read;
      if (!reading->flags.empty()) continue;
      // Both are in the text of an output, of the last one where labels are read: it goes on to the end.
      const auto& value = reading->outputs.at(name);
      const auto is_one = [&](std::string_view output) {
        const auto got = to_text(reading->outputs.at(output));
        return got == to_text(a.at(output)) || got == to_text(b.at(output));
      };
      if (!is_one(name) || !is_one(signature.outputs.back().name)) continue;
      CAPTURE(to_notation(signature));
      CAPTURE(reply);
      CHECK_MESSAGE(false, what << ", and read as " << to_text(value) << " alone");
    }
  }
  MESSAGE(read << " of " << all << " are read");
}

}  // namespace dspy::test
