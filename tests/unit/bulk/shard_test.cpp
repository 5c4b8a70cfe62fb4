#include "dspy/bulk/shard.hpp"

#include "bulk/part_folder.hpp"
#include "bulk/row_source.hpp"
#include "dspy/base/error.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

using namespace dspy;

TEST_CASE("A shard is written INDEX/COUNT, from 0") {
  CHECK(Shard::parse("3/64") == Shard{.index = 3, .count = 64});
  CHECK(to_string(Shard{.index = 0, .count = 1}) == "0/1");
  for (const auto* const text : {"64/64", "1", "", "1/", "/2", "-1/2", "1/0", "0/100001", "1/2/3", " 1/2", "0x1/2"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(Shard::parse(text), Error);
  }
}

TEST_CASE("A rule is read as it is written") {
  for (const auto* const text : {"range", "row", "hash:topic"}) CHECK(to_string(ShardRule::parse(text)) == text);
  CHECK_THROWS_AS(ShardRule::parse("hash:"), Error);
  CHECK_THROWS_AS(ShardRule::parse("hash"), Error);
  CHECK(ShardRule::usual("x.jsonl").by == ShardRule::By::range);
  CHECK(ShardRule::usual("x.csv").by == ShardRule::By::row);
}

TEST_CASE("Whatever the lines and the number of shards, each line belongs to one shard") {
  const test::Folder folder;
  for (const std::string text : {"{}\n{}\n", "{\"a\":1}\n\n\n{\"b\":2}", "\xEF\xBB\xBF{}\n{}",
                                 "{\"long\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}\n{}\n{}", ""}) {
    CAPTURE(text);
    const auto file = folder.write("in.jsonl", text);
    std::vector<std::uint64_t> whole;
    bulk::InputRow row;
    for (const auto all = bulk::open_rows(file, nullptr, {}, {}); all->next(row);) whole.push_back(row.at);
    for (std::size_t count = 1; count < 40; ++count) {
      std::vector<std::uint64_t> parts;
      for (std::size_t i = 0; i < count; ++i) {
        const auto source = bulk::open_rows(file, nullptr, {.index = i, .count = count}, ShardRule::parse("range"));
        while (source->next(row)) {
          CHECK(bulk::values_of(row).has_value());
          parts.push_back(row.at);
        }
      }
      CHECK(parts == whole);
    }
  }
}

TEST_CASE("Rows of one value share a shard") {
  const test::Folder folder;
  std::string text;
  for (int i = 0; i < 100; ++i)
    text += "{\"topic\": " + std::to_string(i % 9) + ", \"n\": " + std::to_string(i) + "}\n";
  const auto file = folder.write("in.jsonl", text);
  std::map<std::string, std::size_t> home;
  std::size_t seen = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto source = bulk::open_rows(file, nullptr, {.index = i, .count = 4}, ShardRule::parse("hash:topic"));
    for (bulk::InputRow row; source->next(row); ++seen) {
      const auto [found, is_new] = home.emplace(to_text(bulk::values_of(row).value().at("topic")), i);
      CHECK(found->second == i);
    }
  }
  CHECK(seen == 100);
  CHECK(home.size() == 9);
}

TEST_CASE("The head of a row is read back as it was written, and nothing else is taken for one") {
  const bulk::RowHead head{.at = 123'456'789'012, .sum = 0xFEDCBA9876543210ULL, .state = bulk::RowState::again};
  std::string line;
  bulk::append_row(line, head, R"("key":"k")");
  CHECK(line == "{\"at\":123456789012,\"sum\":\"fedcba9876543210\",\"state\":\"again\",\"key\":\"k\"}\n");
  line.pop_back();
  std::string_view rest;
  CHECK(bulk::row_head(line, &rest) == head);
  CHECK(rest == R"("key":"k"})");
  for (std::size_t size = 0; size < line.size(); ++size) CHECK_FALSE(bulk::row_head(line.substr(0, size)));
  CHECK_FALSE(bulk::row_head(R"({"at":-1,"sum":"00","state":"done","key":""})"));
  CHECK_FALSE(bulk::row_head(R"({"at":1,"sum":"00","state":"gone","key":""})"));
}
