#include "providers/openai/repeated_chunk.hpp"

#include "dspy/base/json.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "providers/protocol.hpp"

#include <doctest/doctest.h>

#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace dspy;
using providers::openai::RepeatedChunk;

namespace {

std::string chunk(std::string_view content, std::string_view more = "") {
  return std::format(
      R"({{"id":"c1","model":"m","choices":[{{"index":0,"delta":{{"content":{}{}}},"finish_reason":null}}]}})", content,
      more);
}

std::optional<std::string_view> learnt(std::string_view data, std::string_view text, std::string_view next) {
  RepeatedChunk repeated;
  repeated.learn(data, text);
  return repeated.text_of(next);
}

/// The plain body of a stream of these chunks, and the text that was handed out on the way.
struct Read {
  JsonObject body;
  std::string told;
};

Read reduced(const std::vector<std::string>& chunks) {
  Read out;
  const EventSink sink = [&](const StreamEvent& event) { out.told += event.text; };
  providers::Emitter emitter(sink);
  const auto reducer = providers::chat_protocol.reduce(*find_dialect("compatible"));
  for (const auto& each : chunks) reducer->push({.data = each}, emitter);
  out.body = reducer->finish();
  return out;
}

std::string text_of(const JsonObject& body) {
  return std::string(view(body.at("choices").at(0).at("message").at("content").as_string()));
}

const std::string end = R"({"id":"c1","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})";

}  // namespace

TEST_CASE("A chunk that differs in its text only is taken apart without being read") {
  CHECK(learnt(chunk(R"("one")"), "one", chunk(R"("two")")) == "two");
  CHECK(learnt(chunk(R"("one")"), "one", chunk(R"("")")) == "");
  CHECK(learnt(chunk(R"("one")"), "one", chunk("\"Ärger 日本\"")) == "Ärger 日本");
  CHECK(learnt(chunk(R"( "one")"), "one", chunk(R"( "two")")) == "two");
}

TEST_CASE("Padding of different lengths does not tell chunks apart") {
  const auto padded = [](std::string_view content, std::string_view padding) {
    auto out = chunk(content);
    out.pop_back();
    return out + std::format(R"(,"obfuscation":{}}})", padding);
  };
  CHECK(learnt(padded(R"("one")", R"("abc")"), "one", padded(R"("two")", R"("x1Yz")")) == "two");
  CHECK(learnt(padded(R"("one")", R"("abc")"), "one", padded(R"("two")", R"("")")) == "two");
  CHECK_FALSE(learnt(padded(R"("one")", R"("abc")"), "one", chunk(R"("two")")));
  CHECK_FALSE(learnt(chunk(R"("one")"), "one", padded(R"("two")", R"("abc")")));
  CHECK_FALSE(learnt(padded(R"("one")", R"("abc")"), "one", padded(R"("two")", R"("a\"b")")));
  CHECK_FALSE(learnt(padded(R"("one")", R"("abc")"), "one", padded(R"("two")", R"("a","error":"b")")));
}

TEST_CASE("A text that is not its own JSON is left to the reader, and so is any other chunk") {
  CHECK_FALSE(learnt(chunk(R"("one")"), "one", chunk(R"("a\nb")")));
  CHECK_FALSE(learnt(chunk(R"("one")"), "one", chunk("\"a\nb\"")));
  CHECK_FALSE(learnt(chunk(R"("one")"), "one", chunk(R"("two","role":"x")")));
  CHECK_FALSE(learnt(chunk(R"("one")"), "one", chunk(R"("x"},"finish_reason":"stop"}],"y":[{"d":{"z":"")")));
  CHECK_FALSE(learnt(chunk(R"("one")"), "one", chunk("\"\xff\"")));
  CHECK_FALSE(learnt(chunk(R"("one")"), "one", end));
  CHECK_FALSE(learnt(chunk(R"("one")"), "one", ""));
  // Learnt from what is not clear.
  CHECK_FALSE(learnt(chunk(R"("a\nb")"), "a\nb", chunk(R"("two")")));
  CHECK_FALSE(learnt(chunk(R"("one","content":"one")"), "one", chunk(R"("two","content":"one")")));
  CHECK_FALSE(learnt(chunk(R"("one","content" : "one")"), "one", chunk(R"("two","content" : "one")")));
  CHECK_FALSE(learnt(R"({"x":{"content":"one"}})", "one", R"({"x":{"content":"two"}})"));
  CHECK_FALSE(learnt("not JSON \"content\":\"one\"", "one", "not JSON \"content\":\"two\""));
}

TEST_CASE("A stream of chunks that are alike gives what one of chunks that are not gives") {
  std::vector<std::string> alike, unlike;
  std::string whole;
  int number = 0;
  for (const std::string_view piece :
       {"Rome", " is", " \\\"old\\\"", ".", "", "\\u00e9", " \xc3\xa4", "\\n", "end", "content\\\":\\\"x"}) {
    const auto quoted = std::format("\"{}\"", piece);
    alike.push_back(chunk(quoted));
    unlike.push_back(chunk(quoted, std::format(R"(,"note":{})", number++ % 2 == 0 ? "null" : "\"\"")));
    whole += view(parse_json(quoted)->as_string());
  }
  // Something else in between, then more of the same.
  alike.insert(alike.begin() + 3,
               R"({"id":"c1","model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":9}})");
  alike.push_back(chunk(R"(null,"reasoning_content":"hm")"));
  alike.push_back(chunk(R"(" more")"));
  alike.push_back(end);
  unlike.push_back(chunk(R"(" more","note":null)"));
  unlike.push_back(end);

  const auto quick = reduced(alike), slow = reduced(unlike);

  CHECK(text_of(quick.body) == whole + " more");
  CHECK(text_of(slow.body) == whole + " more");
  CHECK(quick.told == whole + "hm more");
  CHECK(slow.told == whole + " more");
  CHECK(quick.body.at("usage").at("completion_tokens") == 9);
}

TEST_CASE("A content that becomes a list of parts ends the quick way") {
  const auto read =
      reduced({chunk(R"("a")"), chunk(R"("b")"), chunk(R"([{"type":"text","text":"c"}])"), chunk(R"("d")"), end});

  CHECK(to_text(read.body.at("choices").at(0).at("message").at("content")) == R"([{"type":"text","text":"abcd"}])");
  CHECK(read.told == "abcd");
}
