#include "dspy/adapters/field_adapter.hpp"
#include "streamed.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace dspy;

namespace {

/// Feeds a stream piece by piece and notes the events after each.
class Feeder {
 public:
  explicit Feeder(std::string_view notation)
      : stream_(FieldAdapter().prepare(std::make_shared<const Signature>(Signature::parse(notation)))->open_stream()) {}

  /// The events that `piece` causes: `field=text`, with `!` for a restart and `.` for the end.
  std::string push(std::string_view piece) {
    return collect([&](const FieldSink& sink) { stream_->push(piece, sink); });
  }
  std::string finish() {
    return collect([&](const FieldSink& sink) { stream_->finish(sink); });
  }

 private:
  template <class F>
  std::string collect(F&& work) {
    std::string out;
    work([&](const FieldEvent& event) {
      if (!out.empty()) out += " | ";
      out.append(event.restart ? "!" : "")
          .append(event.field)
          .append("=")
          .append(event.text)
          .append(event.done ? "." : "");
    });
    return out;
  }

  std::unique_ptr<FieldStream> stream_;
};

}  // namespace

TEST_CASE("Labelled fields flow while they are written") {
  Feeder feed("question -> reasoning, answer");

  CHECK(feed.push("Reas") == "");
  CHECK(feed.push("oning: two") == "reasoning=two");
  CHECK(feed.push(" and") == "reasoning= and");
  CHECK(feed.push(" two \n") == "reasoning= two");
  CHECK(feed.push("is four\nAns") == "reasoning= \nis four");
  CHECK(feed.push("wering is fun\n") == "reasoning=\nAnswering is fun");
  CHECK(feed.push("Answer") == "");
  CHECK(feed.push(": ") == "reasoning=.");
  CHECK(feed.push("4") == "answer=4");
  CHECK(feed.finish() == "answer=.");
}

TEST_CASE("Text without labels flows at once if there is one output") {
  Feeder feed("question -> answer");

  CHECK(feed.push("A") == "");
  CHECK(feed.push("ll of") == "answer=All of");
  CHECK(feed.push(" it ") == "answer= it");
  CHECK(feed.finish() == "answer=.");
}

TEST_CASE("Chatter that was handed out is taken back when the label comes") {
  Feeder feed("question -> answer");

  CHECK(feed.push("Sure!\n") == "answer=Sure!");
  CHECK(feed.push("Answer: 4") == "!answer= | answer=4");
  CHECK(feed.finish() == "answer=.");
}

TEST_CASE("Chatter is not a field's text if there are several outputs") {
  Feeder feed("question -> answer, why");

  CHECK(feed.push("Sure!\nHere:\n") == "");
  CHECK(feed.push("Answer: 4\nWhy: so") == "answer=4 | answer=. | why=so");
  CHECK(feed.finish() == "why=.");
}

TEST_CASE("Strings of a JSON object flow, other values come whole") {
  Feeder feed("question -> answer, score: float, tags: list[str]");

  CHECK(feed.push(" {\"ans") == "");
  CHECK(feed.push("wer\": \"a\\") == "answer=a");
  CHECK(feed.push("n\\u00e") == "answer=\n");
  CHECK(feed.push("9\\ud83d\\ude00b\", \"sco") == "answer=é | answer=😀 | answer=b | answer=.");
  CHECK(feed.push("re\": 0.") == "");
  CHECK(feed.push("5, 'tags': [\"x, }\", ") == "score=0.5.");
  CHECK(feed.push("'y'], \"other\": {\"answer\": 1}}") == "tags=[\"x, }\",\"y\"].");
  CHECK(feed.finish() == "");
}

TEST_CASE("A fence before an object is passed over") {
  Feeder feed("question -> answer");

  CHECK(feed.push("```js") == "");
  CHECK(feed.push("on\n{\"answer\": 'it") == "answer=it");
  CHECK(feed.push("'s\"") == "answer=' | answer=s\"");
  CHECK(feed.push("'}\n```") == "answer=.");
  CHECK(feed.finish() == "");
}

TEST_CASE("Thoughts are not a field's text") {
  Feeder feed("question -> answer");

  CHECK(feed.push("<th") == "");
  CHECK(feed.push("ink>Answer: 1\n</thi") == "");
  CHECK(feed.push("nk>\n") == "");
  CHECK(feed.push("Answer: 2") == "answer=2");
  CHECK(feed.finish() == "answer=.");
}

TEST_CASE("What a model invents after its reply is not handed out") {
  Feeder feed("question -> answer");

  CHECK(feed.push("Answer: 4\nQuestion: next?\nAnswer: 5") == "answer=4");
  CHECK(feed.finish() == "answer=.");
}

TEST_CASE("Characters arrive whole, and broken bytes as U+FFFD") {
  Feeder feed("question -> answer");

  CHECK(feed.push("Answer: \xC3") == "");
  CHECK(feed.push("\xA9\xE2\x82") == "answer=é");
  CHECK(feed.push("x") == "answer=\uFFFDx");
  CHECK(feed.push("\xF0\x9F") == "");
  CHECK(feed.finish() == "answer=\uFFFD.");
}

TEST_CASE("An absent field has no events") {
  Feeder feed("question -> answer, note: Optional[str]");

  CHECK(feed.push("Note:\nAnswer: x") == "answer=x");
  CHECK(feed.finish() == "answer=.");
}

TEST_CASE("A stream of the text that an adapter writes never begins anew") {
  std::mt19937 random(5);
  const auto signature = Signature::parse("question -> reasoning, count: int, answer");
  const std::string reply =
      "Reasoning: one\n\n  two\n```\nAnswer: no\n```\n\\Answer: guarded\nCount: 3\nAnswer: it is\n- so";
  for (int round = 0; round < 200; ++round) {
    const auto streamed = test::stream(FieldAdapter(), signature, reply, [&] { return 1 + random() % 9; });

    CHECK(streamed.restarts == 0);
    CHECK(streamed.texts.at("reasoning") == "one\n\n  two\n```\nAnswer: no\n```\nAnswer: guarded");
    CHECK(streamed.texts.at("count") == "3");
    CHECK(streamed.texts.at("answer") == "it is\n- so");
    for (const auto& [name, count] : streamed.done) CHECK(count == 1);
  }
}

TEST_CASE("Long replies stream byte by byte in linear time") {
  const auto signature = Signature::parse("question -> answer, note: Optional[str]");
  for (const std::string_view piece :
       {"x", " ", "\n", "\\", "-", "`", "A", "[", "word\n", "{\"answer\":", "Answer: x\n"}) {
    for (const std::string_view start : {"", "Answer: x\n", "<think>", "{\"answer\": \""}) {
      CAPTURE(piece);
      CAPTURE(start);
      std::string reply(start);
      while (reply.size() < 100'000) reply += piece;

      const auto streamed = test::stream(FieldAdapter(), signature, reply, [] { return 1; });

      CHECK(streamed.events <= 200'000);
    }
  }
}

TEST_CASE("What a sink throws passes through") {
  const auto stream =
      FieldAdapter().prepare(std::make_shared<const Signature>(Signature::parse("q -> answer")))->open_stream();

  CHECK_THROWS_WITH(stream->push("Answer: x", [](const FieldEvent&) { throw std::runtime_error("enough"); }), "enough");
}
