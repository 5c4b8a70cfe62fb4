// What Python DSPy 3.3.1 was seen to do: tests/cases/dspy; and 3.4.1: tests/cases/dspy/3.4.1.
// docs/guide/adapters.md lists where this library differs on purpose.

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
  if (adapter == "json" && turn.role == Role::assistant) return json_sections(turn.text());
  if (adapter == "xml") return tag_sections(turn.text());
  auto sections = marker_sections(turn.text());
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

std::vector<std::pair<Role, std::string>> messages_of(const Chat& chat) {
  std::vector<std::pair<Role, std::string>> out;
  for (const auto& message : chat) out.emplace_back(message.role, message.text());
  return out;
}

/// An assistant turn of the XML adapter: the elements of the outputs.
Sections output_sections(const Signature& signature, std::string_view text) {
  Sections out;
  for (const auto& field : signature.outputs) {
    const auto open = "<" + field.name + ">";
    const auto start = text.find(open);
    const auto end = text.find("</" + field.name + ">", start);
    REQUIRE(start != std::string_view::npos);
    REQUIRE(end != std::string_view::npos);
    out.emplace_back(field.name, text::trim(text.substr(start + open.size(), end - start - open.size())));
    text.remove_prefix(end);
  }
  return out;
}

/// A turn of a conversation as the rows have it.
struct Turn {
  std::string role;
  Sections sections;
  bool has_reminder = false;
  bool is_incomplete = false;
  bool is_completed = false;

  bool operator==(const Turn&) const = default;
};

Turn turn_of(const std::string& adapter, const Signature& signature, const Message& message) {
  Turn out{.role = std::string(to_string(message.role)), .sections = {}};
  std::string content = message.text();
  if (message.role == Role::user) {
    if (const auto request = content.rfind("\n\nReply "); request != std::string::npos) {
      out.has_reminder = true;
      content.resize(request);
    }
    out.is_incomplete = content.starts_with("(An example with some fields missing");
    out.sections = adapter == "xml" ? tag_sections(content) : marker_sections(content);
  } else if (adapter == "chat") {
    out.sections = marker_sections(content);
    out.is_completed = out.sections.back().first == "completed";
    if (out.is_completed) out.sections.pop_back();
  } else {
    out.sections = adapter == "xml" ? output_sections(signature, content) : json_sections(content);
  }
  return out;
}

Turn recorded_turn(const JsonObject& data) {
  Turn out{.role = test::text_of(data.at("role")), .sections = {}};
  for (const auto& section : data.at("sections").as_array())
    out.sections.emplace_back(section.as_array()[0].as_string(), section_text(section.as_array()[1]));
  const auto flag = [&](const char* name) { return data.contains(name) && data.at(name).as_bool(); };
  out.has_reminder = flag("reminder");
  out.is_incomplete = flag("incomplete_mark");
  out.is_completed = flag("completed_mark");
  return out;
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

TEST_CASE("Messages have the structure and the values of Python DSPy's, 3.3.1 and 3.4.1") {
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

    const Question question{.signature = signature, .demos = demos, .inputs = data.at("inputs").as_object()};
    const auto chat = adapter(name + "@dspy-3.3")->format(question);
    CHECK(messages_of(chat) == messages_of(adapter(name + "@dspy-3.4")->format(question)));

    const auto& structure = data.at("structure").as_array();
    REQUIRE(chat.size() == structure.size());
    for (std::size_t i = 0; i < chat.size(); ++i) {
      const auto& expected = structure[i].as_object();
      const auto& content = chat[i].text();
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

TEST_CASE("Conversations are written as Python DSPy 3.4.1 writes them, without the reminder in the profile of 3.3.1") {
  std::size_t count = 0;
  std::size_t nulls = 0;
  for (const auto& data : test::load_cases("dspy/3.4.1/history.jsonl")) {
    const auto id = test::text_of(data.at("id"));
    const auto name = test::text_of(data.at("adapter"));
    CAPTURE(id);
    const auto signature = Signature::parse(test::text_of(data.at("signature")));
    std::vector<Example> demos;
    bool has_null = false;  // which is a value here, and makes a demonstration incomplete there
    for (const auto& demo : data.at("demos").as_array()) {
      demos.emplace_back(demo.as_object(), signature);
      has_null |= std::ranges::any_of(demo.as_object(), [](const auto& member) { return member.value().is_null(); });
    }
    nulls += has_null ? 1 : 0;
    auto inputs = data.at("inputs").as_object();
    if (!data.at("history").is_null()) inputs["history"] = JsonObject{{"messages", data.at("history")}};
    ++count;
    if (has_null) continue;

    for (const bool is_new : {true, false}) {
      CAPTURE(is_new);
      const auto chat = adapter(name + (is_new ? "@dspy-3.4" : "@dspy-3.3"))
                            ->format({.signature = signature, .demos = demos, .inputs = inputs});

      const auto& structure = data.at("structure").as_array();
      REQUIRE(chat.size() == structure.size());
      for (std::size_t i = 0; i < chat.size(); ++i) {
        const auto& content = chat[i].text();
        CAPTURE(content);
        if (chat[i].role == Role::system) continue;
        auto expected = recorded_turn(structure[i].as_object());
        if (!is_new && i + 1 != chat.size()) expected.has_reminder = false;
        const auto turn = turn_of(name, signature, chat[i]);
        CHECK(turn.role == expected.role);
        CHECK(turn.sections == expected.sections);
        CHECK(turn.has_reminder == expected.has_reminder);
        CHECK(turn.is_incomplete == expected.is_incomplete);
        CHECK(turn.is_completed == expected.is_completed);
      }
    }
  }
  CHECK(count == 138);
  CHECK(nulls == 12);
}
