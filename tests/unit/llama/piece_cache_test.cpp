#include "llama/model/piece_cache.hpp"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

namespace dspy::llama {
namespace {

/// One token for each byte.
std::vector<Token> bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

TEST_CASE("A piece of a prompt is tokenized once, as control tokens and as text apart") {
  PieceCache cache;
  int calls = 0;
  const PieceCache::Tokenize tokenize = [&](std::string_view text) {
    ++calls;
    return bytes_of(text);
  };
  std::vector<Token> tokens = {7};

  cache.append(tokens, "ab", false, tokenize);
  cache.append(tokens, "ab", false, tokenize);
  CHECK(calls == 1);
  cache.append(tokens, "ab", true, tokenize);
  CHECK(calls == 2);
  cache.append(tokens, "", false, tokenize);

  CHECK(tokens == std::vector<Token>{7, 'a', 'b', 'a', 'b', 'a', 'b'});
}

TEST_CASE("The pieces not used for longest make room, and one that would take a quarter of it is not kept") {
  PieceCache cache(4000);
  std::vector<Token> tokens;
  int calls = 0;
  const PieceCache::Tokenize tokenize = [&](std::string_view text) {
    ++calls;
    return bytes_of(text.substr(0, 1));
  };
  for (int i = 0; i < 100; ++i) {
    cache.append(tokens, "used all the time", false, tokenize);
    cache.append(tokens, "piece " + std::to_string(i), false, tokenize);
    REQUIRE(cache.bytes() <= 4000);
  }
  CHECK(calls == 101);

  cache.append(tokens, "piece 99", false, tokenize);
  CHECK(calls == 101);
  cache.append(tokens, "piece 0", false, tokenize);
  CHECK(calls == 102);
  const auto before = cache.bytes();
  cache.append(tokens, std::string(1000, 'x'), false, tokenize);
  CHECK(cache.bytes() == before);
}

TEST_CASE("Threads share the cache") {
  PieceCache cache(10'000);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        const auto text = "text " + std::to_string(i % 60);
        std::vector<Token> tokens;
        cache.append(tokens, text, false, bytes_of);
        if (tokens != bytes_of(text)) throw std::string("other tokens");
      }
    });
  }
}

}  // namespace
}  // namespace dspy::llama
