// Replies that Python DSPy 3.4.1 streamed, cut as they arrived and in other ways: what is said joins to the value that
// is read, and that is DSPy's.

#include "adapters/reading/reader.hpp"
#include "cases.hpp"
#include "every.hpp"
#include "streamed.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace dspy;

TEST_CASE("Streams of Python DSPy 3.4.1 give its values, however they are cut") {
  std::size_t count = 0;
  for (const auto& row : test::load_cases("dspy/3.4.1/stream.jsonl")) {
    const auto* const clean = row.if_contains("clean");
    if (clean == nullptr || !clean->as_bool()) continue;
    const auto id = test::text_of(row.at("id"));
    CAPTURE(id);
    const auto name = test::text_of(row.at("adapter"));
    const auto each = std::ranges::find(test::every_adapter, name, &test::EachAdapter::name);
    REQUIRE(each != test::every_adapter.end());
    const auto signature = Signature::parse(test::text_of(row.at("signature")));
    std::string reply;
    std::vector<std::size_t> sizes;
    for (const auto& chunk : row.at("chunks").as_array()) {
      reply += test::text_of(chunk);
      sizes.push_back(chunk.as_string().size());
    }
    std::erase(sizes, 0U);
    CAPTURE(reply);
    ++count;

    const auto reading = each->make()->parse(signature, reply);

    const auto& outputs = row.at("outputs").as_object();
    if (std::ranges::any_of(outputs, [](const auto& output) { return output.value() == Json(""); })) {
      CHECK_FALSE(reading.has_value());  // an empty text is a missing one here
      continue;
    }
    REQUIRE(reading.has_value());
    for (const auto& output : outputs) CHECK(to_text(reading->outputs.at(output.key())) == to_text(output.value()));

    const ReplyForm form(std::make_shared<const Signature>(signature), each->form, each->text);
    const ReplyReader reader(form, reply);
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{7}, reply.size()}) {
      std::size_t next = 0;
      const auto streamed =
          test::stream(*each->make(), signature, reply, [&] { return size != 0 ? size : sizes.at(next++); });
      for (std::size_t i = 0; i < signature.outputs.size(); ++i) {
        const auto text = streamed.texts.find(signature.outputs[i].name);
        CHECK((text == streamed.texts.end() ? "" : text->second) == reader.raw_text(i).value_or(""));
      }
    }
  }
  CHECK(count > 50);
}
