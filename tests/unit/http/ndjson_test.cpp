#include "dspy/http/ndjson.hpp"

#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using namespace dspy;

namespace {

std::vector<std::string> read(std::string_view text, std::size_t cut) {
  http::Ndjson values;
  std::vector<std::string> out;
  for (const auto piece : {text.substr(0, cut), text.substr(cut)}) {
    values.feed(std::string(piece));
    while (const auto value = values.next()) out.emplace_back(*value);
  }
  if (const auto value = values.finish()) out.emplace_back(*value);
  return out;
}

}  // namespace

TEST_CASE("values are lines, however they are cut") {
  constexpr std::string_view text = "\xEF\xBB\xBF{\"a\":1}\r\n\n  \n{\"b\":\"x\ry\"}\n{\"done\":true}";
  const std::vector<std::string> expected = {"{\"a\":1}", "{\"b\":\"x\ry\"}", "{\"done\":true}"};

  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    CAPTURE(cut);
    CHECK(read(text, cut) == expected);
  }
}

TEST_CASE("what is left at the end is told only where it is not blank") {
  CHECK(read("{}\n \r\n  ", 3) == std::vector<std::string>{"{}"});
  CHECK(read("", 0).empty());
}

TEST_CASE("a value beyond the limit is an error") {
  http::Ndjson values(4);
  values.feed("12345");

  CHECK_THROWS_AS(values.next(), Error);
}
