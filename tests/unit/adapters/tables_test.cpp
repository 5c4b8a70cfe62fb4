// The tables in tests/cases/<adapter>: prompts.jsonl, and replies/*.jsonl.

#include "adapters/reading/reader.hpp"
#include "cases.hpp"
#include "every.hpp"
#include "streamed.hpp"
#include "texts.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

using namespace dspy;

namespace {

std::vector<Example> examples(const JsonObject& data, std::string_view key, const Signature& signature) {
  std::vector<Example> out;
  if (const auto* const rows = data.if_contains(key)) {
    for (const auto& row : rows->as_array()) out.emplace_back(row.as_object(), signature);
  }
  return out;
}

JsonArray sorted(std::vector<std::string> items) {
  std::ranges::sort(items);
  JsonArray out;
  for (const auto& item : items) out.emplace_back(item);
  return out;
}

/// What came of a reply, as the tables write it.
JsonObject result_of(const std::expected<Reading, Unreadable>& reading) {
  JsonObject out;
  if (reading) {
    out["outputs"] = reading->outputs;
  } else {
    const auto& error = reading.error();
    if (!error.missing.empty()) out["missing"] = sorted(error.missing);
    JsonObject reasons;
    for (const auto& fault : error.invalid) reasons.emplace(fault.field, fault.reason);
    if (!reasons.empty()) out["invalid"] = std::move(reasons);
    if (!error.partial.empty()) out["partial"] = error.partial;
  }
  std::vector<std::string> names;
  for (const auto& [field, repair] : reading ? reading->flags : reading.error().flags)
    names.push_back(field + ":" + repair);
  if (!names.empty()) out["flags"] = sorted(std::move(names));
  return out;
}

/// The same, as a table has it.
JsonObject expected_of(const JsonObject& row) {
  JsonObject out;
  for (const auto* const key : {"outputs", "missing", "invalid", "partial", "flags"}) {
    const auto* const value = row.if_contains(key);
    if (value == nullptr) continue;
    const bool is_set = std::string_view(key) == "missing" || std::string_view(key) == "flags";
    if (is_set) {
      std::vector<std::string> items;
      for (const auto& item : value->as_array()) items.push_back(test::text_of(item));
      out[key] = sorted(std::move(items));
    } else {
      out[key] = *value;
    }
  }
  return out;
}

void check_message(const Unreadable& unreadable) {
  const auto message = unreadable.message();
  CAPTURE(message);
  for (const auto& field : unreadable.missing) CHECK(message.contains("`" + field + "`"));
  for (const auto& fault : unreadable.invalid) {
    CHECK(message.contains("`" + fault.field + "`"));
    CHECK(message.contains(fault.reason));
  }
}

void check_violations(const Unreadable& unreadable) {
  const auto all = unreadable.violations();
  CHECK(all.size() >= unreadable.missing.size() + unreadable.invalid.size());
  for (const auto& fault : unreadable.invalid) {
    CAPTURE(fault.field);
    REQUIRE_FALSE(fault.violations.empty());
    for (const auto& [path, rule, value, reason] : fault.violations) {
      CAPTURE(path);
      const auto rest = std::string_view(path).substr(std::min(path.size(), fault.field.size()));
      CHECK(path.starts_with(fault.field));
      CHECK((rest.empty() || rest[0] == '.' || rest[0] == '['));
      CHECK_FALSE(rule.empty());
      CHECK_FALSE(reason.empty());
      CHECK_FALSE(value.is_structured());
    }
  }
}

JsonArray to_json(const Chat& chat) {
  JsonArray out;
  for (const auto& message : chat) out.push_back(JsonArray{to_string(message.role), message.text()});
  return out;
}

/// Runs `check` on each row of a table.  With DSPY_UPDATE_GOLDEN set, what it leaves in the row
/// is written back instead, for the author to review.
template <class F>
void for_each_row(const std::string& file, F&& check) {
  auto rows = test::load_cases(file);
  for (auto& row : rows) {
    const auto name = test::text_of(row.at("name"));
    CAPTURE(file);
    CAPTURE(name);
    check(row);
  }
  if (test::updates_golden()) test::save_cases(file, rows);
}

template <class F>
void for_each_reply(const test::EachAdapter& each, F&& visit) {
  for (const auto& file : test::case_files(std::string(each.name) + "/replies")) {
    for (const auto& row : test::load_cases(file)) {
      const auto name = test::text_of(row.at("name"));
      CAPTURE(file);
      CAPTURE(name);
      visit(row);
    }
  }
}

}  // namespace

