// What Python DSPy 3.3.1 was seen to do: tests/cases/dspy.  docs/guide/adapters.md lists where
// this library differs on purpose.

#include "cases.hpp"
#include "dspy/adapters/adapter.hpp"
#include "dspy/base/text.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

using namespace dspy;

namespace {

using Sections = std::vector<std::pair<std::string, std::string>>;

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

/// The sections that markers alone on their lines open, trimmed.
Sections marker_sections(std::string_view text) {
  Sections out;
  while (!text.empty()) {
    const auto line = take_line(text);
    if (line.starts_with("[[ ## ") && line.ends_with(" ## ]]")) {
      out.emplace_back(line.substr(6, line.size() - 12), "");
    } else if (!out.empty()) {
      out.back().second.append(line).append("\n");
    }
  }
  for (auto& section : out) section.second = text::trim(section.second);
  return out;
}

/// The tags that stand alone on their lines, with what is between them.
Sections tag_sections(std::string_view text) {
  Sections out;
  while (!text.empty()) {
    const auto line = take_line(text);
    if (!line.starts_with('<') || !line.ends_with('>') || line.contains('/')) continue;
    const auto name = line.substr(1, line.size() - 2);
    const auto end = text.find("\n</" + std::string(name) + ">");
    if (end == std::string_view::npos) continue;
    out.emplace_back(name, text::trim(text.substr(0, end)));
    text.remove_prefix(end + 1);
  }
  return out;
}

/// A value of a JSON reply, as `Sections` hold it.
std::string section_text(const Json& value) {
  return value.is_string() ? std::string(text::trim(view(value.get_string()))) : to_text(value);
}

Sections json_sections(std::string_view text) {
  Sections out;
  const auto value = parse_json(text);
  REQUIRE(value.has_value());
  for (const auto& member : value->as_object()) out.emplace_back(member.key(), section_text(member.value()));
  return out;
}

Sections sections_of(std::string_view adapter, const Message& turn, bool is_question) {
  if (adapter == "json" && turn.role == Role::assistant) return json_sections(turn.content);
  if (adapter == "xml") return tag_sections(turn.content);
  auto sections = marker_sections(turn.content);
  if (turn.role == Role::assistant) {
    REQUIRE(!sections.empty());
    CHECK(sections.back() == std::pair<std::string, std::string>("completed", ""));
    sections.pop_back();
  } else if (is_question) {  // the request for the outputs follows
    auto& last = sections.back().second;
    last.resize(last.rfind("\n\n"));
  }
  return sections;
}

}  // namespace

TEST_CASE("Replies are read as Python DSPy reads them") {
  std::size_t count = 0;
  for (const auto& data : test::load_cases("dspy/parse.jsonl")) {
    const auto name = test::text_of(data.at("adapter"));
    const auto completion = test::text_of(data.at("completion"));
    CAPTURE(name);
    CAPTURE(completion);
    CAPTURE(test::text_of(data.at("signature")));
    ++count;

    const auto reading = adapter(name)->parse(Signature::parse(test::text_of(data.at("signature"))), completion);

    if (const auto* const outputs = data.if_contains("outputs")) {
      CHECK_MESSAGE(reading.has_value(), (reading ? "" : reading.error().message()));
      if (reading) CHECK(reading->outputs == outputs->as_object());
    } else if (test::text_of(data.at("kind")).starts_with("missing")) {
      CHECK_FALSE(reading.has_value());
      if (!reading) CHECK_FALSE(reading.error().missing.empty());
    }  // else the value is there, and DSPy is less tolerant
  }
  CHECK(count == 445);
}

TEST_CASE("Messages have the structure and the values of Python DSPy's") {
  std::size_t count = 0;
  for (const auto& data : test::load_cases("dspy/render.jsonl")) {
    const auto name = test::text_of(data.at("adapter"));
    CAPTURE(name);
    CAPTURE(test::text_of(data.at("signature")));
    const auto* const instructions = data.if_contains("instructions");
    const auto signature =
        Signature::parse(test::text_of(data.at("signature")),
                         instructions && instructions->is_string() ? test::text_of(*instructions) : std::string());
    std::vector<Example> demos;
    for (const auto& demo : data.at("demos").as_array()) demos.emplace_back(demo.as_object(), signature);
    ++count;

    const auto chat =
        adapter(name)->format({.signature = signature, .demos = demos, .inputs = data.at("inputs").as_object()});

    const auto& structure = data.at("structure").as_array();
    REQUIRE(chat.size() == structure.size());
    for (std::size_t i = 0; i < chat.size(); ++i) {
      const auto& expected = structure[i].as_object();
      const auto& content = chat[i].content;
      CAPTURE(content);
      CHECK(to_string(chat[i].role) == test::text_of(expected.at("role")));
      if (!expected.contains("sections")) continue;
      Sections recorded;
      for (const auto& section : expected.at("sections").as_array())
        recorded.emplace_back(test::text_of(section.as_array()[0]), section_text(section.as_array()[1]));
      CHECK(sections_of(name, chat[i], i + 1 == chat.size()) == recorded);
    }
  }
  CHECK(count == 130);
}
