#include "llama/sampling/stop_matcher.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace dspy::llama {
namespace {

TEST_CASE("a stop is found across pieces, and only what may start one is held back") {
  struct Case {
    std::vector<std::string> stops;
    std::vector<std::string> pieces;
    std::vector<std::string> released;
    std::string rest;
    bool stopped;
  };
  const std::vector<Case> cases = {
      {{}, {"a", "b"}, {"a", "b"}, "", false},
      {{"END"}, {"the E", "N", "D of"}, {"the ", "", ""}, "", true},
      {{"END"}, {"the E", "N", "T"}, {"the ", "", "ENT"}, "", false},
      {{"END"}, {"xEN"}, {"x"}, "EN", false},
      {{"\n\n"}, {"a\n", "\n\nb"}, {"a", ""}, "", true},
      {{"aab"}, {"aaa", "b"}, {"a", ""}, "", true},
      {{"later", "now"}, {"now or later"}, {""}, "", true},
      {{"", "x"}, {"ab", "cx"}, {"ab", "c"}, "", true},
      {{"STOP", "ST"}, {"S", "T"}, {"", ""}, "", true},
      {{"é"}, {"caf\xC3", "\xA9!"}, {"caf", ""}, "", true},
  };
  for (const auto& [stops, pieces, released, rest, stopped] : cases) {
    CAPTURE(pieces.front());
    StopMatcher matcher(stops);
    std::vector<std::string> out;
    for (const auto& piece : pieces) out.push_back(matcher.push(piece));
    CHECK(out == released);
    CHECK(matcher.stopped() == stopped);
    CHECK(matcher.finish() == rest);
  }
}

TEST_CASE("after a stop nothing more comes") {
  StopMatcher matcher({"."});
  CHECK(matcher.push("One. Two") == "One");
  CHECK(matcher.push("Three") == "");
  CHECK(matcher.finish() == "");
}

}  // namespace
}  // namespace dspy::llama
