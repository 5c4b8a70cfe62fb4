#include "llama/thoughts.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

using namespace dspy;
using namespace dspy::llama;

namespace {

struct Split {
  std::string reasoning;
  std::string text;
  std::size_t answer_start = 0;

  bool operator==(const Split&) const = default;
};

Split in_pieces(const std::vector<std::string_view>& pieces) {
  Split out;
  ThoughtSplitter splitter;
  const auto sort = [&](StreamEvent::Kind kind, std::string_view text) {
    CHECK_FALSE(text.empty());
    (kind == StreamEvent::Kind::text ? out.text : out.reasoning) += text;
  };
  for (const auto piece : pieces) splitter.push(piece, sort);
  splitter.finish(sort);
  out.answer_start = splitter.answer_start();
  return out;
}

}  // namespace

TEST_CASE("Thoughts at the beginning are split from the answer, however the text is cut") {
  const std::vector<std::pair<std::string, Split>> cases = {
      {"", {"", "", 0}},
      {"Answer: 4", {"", "Answer: 4", 0}},
      {" <", {"", " <", 0}},
      {"<thinking> 4", {"", "<thinking> 4", 0}},
      {"<think>2+2</think>4", {"2+2", "4", 18}},
      {"\n<think>\n two\n lines \n</think>\n\n Answer: 4 \n", {"two\n lines", "Answer: 4 \n", 33}},
      {"<think></think>4", {"", "4", 15}},
      {"<think>\n\n</think>\n\n4", {"", "4", 19}},
      {"<think>a </thin b</think> x <think>no</think>", {"a </thin b", "x <think>no</think>", 26}},
      {"<think>cut off \n", {"cut off", "", 16}},
      {"<think>cut </thi", {"cut </thi", "", 16}},
      {"<think>done</think> \n", {"done", "", 21}},
      {"4 <think>late</think>", {"", "4 <think>late</think>", 0}},
  };
  std::mt19937 random(5);
  for (const auto& [text, expected] : cases) {
    CAPTURE(text);
    CHECK(in_pieces({text}) == expected);
    for (int round = 0; round < 50; ++round) {
      std::vector<std::string_view> pieces;
      for (std::string_view rest = text; !rest.empty();) {
        const auto size = std::min<std::size_t>(rest.size(), 1 + random() % 4);
        pieces.push_back(rest.substr(0, size));
        rest.remove_prefix(size);
      }
      CHECK(in_pieces(pieces) == expected);
    }
  }
}

TEST_CASE("A completion's thoughts move, and the places to resume from with the answer") {
  Completion completion{.text = "<think>Label: no</think>\nLabel: yes",
                        .resume_points = {{"label", 13}, {"label", 31}}};

  split_thoughts(completion);

  CHECK(completion.reasoning == "Label: no");
  CHECK(completion.text == "Label: yes");
  CHECK(completion.resume_points == std::vector<ResumePoint>{{"label", 6}});
}

TEST_CASE("What a reply begins with is joined as it is split") {
  const Prefill prefill{.reasoning = "two\nlines", .text = "Label:"};

  Completion completion{.text = joined(prefill)};
  split_thoughts(completion);

  CHECK(completion.reasoning == prefill.reasoning);
  CHECK(completion.text == prefill.text);
  CHECK(joined({.text = "Label:"}) == "Label:");
}