TEST_CASE("Prompts are written as tests/cases/<adapter>/prompts.jsonl says") {
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    std::size_t count = 0;
    for_each_row(std::string(each.name) + "/prompts.jsonl", [&](JsonObject& row) {
      ++count;
      const auto signature = test::signature_of_case(row);
      const auto demos = examples(row, "demos", signature);
      const auto history = examples(row, "history", signature);

      const auto chat = each.make()->format(
          {.signature = signature, .demos = demos, .history = history, .inputs = row.at("inputs").as_object()});

      if (test::updates_golden()) row["messages"] = to_json(chat);
      CHECK(to_text(to_json(chat)) == to_text(row.at("messages")));
    });
    CHECK(count >= 5);
  }
}

TEST_CASE("Replies are read as tests/cases/<adapter>/replies says") {
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    for (const auto& file : test::case_files(std::string(each.name) + "/replies")) {
      for_each_row(file, [&](JsonObject& row) {
        const auto reply = test::reply_of(row);
        CAPTURE(reply);

        const auto reading = each.make()->parse(test::signature_of_case(row), reply);

        const auto result = result_of(reading);
        if (test::updates_golden()) {
          for (const auto* const key : {"outputs", "missing", "invalid", "partial", "flags"}) row.erase(key);
          for (const auto& member : result) row[member.key()] = member.value();
        }
        CHECK(to_text(result) == to_text(expected_of(row)));
        if (!reading) {
          check_message(reading.error());
          check_violations(reading.error());
        }
      });
    }
  }
}

TEST_CASE("The tables hold at least 300 broken replies") {
  std::size_t broken = 0;
  for (const auto& each : test::every_adapter) {
    for_each_reply(
        each, [&](const JsonObject& data) { broken += data.contains("flags") || !data.contains("outputs") ? 1 : 0; });
  }
  CHECK(broken >= 300);
}

namespace {

/// Streams a reply in pieces of up to `longest` bytes and compares with what is read of it whole.
test::Streamed check_stream(const test::EachAdapter& each, const Signature& signature, const std::string& reply,
                            std::size_t longest, std::mt19937& random) {
  const ReplyForm form(std::make_shared<const Signature>(signature), each.form, each.text);
  const ReplyReader reader(form, reply);
  auto streamed = test::stream(*each.make(), signature, reply, [&] { return 1 + random() % longest; });
  for (std::size_t i = 0; i < signature.outputs.size(); ++i) {
    const auto& name = signature.outputs[i].name;
    const auto raw = reader.raw_text(i);
    const auto text = streamed.texts.find(name);
    CAPTURE(name);
    REQUIRE((text == streamed.texts.end() ? "" : text->second) == raw.value_or(""));
    if (raw) REQUIRE(streamed.done.at(name) >= 1);
  }
  return streamed;
}

}  // namespace

TEST_CASE("However a reply is cut, its stream joins to what is read at the end") {
  std::mt19937 random(99);
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    std::size_t rows = 0;
    std::size_t restarts = 0;
    for_each_reply(each, [&](const JsonObject& data) {
      const auto signature = test::signature_of_case(data);
      const auto reply = test::reply_of(data);
      CAPTURE(reply);
      ++rows;
      for (int round = 0; round < 12; ++round) {
        restarts += static_cast<std::size_t>(
            check_stream(each, signature, reply, std::size_t{1} << (round / 2), random).restarts);
      }
    });
    // Only the few that cannot be told before their end are begun anew.
    CHECK(restarts < 4 * rows);
  }
}

TEST_CASE("Texts made of everything that readers look for stream as they are read") {
  const auto one = Signature::parse("question -> answer");
  const auto many = Signature::parse("question, text -> answer, order_id: Optional[str], last: list[str]");
  std::mt19937 random(17);
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    test::TextMaker maker(4711);
    for (int round = 0; round < 3'000; ++round) {
      const auto reply = maker.text() + maker.text() + maker.text();
      CAPTURE(reply);
      check_stream(each, one, reply, 1 + random() % 8, random);
      check_stream(each, many, reply, 1 + random() % 8, random);
    }
  }
}
